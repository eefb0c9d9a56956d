"""The reference runs' reports say what their tables say, and the README's figures come from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import load_results
from harness.report import write_report

ROOT = Path(__file__).parents[1]
RUNS = sorted(path.parent for path in (ROOT / "results").glob("*/trials.parquet"))


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_report_can_be_drawn_again_from_its_tables(run: Path, tmp_path: Path) -> None:
    kept = ROOT / "reports" / run.name
    write_report(load_results(run), tmp_path)
    assert json.loads((tmp_path / "claims.json").read_text()) == json.loads((kept / "claims.json").read_text())
    names = {path.name for path in (kept / "tables").glob("*.csv")}
    assert names == {path.name for path in (tmp_path / "tables").glob("*.csv")}
    for name in names:
        assert (tmp_path / "tables" / name).read_text() == (kept / "tables" / name).read_text(), name
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {p.name for p in (kept / "figures").iterdir()}


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_reference_run_is_complete_and_says_where_it_was_made(run: Path) -> None:
    results = load_results(run)
    assert not {"interrupted"} & set(results.trials["status"])
    assert {"cpu", "cores", "versions", "git_commit"} <= set(results.environment)
    assert results.trials["trial_id"].is_unique
    assert set(results.epochs["trial_id"]) <= set(results.trials["trial_id"])
