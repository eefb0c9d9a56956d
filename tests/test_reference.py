"""The reference runs' reports say what their tables say, and the README's figures come from them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from harness import load_results
from harness.report import write_report

ROOT = Path(__file__).parents[1]


def close(a: object, b: object) -> bool:
    """Whether two JSON values are the same but for the last digits, which another NumPy adds up in another order."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9)
    return a == b


def read_table(path: Path) -> pd.DataFrame:
    """A table of a report; one without any column, as of footprints that were not measured, too."""
    try:
        return pd.read_csv(path)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()


RUNS = sorted(path.parent for path in (ROOT / "results").glob("*/trials.parquet"))


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_report_can_be_drawn_again_from_its_tables(run: Path, tmp_path: Path) -> None:
    kept = ROOT / "reports" / run.name
    write_report(load_results(run), tmp_path)
    assert close(json.loads((tmp_path / "claims.json").read_text()), json.loads((kept / "claims.json").read_text()))
    names = {path.name for path in (kept / "tables").glob("*.csv")}
    assert names == {path.name for path in (tmp_path / "tables").glob("*.csv")}
    for name in names:
        drawn, before = (read_table(folder / "tables" / name) for folder in (tmp_path, kept))
        pd.testing.assert_frame_equal(drawn, before, rtol=1e-9, obj=name)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {p.name for p in (kept / "figures").iterdir()}


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_reference_run_is_complete_and_says_where_it_was_made(run: Path) -> None:
    results = load_results(run)
    assert not {"interrupted"} & set(results.trials["status"])
    assert {"cpu", "cores", "versions", "git_commit"} <= set(results.environment)
    assert results.trials["trial_id"].is_unique
    assert set(results.epochs["trial_id"]) <= set(results.trials["trial_id"])
