"""Whole runs through the command line: rows for all, resume, kills, refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.run.conftest import FAULTS, faulty_suite

Command = Callable[..., subprocess.CompletedProcess[str]]
STABLE = ["trial_id", "pipeline", "n_train", "seed", "status", "accuracy", "log_loss", "n_parameters"]


def start(folder: Path, suite: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness", "--plugin", FAULTS, "run", str(suite), "--no-report"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, count: int) -> None:
    for _ in range(1200):
        if path.exists() and len(path.read_text().split()) >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} never reached {count} lines")


def test_a_run_leaves_everything_it_promises(harness: Command, tmp_path: Path) -> None:
    done = harness("run", str(faulty_suite(tmp_path)), "--no-report")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 ok")
    folder = tmp_path / "runs" / "faulty"
    for name in ("suite.yaml", "environment.json", "journal.jsonl", "trials.parquet", "epochs.parquet"):
        assert (folder / name).stat().st_size > 0
    assert (folder / "suite.yaml").read_text() == (tmp_path / "faulty.yaml").read_text()
    environment = json.loads((folder / "environment.json").read_text())
    assert {"cpu", "cores", "ram_bytes", "gpu", "blas", "versions", "git_commit"} <= set(environment)
    frame = pd.read_parquet(folder / "trials.parquet")
    assert frame["status"].tolist() == ["ok", "ok"]
    for column in ("load_s", "features_s", "fit_s", "predict_s", "evaluate_s", "fit_cpu_s", "total_s", "train_s"):
        assert (frame[column] >= 0).all()
    assert (frame["peak_bytes"] >= frame["fit_peak_bytes"]).all()


def test_the_same_command_again_runs_nothing_twice(harness: Command, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    suite = faulty_suite(tmp_path, f"mark: {mark}")
    harness("run", str(suite), "--no-report")
    again = harness("run", str(suite), "--no-report")
    assert "resuming: 2 of 2 trials are done" in again.stderr
    assert len(mark.read_text().split()) == 2


def test_failed_trials_give_exit_1_and_retry_runs_them_again(harness: Command, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    suite = faulty_suite(tmp_path, "fault: exception", f"mark: {mark}")
    first = harness("run", str(suite), "--no-report")
    assert first.returncode == 1
    assert "Traceback" not in first.stderr
    assert harness("run", str(suite), "--no-report").returncode == 1
    assert len(mark.read_text().split()) == 2
    harness("run", str(suite), "--no-report", "--retry", "failed")
    assert len(mark.read_text().split()) == 4
    frame = pd.read_parquet(tmp_path / "runs/faulty/trials.parquet")
    assert frame["status"].tolist() == ["failed", "failed"], "two attempts are still one row each"


def test_what_cannot_run_here_is_a_skipped_row_with_its_reason(harness: Command, tmp_path: Path) -> None:
    suite = faulty_suite(tmp_path)
    done = harness("run", str(suite), "--no-report", "--set", "devices=[cpu, gpu]", "--set", "sizes=[10, 10000]")
    assert done.returncode == 0, done.stderr
    frame = pd.read_parquet(tmp_path / "runs/faulty/trials.parquet").set_index(["n_train", "device"])
    assert frame["status"].to_dict() == {
        (10, "cpu"): "ok", (10, "gpu"): "skipped", (10000, "cpu"): "skipped", (10000, "gpu"): "skipped",
    }  # fmt: skip
    assert "only 40 training images" in frame.loc[(10000, "cpu"), "message"]
    assert "shows no GPU" in frame.loc[(10, "gpu"), "message"]


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path: Path, harness: Command) -> None:
    mark = tmp_path / "mark"
    suite = faulty_suite(tmp_path, f"mark: {mark}", "seconds: 1.0", seeds=2)
    process = start(tmp_path, suite)
    wait_for(mark, 2)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "resumes" in stderr
    assert "Traceback" not in stderr
    frame = pd.read_parquet(tmp_path / "runs/faulty/trials.parquet")
    assert frame["status"].tolist() == ["ok", "interrupted", "interrupted", "interrupted"]
    assert harness("run", str(suite), "--no-report").returncode == 0
    assert pd.read_parquet(tmp_path / "runs/faulty/trials.parquet")["status"].tolist() == ["ok"] * 4
    assert len(mark.read_text().split()) == 5, "only the trial that was running ran again"


def test_a_killed_runner_leaves_no_process_behind(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    process = start(tmp_path, faulty_suite(tmp_path, f"mark: {mark}", "fault: deaf_hang"))
    wait_for(mark, 1)
    process.kill()
    process.communicate()
    child = int(mark.read_text().split()[0])
    for _ in range(200):
        if not Path(f"/proc/{child}").exists():
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    raise AssertionError("the trial's process outlived the runner")


def test_a_second_run_in_one_folder_is_refused(tmp_path: Path, harness: Command) -> None:
    mark = tmp_path / "mark"
    suite = faulty_suite(tmp_path, f"mark: {mark}", "fault: hang")
    process = start(tmp_path, suite)
    try:
        wait_for(mark, 1)
        second = harness("run", str(suite), "--no-report")
        assert second.returncode == 2
        assert f"another run (process {process.pid})" in second.stderr
        assert len(second.stderr.splitlines()) == 2
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "nowhere.yaml"], "no such suite file"),
        (["check", "nowhere.yaml"], "no such suite file"),
        (["run", "faulty.yaml", "--only", "size=big"], "--only size=big"),
        (["run", "faulty.yaml", "--only", "cnn"], "leaves none of the 2 trials"),
        (["run", "faulty.yaml", "--set", "sizes=0"], "--set sizes=0"),
        (["run", "faulty.yaml", "-o", "."], "not a run folder"),
        (["results", "nowhere"], "not a run folder"),
        (["report", "nowhere"], "not a run folder"),
        (["--plugin", "nowhere.py", "check", "faulty.yaml"], "--plugin nowhere.py"),
        (["run", "faulty.yaml", "-o", "/proc/nowhere"], "/proc/nowhere: cannot be made"),
        (["run", "/dev/full/x.yaml"], "no such suite file"),
    ],
)
def test_misuse_is_told_in_a_line_with_exit_2(harness: Command, tmp_path: Path, words: list[str], told: str) -> None:
    faulty_suite(tmp_path)
    done = harness(*words)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_journal_is_told_and_kept(harness: Command, tmp_path: Path) -> None:
    suite = faulty_suite(tmp_path)
    harness("run", str(suite), "--no-report")
    journal = tmp_path / "runs/faulty/journal.jsonl"
    damaged = journal.read_bytes().replace(b'"ok"', b'"no"', 1)
    journal.write_bytes(damaged)
    done = harness("run", str(suite), "--no-report")
    assert done.returncode == 2
    assert "journal.jsonl:1:1: damaged" in done.stderr
    assert journal.read_bytes() == damaged


def test_only_and_smoke_choose_what_runs(harness: Command, tmp_path: Path) -> None:
    extra = "  cnn: {network: {cnn: {depth: 1}}, train: {epochs: 2, batch_size: 16}}\n"
    suite = faulty_suite(tmp_path, extra=extra)
    assert harness("run", str(suite), "--no-report", "--only", "nb,size=10").returncode == 0
    frame = pd.read_parquet(tmp_path / "runs/faulty/trials.parquet")
    assert frame["status"].tolist() == ["ok"] + ["interrupted"] * 3
    assert harness("run", str(suite), "--no-report", "--smoke").returncode == 0
    smoke = pd.read_parquet(tmp_path / "runs/faulty-smoke/trials.parquet")
    assert smoke[["pipeline", "n_train", "status"]].to_numpy().tolist() == [["nb", 10, "ok"], ["cnn", 10, "ok"]]
    epochs = pd.read_parquet(tmp_path / "runs/faulty-smoke/epochs.parquet")
    assert epochs["epoch"].tolist() == [1]
