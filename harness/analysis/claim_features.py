"""Row 4, features by hand against learned ones."""

from __future__ import annotations

import pandas as pd

from harness.analysis.verdicts import Claim, claim


def manual_features(trials: pd.DataFrame) -> Claim:
    """Row 4, from `complete` trials."""
    return claim(4, (), "Not measured: no rows of handcrafted and learned features under the same classifiers.")
