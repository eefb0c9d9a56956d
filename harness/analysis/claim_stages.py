"""Row 3, stages against end to end."""

from __future__ import annotations

import pandas as pd

from harness.analysis.verdicts import Claim, claim


def stage_by_stage(trials: pd.DataFrame) -> Claim:
    """Row 3, from `complete` trials."""
    return claim(3, (), "Not measured: no rows of one network trained frozen, stage by stage and jointly.")
