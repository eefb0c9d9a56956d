"""The lecture's five rows, judged by `rules` from the trials of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from harness.analysis.claim_data import data_need
from harness.analysis.claim_explanation import explainable
from harness.analysis.claim_features import manual_features
from harness.analysis.claim_hardware import hardware
from harness.analysis.claim_stages import stage_by_stage
from harness.analysis.frames import complete
from harness.analysis.timing import repeats_of
from harness.analysis.verdicts import Claim

# One function for each row of the table.
JUDGES = (hardware, data_need, stage_by_stage, manual_features, explainable)


def claims(trials: pd.DataFrame) -> tuple[Claim, ...]:
    """The five rows, judged by the trials of a run.

    Parameters
    ----------
    trials : DataFrame
        One row per trial, as `harness.load_results` gives them.
    """
    frame = complete(trials)
    repeats = repeats_of(frame)
    return tuple(_with_repeats(judge(frame), repeats) for judge in JUDGES)


def _with_repeats(claim: Claim, repeats: Mapping[str, tuple[str, ...]]) -> Claim:
    """Name all repeats of a trial where one row stood for them."""
    if not repeats:
        return claim
    parts = [
        replace(part, trial_ids=tuple(dict.fromkeys(one for id_ in part.trial_ids for one in repeats.get(id_, (id_,)))))
        for part in claim.parts
    ]
    return replace(claim, parts=tuple(parts))
