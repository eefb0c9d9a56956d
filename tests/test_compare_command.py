"""`harness compare` as a user meets it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest
import typer.testing

from harness.cli import app
from harness.results import Results, save_tables
from harness.run.columns import EPOCH_COLUMNS, TRIAL_COLUMNS
from harness.run.folder import RunFolder
from tests import synthetic


@pytest.fixture
def runs(tmp_path: Path) -> tuple[str, str]:
    """A run, and the same again with training half as slow again."""
    before = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100,), seeds=5, noise=0.001)
    after = before.assign(train_s=before["train_s"] * (1.5 + 0.01 * before["seed"]))
    for name, frame in (("a", before), ("b", after)):
        (tmp_path / name).mkdir()
        trials = frame.assign(machine="m").reindex(columns=list(TRIAL_COLUMNS))
        trials = trials.assign(**{column: trials[column].round() for column in ("peak_bytes", "base_bytes")})
        epochs = pd.DataFrame(columns=list(EPOCH_COLUMNS)).astype(EPOCH_COLUMNS)
        save_tables(Results(trials.astype(TRIAL_COLUMNS), epochs, pd.DataFrame(), {}, name), RunFolder(tmp_path / name))
    return str(tmp_path / "a"), str(tmp_path / "b")


def printed(*words: str) -> str:
    done = typer.testing.CliRunner().invoke(app, ["compare", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_slower_run_is_worse_in_every_format(runs: tuple[str, str], tmp_path: Path) -> None:
    text = printed(*runs)
    assert "training time: 4 worse" in text
    assert "accuracy: 4 no difference" in text
    assert "Holm" in text
    rows = list(csv.DictReader(io.StringIO(printed(*runs, "--format", "csv"))))
    assert {row["verdict"] for row in rows if row["metric"] == "training time"} == {"worse"}
    printed(*runs, "-f", "json", "-o", str(tmp_path / "out.json"))
    found = json.loads((tmp_path / "out.json").read_text())
    assert len(found["cells"]) == len(rows)
    assert all(cell["p_holm"] >= cell["p"] for cell in found["cells"])


def test_what_is_no_run_is_a_mistake(runs: tuple[str, str], tmp_path: Path) -> None:
    done = typer.testing.CliRunner().invoke(app, ["compare", runs[0], str(tmp_path / "none")])
    assert done.exit_code != 0
    assert "not a run folder" in str(done.exception)
