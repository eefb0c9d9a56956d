"""One stage of keeping the books of many trials, in a process of its own, so that its peak of memory is its own.

Usage: python -m tests.benchmarks.scale STAGE TRIALS FOLDER; prints one JSON object. `journal` leaves a journal in
FOLDER, which `resume` and `load` read; `run` makes one of its own, without waiting for the disk.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from harness.data.digits import Digits
from harness.files import write_text
from harness.measure import memory
from harness.results import load_results
from harness.run.journal import Entry, Journal
from harness.suite.plan import expand
from tests import simulated

N_TRAIN = Digits().info(None).n_train


def plan(n: int, folder: Path) -> None:
    expand(simulated.suite(n).suite, lambda _: N_TRAIN)


def journal(n: int, folder: Path) -> None:
    loaded = simulated.suite(n)
    write_text(folder / "suite.yaml", loaded.text)
    with Journal(folder / "journal.jsonl", 0) as book:
        for trial in expand(loaded.suite, lambda _: N_TRAIN):
            record = simulated.record(trial)
            book.append(Entry(record.row, record.epochs))


def run(n: int, folder: Path) -> None:
    os.fsync = lambda fd: None
    summary = simulated.carry_out(simulated.suite(n), folder / "run", simulated.Simulator)
    assert summary.counts == {"ok": n}


def resume(n: int, folder: Path) -> None:
    def nothing() -> simulated.Simulator:
        raise AssertionError("a finished run needs no executor")

    assert simulated.carry_out(simulated.suite(n), folder, nothing).counts == {"ok": n}


def load(n: int, folder: Path) -> None:
    trials = load_results(folder).trials
    assert len(trials) == n
    assert (trials["status"] == "ok").all()


STAGES: dict[str, Callable[[int, Path], None]] = {
    "plan": plan,
    "journal": journal,
    "run": run,
    "resume": resume,
    "load": load,
}


def measure(stage: str, n: int, folder: Path) -> dict[str, float]:
    """CPU seconds, seconds of waiting for the disk, and bytes above what the libraries take."""
    waited = 0.0
    fsync = os.fsync

    def timed(fd: int) -> None:
        nonlocal waited
        begin = time.perf_counter()
        fsync(fd)
        waited += time.perf_counter() - begin

    # What is imported late is imported now.
    (folder / "warm").mkdir(parents=True, exist_ok=True)
    STAGES[stage](simulated.SIZES * len(simulated.PIPELINES), folder / "warm")
    os.fsync = timed
    memory.reset_peak()
    base = memory.read().rss
    begin = time.process_time()
    STAGES[stage](n, folder)
    return {
        "cpu_s": time.process_time() - begin,
        "fsync_s": waited,
        "added_bytes": memory.read().peak - base,
        "base_bytes": base,
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))))
