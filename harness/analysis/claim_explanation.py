"""Row 5, how easily features are explained."""

from __future__ import annotations

import pandas as pd

from harness.analysis.verdicts import Claim, claim


def explainable(trials: pd.DataFrame) -> Claim:
    """Row 5, from `complete` trials."""
    return claim(5, (), "Not measured: no pipeline was explained.")
