"""Work per trial does not grow with the number of trials, counted in calls; `make bench` has times and the curve."""

from __future__ import annotations

import cProfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from harness.results import load_results
from harness.run.executor import Watch
from harness.run.journal import stream
from harness.run.record import Record
from harness.suite.plan import Trial, expand
from tests import simulated

FEW, MANY = 400, 1600
MOST_GROWTH = 1.2


class Counted(simulated.Simulator):
    """How many records are alive at once."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__(stop_after)
        self.alive: weakref.WeakSet[Record] = weakref.WeakSet()
        self.most = 0

    def run(self, trials: Iterable[Trial], logs: Path, watch: Watch) -> Iterator[tuple[Trial, Record]]:
        for trial, record in super().run(trials, logs, watch):
            self.alive.add(record)
            self.most = max(self.most, len(self.alive))
            yield trial, record


def calls(work: Callable[[], object]) -> int:
    profile = cProfile.Profile()
    profile.runcall(work)
    return sum(entry.callcount for entry in profile.getstats())


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda fd: None)


def test_work_per_trial_stays(tmp_path: Path) -> None:
    def stages(n: int) -> dict[str, float]:
        loaded, folder = simulated.suite(n), tmp_path / str(n)

        def run() -> None:
            simulated.carry_out(loaded, folder, simulated.Simulator)

        return {
            "plan": calls(lambda: expand(loaded.suite, lambda _: 1437)) / n,
            "run": calls(run) / n,
            "resume": calls(run) / n,
            "load": calls(lambda: load_results(folder)) / n,
        }

    stages(40)  # what is imported late is imported now
    few, many = stages(FEW), stages(MANY)
    for stage, each in many.items():
        assert each < MOST_GROWTH * few[stage], stage


def test_a_run_that_was_cut_off_resumes_and_keeps_no_rows_in_memory(tmp_path: Path) -> None:
    loaded = simulated.suite(FEW)
    first, rest = Counted(stop_after=FEW // 2 + 1), Counted()
    with pytest.raises(simulated.PowerCutError):
        simulated.carry_out(loaded, tmp_path, lambda: first)
    assert simulated.carry_out(loaded, tmp_path, lambda: rest).counts == {"ok": FEW}
    assert rest.ran == FEW // 2 - 1
    assert max(first.most, rest.most) <= 2
    ids = [entry.row["trial_id"] for entry, _ in stream(tmp_path / "journal.jsonl")]
    assert len(ids) == len(set(ids)) == FEW
    loaded_again = load_results(tmp_path)
    assert loaded_again.trials["trial_id"].tolist() == ids
    assert len(loaded_again.epochs) == FEW // 2 * simulated.N_EPOCHS
