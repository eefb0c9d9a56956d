"""Fifty kills of the runner at random moments: no finished trial is lost, none is there twice."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.context
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from harness.cli import main
from harness.run.journal import read
from tests.run.conftest import FAULTS, faulty_suite
from tests.run.faults import rows

KILLS, SEEDS = 50, 30
STABLE = ["trial_id", "pipeline", "n_train", "seed", "status", "accuracy", "log_loss", "n_parameters"]


# Runners are forked from a process that has imported what they need, which halves the time of fifty starts.
RUNNERS = multiprocessing.get_context("forkserver")
RUNNERS.set_forkserver_preload(["harness.cli", "harness.report", "harness.results", "sklearn.datasets"])


def start(folder: Path) -> multiprocessing.context.ForkServerProcess:
    process = RUNNERS.Process(target=run, args=(folder,))
    process.start()
    return process


def run(folder: Path) -> None:
    """The command, in a process that can be killed."""
    os.chdir(folder)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    sys.argv = ["harness", "--plugin", FAULTS, "run", "faulty.yaml", "--no-report", "-o", "run"]
    main()


@pytest.mark.timeout(900)
def test_fifty_kills_lose_nothing(tmp_path: Path, harness: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Two runs, side by side because a start costs seconds of one core, are killed 25 times each and then completed."""
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
        faulty_suite(folder, seeds=SEEDS)
    with ThreadPoolExecutor(2) as pool:
        kept = list(pool.map(kill_again_and_again, folders, (0, 1)))
    names = ("straight", "first/run", "second/run")
    with ThreadPoolExecutor(2) as pool:
        ends = pool.map(lambda name: harness("run", "first/faulty.yaml", "--no-report", "-o", name), names)
        assert [end.returncode for end in ends] == [0, 0, 0]
    straight = pd.read_parquet(tmp_path / "straight/trials.parquet")
    for folder, before in zip(folders, kept, strict=True):
        after = [row["trial_id"] for row in rows(folder / "run/journal.jsonl")]
        assert after[: len(before)] == before, "none lost"
        assert len(set(after)) == len(after) == 2 * SEEDS, "none twice"
        resumed = pd.read_parquet(folder / "run/trials.parquet")
        pd.testing.assert_frame_equal(resumed[STABLE], straight[STABLE])
    assert not left_behind(tmp_path)


def kill_again_and_again(folder: Path, seed: int) -> list[str]:
    """Trials in the journal after the last kill.

    What is drawn is how far the run gets, so that a slow machine kills as a fast one does: half of the kills hit a run
    that starts (reads the suite, imports, starts its forkserver), the others one that has just finished a trial since
    it started, which is where it writes the journal and hands out the next trial.
    """
    journal = folder / "run/journal.jsonl"
    chance = random.Random(seed)
    start_up = 0.0
    ids: list[str] = []
    for kill in range(KILLS // 2):
        begin = time.monotonic()
        process = start(folder)
        if kill % 2:
            time.sleep(chance.uniform(0, start_up))
        else:
            done = len(rows(journal))
            while process.is_alive() and len(rows(journal)) == done:
                time.sleep(0.005)
            start_up = time.monotonic() - begin
            time.sleep(chance.choice([0.0, chance.uniform(0, 0.01), chance.uniform(0, 0.2)]))
        process.kill()
        process.join()
        before, ids = ids, [str(row["trial_id"]) for row in rows(journal)]
        assert ids[: len(before)] == before, "none lost"
        assert len(set(ids)) == len(ids), "none twice"
        assert [entry.row["trial_id"] for entry in read(journal).entries] == ids, "a line cut short is no damage"
    assert 0 < len(ids) < 2 * SEEDS, "some were finished, some are left"
    return ids


def left_behind(folder: Path) -> list[str]:
    """Commands of processes that still work in a folder; forkservers and trials end with their runner."""
    deadline = time.monotonic() + 30
    while True:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(entry / "cwd").startswith(str(folder)):
                    found.append((entry / "cmdline").read_text())
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)
