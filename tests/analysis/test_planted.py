"""Truths planted in simulated studies come out as they should; `make bench` counts a thousand of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd

from tests.planted import EXPECTED, TRUTHS, study

KEPT = Path(__file__).parents[2] / "results" / "calibration" / "verdicts.csv"


def test_every_row_gets_every_verdict() -> None:
    """Of nine studies, which meet every truth three times in every row, at most one row in 45 may be wrong."""
    judged = [one for seed in range(9) for one in study(seed)]
    assert Counter((one.row, one.truth) for one in judged) == {
        (row, truth): 3 for row in range(1, 6) for truth in TRUTHS
    }
    wrong = [one for one in judged if not one.exact]
    assert len(wrong) <= 1, wrong


def test_the_thousand_studies_kept_have_few_false_verdicts() -> None:
    kept = pd.read_csv(KEPT)
    assert kept["studies"].groupby(kept["row"]).sum().tolist() == [1000] * 5
    for row in kept.to_dict("records"):
        definite = {"supported", "refuted"} - {EXPECTED[row["truth"]]}
        assert sum(row[verdict] for verdict in definite) < 0.05 * row["studies"], row
        assert row["exact"] == row[EXPECTED[row["truth"]]]
