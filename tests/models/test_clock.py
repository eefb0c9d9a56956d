from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.models import clock
from harness.models.clock import StepClock


class Trainer:
    """Keras's fit as the clock sees it: calls of `train_function`, each of which takes time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, steps: int, steps_per_execution: int, *, jax: bool) -> None:
        self.now = 50.0
        self.calls = 0
        self.per_execution = steps_per_execution
        self.steps = steps
        self.jax = jax
        self.waited = 0
        self.train_function = self.function
        monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: self.now))
        monkeypatch.setattr(clock, "synchronise", self.wait)

    def wait(self, backend: str) -> None:
        assert backend == "any"
        self.waited += 1
        self.now += 0.5

    def function(self, *args: Any) -> Any:
        assert args == ("batch",)
        self.calls += 1
        self.now += 9.0 if self.calls == 1 else 1.0
        logs = {"loss": 0.25}
        return (logs, "state") if self.jax else logs

    def epoch(self, watch: StepClock, *, validation: bool) -> None:
        self.now += 7.0
        watch.epoch_begins()
        self.now += 3.0
        for _ in range(-(-self.steps // self.per_execution)):
            assert self.train_function("batch") == (({"loss": 0.25}, "state") if self.jax else {"loss": 0.25})
            assert self.train_function == self.function
        if validation:
            watch.steps_end()
            self.now += 100.0
        watch.steps_end()


@pytest.mark.parametrize("jax", [False, True])
@pytest.mark.parametrize("validation", [False, True])
def test_the_steady_state_is_that_of_later_epochs(monkeypatch: pytest.MonkeyPatch, validation: bool, jax: bool) -> None:
    trainer = Trainer(monkeypatch, steps=10, steps_per_execution=1, jax=jax)
    watch = StepClock(trainer, "any", 10, 1)  # type: ignore[arg-type]
    assert watch.step_s is None
    trainer.epoch(watch, validation=validation)
    assert watch.first_step_s == 9.0
    # Nine calls of one second and half a second of waiting, until there is a second epoch.
    assert watch.step_s == pytest.approx(9.5 / 9)
    for _ in range(2):
        trainer.epoch(watch, validation=validation)
    assert (watch.first_step_s, watch.step_s) == (9.0, pytest.approx(10.5 / 10))
    assert trainer.waited == 3


def test_several_steps_per_call(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(monkeypatch, steps=10, steps_per_execution=4, jax=False)
    watch = StepClock(trainer, "any", 10, 4)  # type: ignore[arg-type]
    trainer.epoch(watch, validation=False)
    assert watch.step_s == pytest.approx((2 + 0.5) / 6)
    trainer.epoch(watch, validation=False)
    assert watch.step_s == pytest.approx((3 + 0.5) / 10)


def test_one_call_has_no_steady_state(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(monkeypatch, steps=3, steps_per_execution=16, jax=False)
    watch = StepClock(trainer, "any", 3, 16)  # type: ignore[arg-type]
    trainer.epoch(watch, validation=False)
    assert watch.step_s is None
