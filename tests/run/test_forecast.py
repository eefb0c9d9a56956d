from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.base import DatasetInfo
from harness.run.forecast import Forecast, costs_of
from harness.suite.model import Part, Pipeline
from harness.suite.plan import Trial
from tests.run.forecast_cases import FOREST, MIB, SVC, network, row, trial

SIZES = (100, 300, 1000, 3000)
SPECS = (SVC, FOREST, network("adam"), network("sgd"))
PLAN = [trial(n, spec, seed=seed) for seed in range(2) for n in SIZES for spec in SPECS]


def test_an_earlier_row_of_the_size_is_repeated_and_a_larger_one_is_concluded() -> None:
    plan = [trial(100), trial(1000)]
    forecast = Forecast(plan)
    forecast.learn(trial(100, seed=5), row(trial(100, seed=5), 2.0, other_s=0.5, peak=300 * MIB))
    assert forecast.seconds(plan[0]) == pytest.approx(4.5)
    assert forecast.memory(plan[0]) == pytest.approx(300 * MIB, rel=0.01)
    assert forecast.source(plan[0]) == "same size"
    assert (forecast.seconds(plan[1]) or 0) > 10
    assert forecast.source(plan[1]) == "other sizes"


def test_the_smaller_sizes_tell_of_the_larger_as_they_finish() -> None:
    truth = {n: 0.002 * n**1.5 for n in (100, 300, 1000, 3000, 10_000)}
    plan = [trial(n) for n in truth]
    forecast = Forecast(plan)
    for one in plan[:-1]:
        forecast.learn(one, row(one, truth[one.n_train], other_s=1.0))
        forecast.done(one)
    assert forecast.seconds(plan[-1]) == pytest.approx(truth[10_000] + 5, rel=0.2)


def test_what_has_not_been_seen_is_counted_not_guessed() -> None:
    plan = [trial(100), trial(100, FOREST), trial(300, FOREST)]
    forecast = Forecast(plan)
    assert forecast.remaining() == (0.0, 3)
    forecast.learn(plan[0], row(plan[0], 1.0))
    assert forecast.remaining() == (pytest.approx(1.0), 2)
    assert forecast.seconds(plan[1]) is None
    assert forecast.memory(plan[1]) is None
    assert forecast.source(plan[1]) == "unknown"


@given(st.permutations(range(len(PLAN))), st.lists(st.floats(1e-3, 1e3), min_size=len(PLAN), max_size=len(PLAN)))
def test_what_is_left_is_the_sum_of_what_is_told_of_each_and_in_the_end_nothing(
    order: list[int], times: list[float]
) -> None:
    forecast = Forecast(PLAN)
    for place, index in enumerate(order):
        left = [PLAN[i] for i in order[place:]]
        told = [forecast.seconds(one) for one in left]
        known = [seconds for seconds in told if seconds is not None]
        assert forecast.remaining() == (pytest.approx(sum(known)), told.count(None))
        status = "ok" if times[index] > 1 else "failed"
        forecast.learn(PLAN[index], row(PLAN[index], times[index], status=status))
        forecast.done(PLAN[index])
        forecast.done(PLAN[index])
    assert forecast.remaining() == (0.0, 0)


@given(st.lists(st.tuples(st.sampled_from(PLAN), st.floats(0, 1e6)), min_size=1, max_size=40))
def test_what_is_told_is_finite_and_more_images_never_cost_less(rows: list[tuple[Trial, float]]) -> None:
    forecast = Forecast(PLAN)
    for one, seconds in rows:
        forecast.learn(one, row(one, seconds, other_s=0.1))
    for spec in SPECS:
        told = [forecast.seconds(trial(n, spec)) for n in SIZES]
        memory = [forecast.memory(trial(n, spec)) for n in SIZES]
        for values in (told, memory):
            known = [value for value in values if value is not None]
            assert len(known) in (0, len(SIZES))
            assert all(math.isfinite(value) and value >= 0 for value in known)
            assert [round(value, 6) for value in known] == sorted(round(value, 6) for value in known)


def test_no_trial_is_counted_beyond_its_limit() -> None:
    plan = [trial(100, time="10s"), trial(100, seed=1, time="10s")]
    forecast = Forecast(plan)
    forecast.learn(trial(100, seed=2), row(trial(100, seed=2), 60.0))
    assert forecast.remaining() == (pytest.approx(20.0), 0)
    assert forecast.seconds(plan[0]) == pytest.approx(60.0), "it is told all the same"


