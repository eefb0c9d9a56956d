"""The reference runs' reports say what their tables say, and the README's figures come from them."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pandas as pd
import pytest

from harness import load_results
from harness.report import write_report

ROOT = Path(__file__).parents[1]
NUMBER = r"\d[\d,]*(?:\.\d+)?"


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


def readme_table() -> tuple[Path, list[list[str]]]:
    """The report that the README opens with, and the cells of its table's rows."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    opening, _, rest = text.partition("| # | traditional | deep | verdict |")
    report = re.findall(r"\(reports/([\w-]+)/figures/[\w-]+\.png\)", opening)[-1]
    lines = [line for line in rest.split("\n\n")[0].splitlines() if re.match(r"\| \d ", line)]
    return ROOT / "reports" / report, [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def test_the_readme_opens_with_the_table_of_a_report_that_is_kept() -> None:
    """Every verdict is that of `claims.json`, every figure one of the row's there, rounded."""
    report, rows = readme_table()
    claims = json.loads((report / "claims.json").read_text())
    assert [row[:3] for row in rows] == [[str(c["number"]), c["traditional"], c["deep"]] for c in claims]
    assert [row[3].strip("*") for row in rows] == [claim["verdict"] for claim in claims]
    for row, claim in zip(rows, claims, strict=True):
        known = [abs(float(number.replace(",", ""))) for number in re.findall(NUMBER, claim["sentence"])]
        ends = [part[key] for part in claim["parts"] for key in ("effect", "low", "high") if part[key] is not None]
        known += [abs(scale * value) for value in ends for scale in (1, 100)]
        said_there = re.findall(NUMBER, " ".join(part["statement"] for part in claim["parts"]))
        known += [95.0, *(float(number.replace(",", "")) for number in said_there)]
        for said in re.findall(NUMBER, " ".join(row[4:])):
            places = len(said.partition(".")[2])
            number = float(said.replace(",", ""))
            assert any(round(value, places) == number for value in known), f"row {row[0]}: {said} is not in claims.json"
