from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.curves import over_seeds, pareto_front, power_law
from harness.analysis.frames import complete
from harness.analysis.intervals import t_interval
from tests import synthetic


def test_power_law_finds_the_planted_exponent() -> None:
    sizes = np.array([100, 300, 1000, 3000])
    law = power_law(sizes, 0.02 * sizes**1.7)
    assert law is not None
    assert law.exponent == pytest.approx((1.7, 1.7, 1.7))
    assert law.constant == pytest.approx(0.02)
    assert law.sizes == 4


def test_power_law_interval_is_that_of_a_second_implementation() -> None:
    random = np.random.default_rng(3)
    sizes = np.array([100, 200, 400, 800, 1600])
    seconds = sizes**0.9 * np.exp(0.1 * random.standard_normal(5))
    coefficients, covariance = np.polyfit(np.log(sizes), np.log(seconds), 1, cov=True)
    half = stats.t.ppf(0.975, 3) * math.sqrt(covariance[0, 0])
    law = power_law(sizes, seconds)
    assert law is not None
    assert law.exponent == pytest.approx((coefficients[0], coefficients[0] - half, coefficients[0] + half))


def test_power_law_counts_sizes_not_seeds() -> None:
    assert power_law([100] * 5 + [200] * 5, range(1, 11)) is None
    seeds = power_law([100, 100, 200, 200, 400, 400], [1, 4, 2, 8, 5, 10])
    means = power_law([100, 200, 400], [2, 4, math.sqrt(50)])
    assert seeds is not None
    assert means is not None
    assert seeds.exponent == pytest.approx(means.exponent)


def test_power_law_leaves_out_what_has_no_logarithm() -> None:
    assert power_law([100, 200, 400, 800], [1, 2, 0, math.nan]) is None


def test_over_seeds_is_mean_and_t_interval_of_the_ok_trials() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 300), seeds=3)
    lost = (trials["pipeline"] == "cnn") & (trials["seed"] == 2)
    table = over_seeds(complete(synthetic.fail(trials, lost, "timeout", "over 60 s")), "accuracy")
    cnn = table[(table["label"] == "cnn") & (table["n_train"] == 300)].iloc[0]
    kept = trials[(trials["pipeline"] == "cnn") & (trials["n_train"] == 300) & (trials["seed"] < 2)]
    assert cnn["seeds"] == 2
    assert (cnn["value"], cnn["low"], cnn["high"]) == pytest.approx(tuple(t_interval(kept["accuracy"])))


def test_over_seeds_of_logarithms_is_a_geometric_mean_that_stays_positive() -> None:
    trials = synthetic.trials({"svm": synthetic.LIKE_MNIST["hog-svm"]}, sizes=(100,), seeds=2)
    trials["train_s"] = [1.0, 4.0]
    (row,) = over_seeds(complete(trials), "train_s", log=True).to_dict("records")
    assert row["value"] == pytest.approx(2)
    assert 0 < row["low"] == pytest.approx(4 / row["high"])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_pareto_front_is_what_brute_force_finds(points: list[tuple[int, int]]) -> None:
    def beaten(point: tuple[int, int]) -> bool:
        return any(q[0] <= point[0] and q[1] >= point[1] and q != point for q in points)

    front = pareto_front([cost for cost, _ in points], [gain for _, gain in points])
    assert front.tolist() == [not beaten(point) for point in points]


def test_pareto_front_passes_over_what_was_not_measured() -> None:
    assert pareto_front([1, math.nan, 2], [0.5, 0.9, 0.8]).tolist() == [True, False, True]
