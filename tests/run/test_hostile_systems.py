"""Whole runs on a system that misbehaves: a full disk, a folder that cannot be written, a clock that runs backwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from harness.run.journal import read
from tests.run.conftest import FAULTS, faulty_suite
from tests.run.faults import rows

Command = Callable[..., subprocess.CompletedProcess[str]]
STABLE = ["trial_id", "pipeline", "n_train", "seed", "status", "accuracy", "log_loss", "n_parameters"]


def mount(*words: str) -> bool:
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of its own of that size, where this user may mount one."""
    folder.mkdir()
    if sys.platform != "linux" or not mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)):
        pytest.skip("may not mount a file system here; test_journal fills one by RLIMIT_FSIZE")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing can be written there: by its mode, or, as root does not mind modes, by how it is mounted."""
    if os.geteuid():
        paths = [folder, *folder.rglob("*")]
        modes = [path.stat().st_mode for path in paths]
        for path, mode in zip(paths, modes, strict=True):
            path.chmod(mode & ~0o222)
        try:
            yield
        finally:
            for path, mode in zip(paths, modes, strict=True):
                path.chmod(mode)
        return
    if not (mount("--bind", str(folder), str(folder)) and mount("-o", "remount,bind,ro", str(folder))):
        pytest.skip("root may not mount here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit status 2, and the reason in the last line; nothing that looks like a traceback."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert all(word in last for word in words), last


def test_a_disk_that_fills_up_stops_the_run_and_it_resumes(harness: Command, tmp_path: Path) -> None:
    suite = faulty_suite(tmp_path, seeds=6)
    folder = tmp_path / "small"
    with small_disk(folder, "256k"):
        # What is left is enough for the run's own files and some rows.
        (folder / "filler").write_bytes(b"x" * (256 - 28) * 1024)
        one_line(harness("run", str(suite), "--no-report", "-o", "small/run"), "run/journal.jsonl", "free the disk")
        before = [entry.row["trial_id"] for entry in read(folder / "run/journal.jsonl").entries]
        assert 0 < len(before) < 12
        (folder / "filler").unlink()
        assert harness("run", str(suite), "--no-report", "-o", "small/run").returncode == 0
        after = [row["trial_id"] for row in rows(folder / "run/journal.jsonl")]
        assert after[: len(before)] == before
        assert len(set(after)) == len(after) == 12
        resumed = pd.read_parquet(folder / "run/trials.parquet")
    assert harness("run", str(suite), "--no-report", "-o", "straight").returncode == 0
    straight = pd.read_parquet(tmp_path / "straight/trials.parquet")
    pd.testing.assert_frame_equal(resumed[STABLE], straight[STABLE])


def test_a_folder_that_cannot_be_written_is_told_in_a_line(harness: Command, tmp_path: Path) -> None:
    suite = faulty_suite(tmp_path)
    (tmp_path / "fresh").mkdir()
    (tmp_path / "used").mkdir()
    assert harness("run", str(suite), "--no-report", "-o", "used/run", "--only", "size=10").returncode == 0
    for name, place in (("fresh", "fresh/run: cannot be made"), ("used", "used/run/.lock: cannot be written")):
        with read_only(tmp_path / name):
            one_line(harness("run", str(suite), "--no-report", "-o", f"{name}/run"), place)
    # Only its journal, or only its logs.
    for name in ("journal.jsonl", "logs"):
        with read_only_part(tmp_path / "used/run" / name):
            one_line(harness("run", str(suite), "--no-report", "-o", "used/run"), name, "cannot be written")
    assert harness("run", str(suite), "--no-report", "-o", "used/run").returncode == 0
    assert pd.read_parquet(tmp_path / "used/run/trials.parquet")["status"].tolist() == ["ok", "ok"]


@contextmanager
def read_only_part(path: Path) -> Iterator[None]:
    """A file or folder within a folder that can be written."""
    with read_only(path):
        yield


BACKWARDS = """
import time

real, begin = time.time, time.time()


def backwards():
    return begin - 1000 * (real() - begin)


time.time = backwards
"""


def test_a_clock_that_runs_backwards_changes_no_duration_and_no_order(
    harness: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every process of the run, by a sitecustomize: faster backwards than any clock is ever set back."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(BACKWARDS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    done = harness("run", str(faulty_suite(tmp_path, "seconds: 0.05", seeds=2)), "--no-report")
    assert done.returncode == 0, done.stderr
    frame = pd.read_parquet(tmp_path / "runs/faulty/trials.parquet")
    assert (frame["status"] == "ok").all()
    started = pd.to_datetime(frame["started_at"])
    assert started.is_monotonic_decreasing, "the clock did run backwards"
    assert started.iloc[0] - started.iloc[-1] > pd.Timedelta(minutes=1)
    order = [row["trial_id"] for row in rows(tmp_path / "runs/faulty/journal.jsonl")]
    assert order == frame["trial_id"].tolist()
    seconds = frame[[name for name in frame if name.endswith("_s")]]
    assert (seconds.fillna(0) >= 0).all(axis=None)
    assert (seconds < 200).where(seconds.notna(), other=True).all(axis=None), "no clock of the wall in any of them"
    assert (frame["load_s"] >= 0.05).all()
    phases = ["load_s", "features_s", "fit_s", "predict_s", "evaluate_s"]
    assert (frame[phases].sum(axis=1) <= frame["total_s"]).all()
    assert FAULTS


def test_what_is_timed_is_timed_by_clocks_that_nobody_sets() -> None:
    """No duration may come from the time of day, which is for telling a person when, and of a file's age."""
    package = Path(__file__).parents[2] / "harness"
    found = [
        f"{path.relative_to(package)}: {line.strip()}"
        for path in package.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "time.time()" in line or "datetime.now(" in line
    ]
    fine = ("strftime", "localtime", "fromtimestamp", "st_mtime")
    assert all(any(word in line for word in fine) for line in found), found
