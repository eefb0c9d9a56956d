"""`harness check` and the first lines of `harness run`: what is expected of a suite, and that it is only told."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from harness.cli import app
from harness.run import history, runner
from harness.run.folder import RunFolder
from harness.run.progress import ProgressDisplay
from harness.suite.load import LoadedSuite, parse_suite
from tests import simulated
from tests.run.forecast_cases import MIB, SUITE, earlier, planned


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "suite.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)


def check(*words: str) -> str:
    return asked(*words).stdout


def asked(*words: str) -> Result:
    done = CliRunner().invoke(app, ["check", "suite.yaml", *words])
    assert done.exit_code == 0, done.output
    return done


def test_without_earlier_rows_it_says_so() -> None:
    text = check()
    assert re.search(r"^svm +traditional +4 +100 300 +unknown +unknown *$", text, re.MULTILINE)
    assert "expected: unknown until the first trials have finished" in text
    assert "known from: nothing: no earlier row of this machine tells of these trials" in text
    assert not Path("runs").exists()


def test_earlier_runs_beside_the_run_folder_tell() -> None:
    earlier(Path("runs/other"), 10.0)
    text = check()
    assert re.search(r"^svm +traditional +4 +100 300 +\d+\.\d s +100 MiB +same size *$", text, re.MULTILINE)
    assert "expected: about 4 min for 12 trials" in text
    assert f"known from: 12 earlier rows of this machine ({Path('runs/other').absolute()})" in text
    assert "unknown until" in check("-o", "elsewhere/new")
    assert "unknown until" not in check("-o", "runs/new")


def test_what_is_not_known_is_counted() -> None:
    earlier(Path("runs/other"), 10.0, text=SUITE.replace("svm: {features: pixels, estimator: sklearn.svm.SVC}", ""))
    text = check()
    assert re.search(r"^svm .* unknown +unknown *$", text, re.MULTILINE)
    assert "for 8 of 12 trials; the others are unknown so far" in text


def test_what_has_finished_is_done_and_tells_of_the_rest() -> None:
    earlier(Path("runs/earlier"), 10.0)
    journal = Path("runs/earlier/journal.jsonl")
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:6]))
    text = check()
    assert f"done: 6 trials have their rows in {Path('runs/earlier')}; 6 to run" in text
    assert f"known from: the rows of {Path('runs/earlier')}" in text
    assert re.search(r"^svm +traditional +4 +100 300 +2 +\d+\.\d s ", text, re.MULTILINE)
    states = pd.read_csv(io.StringIO(check("--format", "csv")))["state"]
    assert states.tolist() == ["done"] * 6 + ["to run"] * 6


def test_rows_of_another_machine_are_done_and_tell_nothing() -> None:
    earlier(Path("runs/earlier"), 10.0, machine="another")
    journal = Path("runs/earlier/journal.jsonl")
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:6]))
    text = check()
    assert "done: 6 trials have their rows in runs/earlier; 6 to run" in text
    assert "expected: unknown until the first trials have finished" in text


def test_when_all_is_done_nothing_is_expected() -> None:
    earlier(Path("runs/earlier"), 10.0)
    text = check()
    assert "12 trials have their rows in runs/earlier; 0 to run" in text
    assert "expected" not in text


def test_trials_of_which_more_is_expected_than_they_may_take_are_told() -> None:
    earlier(Path("runs/other"), 10.0)
    text = check("--set", "limits.time=20s")
    assert text.count("warning: ") == 3
    assert re.search(r"warning: svm digits n=300 cpu: .* the time limit: about \d+\.\d s against 20\.0 s \(2 tri", text)
    assert "warning: cnn/sgd digits n=100 cpu: expected to pass the memory limit" in check(
        "--set", "limits.memory=50MiB"
    )


def test_every_trial_has_a_line_in_each_format() -> None:
    earlier(Path("runs/other"), 10.0)
    ids = [trial.id for trial in planned()]
    rows = json.loads(check("--format", "json"))
    table = pd.read_csv(io.StringIO(check("--format", "csv")))
    assert [row["trial_id"] for row in rows] == table["trial_id"].tolist() == ids
    assert [row["expected_s"] for row in rows] == pytest.approx(table["expected_s"].tolist())
    assert table["expected_peak_bytes"].tolist() == pytest.approx([100 * MIB] * 12, rel=0.01)
    lines = check("--trials").splitlines()
    assert lines[0].split()[-5:] == ["state", "expected_s", "expected_peak_mib", "known_from", "passes"]
    assert len(lines) == 13
    assert len(check("--trials", "--only", "svm").splitlines()) == 5


def test_skipped_trials_are_no_part_of_what_is_expected() -> None:
    earlier(Path("runs/other"), 10.0)
    words = ("--set", "sizes=[300, 5000]")
    text = check(*words)
    assert "skipped: 6 trials: digits has only 1,200 training images" in text
    assert " for 6 trials" in text
    states = pd.read_csv(io.StringIO(check(*words, "--format", "csv")))["state"]
    assert states.value_counts().to_dict() == {"to run": 6, "skipped": 6}


def test_an_earlier_run_that_cannot_be_read_is_told_and_passed_over() -> None:
    earlier(Path("runs/other"))
    Path("runs/other/suite.yaml").write_text("suite: [")
    done = asked("--format", "json")
    assert re.match(r"earlier run passed over: .*/runs/other/suite\.yaml:1:\d+", done.stderr)
    assert len(json.loads(done.stdout)) == 12


def simulate(folder: str, loaded: LoadedSuite) -> tuple[int, list[str]]:
    """Rows that ended well, and what was said before the first trial and when a trial began."""
    text = io.StringIO()
    progress = ProgressDisplay(Console(file=text, soft_wrap=True))
    made = runner.run_suite(loaded, RunFolder(Path(folder)), simulated.Simulator, home=None, progress=progress)
    said = [line for line in text.getvalue().splitlines() if not line.startswith("[")]
    return made.counts["ok"], said


def test_a_run_begins_with_what_earlier_ones_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (history, runner):
        monkeypatch.setattr(module, "machine", lambda: "simulate")
    loaded = simulated.suite(40)
    assert simulate("runs/a", loaded) == (40, [])
    count, said = simulate("runs/b", loaded)
    assert count == 40
    assert len(said) == 1
    assert re.fullmatch(
        r"expected: about .+ for 40 trials, known from 40 earlier rows of this machine \(.*/runs/a\)", said[0]
    )


def test_a_trial_that_is_expected_to_pass_its_limit_is_told_once_and_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (history, runner):
        monkeypatch.setattr(module, "machine", lambda: "simulate")
    text = simulated.suite(80).text.replace("time: 1h", "time: 0.4s")
    loaded = LoadedSuite(parse_suite(text, "simulated.yaml"), text)
    for folder in ("runs/a", "runs/b"):
        count, said = simulate(folder, loaded)
        assert count == 80, "a forecast decides no row"
        told = [line.partition(":")[0] for line in said if "expected to pass the time limit" in line]
        assert "forest digits n=1,000 cpu" in told
        assert "forest digits n=100 cpu" not in told
        assert len(set(told)) == len(told)
        assert all(line.endswith("run all the same") for line in said if "limit" in line)