def test_one_that_was_stopped_takes_at_least_its_limit() -> None:
    one, larger = trial(100, time="10s"), trial(300, time="10s")
    forecast = Forecast([one, larger])
    stopped = {"status": "timeout", "phase": "fit", "load_s": 1.0, "features_s": 0.5, "total_s": 10.1}
    assert forecast.learn(one, one.identity() | stopped)
    assert forecast.seconds(one) == pytest.approx(10.1)
    assert (forecast.seconds(larger) or 0) > 20, "what it fitted in 8.6 s grows"
    assert forecast.memory(one) is None


def test_one_that_ran_out_of_memory_needs_more_than_its_limit() -> None:
    one = trial(100, memory="1GiB")
    forecast = Forecast([one])
    forecast.learn(one, one.identity() | {"status": "oom", "phase": "fit", "base_bytes": 100 * MIB, "total_s": 2.0})
    assert (forecast.memory(one) or 0) >= 2**30
    assert forecast.seconds(one) is None, "how long it would have taken nobody knows"


@pytest.mark.parametrize("status", ["failed", "crashed", "skipped", "interrupted", "oom_gpu"])
def test_rows_without_a_result_tell_nothing(status: str) -> None:
    forecast = Forecast([trial(100)])
    assert not forecast.learn(trial(100), row(trial(100), 1.0, status=status))
    assert forecast.seconds(trial(100)) is None


@pytest.mark.parametrize("value", [None, "1", float("nan"), float("inf"), 1e300, -1.0])
def test_numbers_that_are_none_are_passed_over(value: object) -> None:
    parts = costs_of(row(trial(100), 1.0) | {"fit_s": value, "predict_s": value, "peak_bytes": value}, trial(100))
    assert all(math.isfinite(part) and part >= 0 for part in parts.values())


def test_the_parts_of_a_row_are_its_total() -> None:
    one = trial(100, network())
    parts = costs_of(row(one, 5.0, other_s=1.0, total_s=12.0, build_s=0.5, first_step_s=1.5), one)
    assert parts["start"] == 2.0
    assert parts["fit"] == 3.0
    assert parts["rest"] == 2.0
    assert sum(value for part, value in parts.items() if part not in ("base", "added")) == pytest.approx(12.0)
    assert parts["base"] + parts["added"] == 100 * MIB
    explained = costs_of(row(one, 5.0, other_s=1.0, total_s=12.0, explain_s=7.0), one)
    assert (explained["explain"], explained["rest"]) == (7.0, 2.0), "explaining stands beside the total"


def test_another_optimizer_is_asked_until_the_own_rows_come() -> None:
    adam, sgd = trial(100, network("adam")), trial(100, network("sgd"))
    forecast = Forecast([adam, sgd])
    forecast.learn(adam, row(adam, 8.0))
    assert forecast.seconds(sgd) == pytest.approx(8.0)
    assert forecast.source(sgd) == "another optimizer"
    assert forecast.remaining() == (pytest.approx(16.0), 0)
    forecast.learn(sgd, row(sgd, 2.0))
    assert forecast.seconds(sgd) == pytest.approx(2.0)
    assert forecast.seconds(adam) == pytest.approx(8.0)


def test_a_dataset_of_the_same_shape_is_asked() -> None:
    def info(part: Part) -> DatasetInfo:
        return DatasetInfo(part.name, 60_000, 10_000, 10, (8, 8) if part.name == "small" else (28, 28))

    plan = [trial(100, dataset=name) for name in ("new", "small")]
    forecast = Forecast(plan, info)
    old = trial(100, dataset="old")
    assert forecast.learn(old, row(old, 3.0))
    assert forecast.seconds(plan[0]) == pytest.approx(3.0)
    assert forecast.source(plan[0]) == "another dataset"
    assert forecast.seconds(plan[1]) is None


def test_rows_of_what_is_not_planned_teach_nothing() -> None:
    forecast = Forecast([trial(100)])
    assert not forecast.learn(trial(100, FOREST), row(trial(100, FOREST), 1.0))
    assert forecast.seconds(trial(100, FOREST)) is None
    assert forecast.remaining() == (0.0, 1)


def test_a_networks_small_sizes_that_take_the_same_steps_cost_the_same() -> None:
    spec = network(epochs=2, batch_size=50, min_steps=100)
    forecast = Forecast([trial(100, spec), trial(500, spec)])
    forecast.learn(trial(100, spec), row(trial(100, spec), 4.0))
    assert forecast.seconds(trial(500, spec)) == pytest.approx(4.0)


def test_a_pipeline_by_another_name_is_the_same() -> None:
    spec = Pipeline.model_validate({"features": "pixels", "estimator": "sklearn.svm.SVC"})
    renamed = trial(100, spec).model_copy(update={"pipeline": "renamed"})
    forecast = Forecast([renamed])
    assert forecast.learn(trial(100), row(trial(100), 3.0))
    assert forecast.seconds(renamed) == pytest.approx(3.0)
