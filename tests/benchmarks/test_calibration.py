"""How often the rules are wrong: a thousand simulated studies with truths planted, and the verdicts they get.

With `HARNESS_BENCH_OUT=results/calibration` the counts are written there as `verdicts.csv`.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from tests.planted import TRUTHS, Judged, study

STUDIES = 1000
VERDICTS = ("supported", "refuted", "mixed", "not measured")


def judged(seed: int) -> list[Judged]:
    return list(study(seed))


def count(everything: list[Judged]) -> pd.DataFrame:
    """One line for each row of the table and truth: studies, verdicts, exact and false ones."""
    lines = []
    for row in range(1, 6):
        for truth in TRUTHS:
            here = [one for one in everything if (one.row, one.truth) == (row, truth)]
            verdicts = {verdict: sum(one.verdict == verdict for one in here) for verdict in VERDICTS}
            exact, false = (sum(getattr(one, name) for one in here) for name in ("exact", "false"))
            lines.append({"row": row, "truth": truth, "studies": len(here), **verdicts, "exact": exact, "false": false})
    return pd.DataFrame(lines)


def test_false_verdicts_of_a_thousand_studies(benchmark: Any) -> None:
    def simulate() -> pd.DataFrame:
        with ProcessPoolExecutor() as pool:
            return count([one for of in pool.map(judged, range(STUDIES), chunksize=20) for one in of])

    counts = benchmark.pedantic(simulate, rounds=1, iterations=1)
    print(counts.to_string(index=False))
    if out := os.environ.get("HARNESS_BENCH_OUT"):
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        counts.to_csv(folder / "verdicts.csv", index=False)
    assert (counts["false"] < 0.05 * counts["studies"]).all()
