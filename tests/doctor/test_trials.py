from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from scipy import stats

from harness.doctor.trials import compared, overhead, self_test, tracking_cost
from harness.errors import HarnessError
from harness.run.executor import InProcessExecutor, Watch
from harness.run.record import Record
from harness.suite.plan import Trial


class Planted:
    """An executor whose trials take what a function of their number says; the first pair takes ten times as long."""

    def __init__(self, seconds: Any, status: str = "ok", busy: float = 0.0) -> None:
        self.seconds, self.status, self.busy = seconds, status, busy

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def prepare(self, trials: Sequence[Trial], logs: Path) -> None:
        assert logs.is_dir()

    def run(self, trials: Iterable[Trial], logs: Path, watch: Watch) -> Iterator[tuple[Trial, Record]]:
        for number, trial in enumerate(trials):
            watch.started(trial)
            record = Record(trial, None)
            fit = self.seconds(number) * (10 if number < 2 else 1)
            record.row |= {"status": self.status, "message": "why", "fit_s": fit, "predict_s": 0.1 + number % 3 / 1000,
                           "total_s": fit, "threads": 2, "machine": "m", "busy_others": self.busy}  # fmt: skip
            yield trial, record


def noisy(factor_of_b: float) -> Any:
    random = np.random.default_rng(7)
    return lambda number: (factor_of_b if number % 2 else 1.0) * math.exp(0.02 * random.standard_normal())


def test_equal_pipelines_are_not_different_and_the_cold_pair_is_left_out() -> None:
    said: list[str] = []
    found = self_test(lambda: Planted(noisy(1.0)), 8, said.append)
    assert found.pairs == 8
    assert not found.fit.different
    assert found.fit.seconds == pytest.approx(1, rel=0.05)
    assert len(said) == 18
    assert found.disturbed == 0


def test_a_machine_that_favours_one_label_raises_a_false_alarm() -> None:
    found = self_test(lambda: Planted(noisy(1.2), busy=1.0), 8, lambda _: None)
    assert found.fit.different
    assert found.fit.ratio[0] == pytest.approx(1.2, rel=0.05)
    assert not found.predict.different
    assert found.disturbed == 16


def test_a_trial_that_fails_is_an_error_with_its_message() -> None:
    with pytest.raises(HarnessError, match="A/A test ended as oom: why"):
        self_test(lambda: Planted(noisy(1.0), status="oom"), 2, lambda _: None)


def test_resolvable_difference_follows_its_formula() -> None:
    a, b = np.array([1.0, 1.1, 0.9, 1.05]), np.array([1.02, 1.06, 0.93, 1.07])
    spread = np.log(b / a).std(ddof=1)
    found = compared(a, b)
    expected = (stats.t.ppf(0.975, 3) + stats.t.ppf(0.8, 3)) * spread / 2
    assert found.resolvable == pytest.approx(math.exp(expected) - 1)
    needed = found.pairs_needed[0.05]
    assert needed is not None
    assert found.by_pairs[30] < found.by_pairs[3]


def test_the_real_pipeline_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    found = self_test(lambda: InProcessExecutor(None), 2, lambda _: None, trees=2)
    assert found.fit.seconds > 0
    assert found.predict.resolvable >= 0


def test_what_is_added_to_a_piece_of_work_is_found() -> None:
    def spin(seconds: float) -> None:
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass

    told: list[int] = []
    found = overhead(lambda: spin(0.02), lambda: spin(0.03), 3, told.append)
    assert np.exp(found.cpu) == pytest.approx(1.5, rel=0.1)
    assert told == [1, 2, 3]


def test_tracking_is_compared_with_its_absence() -> None:
    found = tracking_cost(2, lambda _: None, seconds=0.02)
    assert found.pairs == 2
    assert found.low <= found.percent <= found.high
    assert found.empty_phase_s > 0
