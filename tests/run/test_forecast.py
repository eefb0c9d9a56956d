from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.run.forecast import Forecast, work
from harness.suite.model import Part, Pipeline
from harness.suite.plan import Trial


def trial(n_train: int, pipeline: str = "p") -> Trial:
    spec = Pipeline.model_validate({"features": "pixels", "estimator": "sklearn.svm.SVC"})
    return Trial(dataset=Part(name="digits"), pipeline=pipeline, spec=spec, n_train=n_train, seed=0)


@given(st.floats(0.001, 1.0), st.floats(0.0, 2.5), st.integers(3000, 60_000))
def test_a_power_law_is_continued(factor: float, exponent: float, n: int) -> None:
    forecast = Forecast()
    for seen in (100, 300, 1000):
        forecast.learn(trial(seen), factor * seen**exponent)
    assert forecast.seconds(trial(n)) == pytest.approx(factor * n**exponent)


def test_a_size_seen_before_takes_its_mean() -> None:
    forecast = Forecast()
    for seconds in (1.0, 3.0):
        forecast.learn(trial(100), seconds)
    assert forecast.seconds(trial(100)) == 2.0
    assert forecast.seconds(trial(400)) == 8.0


def test_what_has_not_been_seen_is_counted_not_guessed() -> None:
    forecast = Forecast()
    forecast.learn(trial(100), 1.0)
    assert forecast.seconds(trial(100, "other")) is None
    assert forecast.remaining([trial(100), trial(200), trial(100, "other")]) == (3.0, 1)


def test_a_networks_work_is_its_steps_not_its_images() -> None:
    spec = Pipeline.model_validate({"network": "cnn", "train": {"epochs": 2, "batch_size": 50, "min_steps": 100}})
    small, larger, full = (trial(n).model_copy(update={"spec": spec}) for n in (100, 300, 60_000))
    assert work(small) == work(larger) == 5000
    assert work(full) == 120_000
    forecast = Forecast()
    forecast.learn(small, 4.0)
    assert forecast.seconds(larger) == 4.0
