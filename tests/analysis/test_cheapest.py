from __future__ import annotations

import math

import numpy as np
import pytest

from harness.analysis.cheapest import DRAWS, as_is, cheapest, drawn, means, wider
from harness.analysis.intervals import resamples, t_interval


def test_draws_are_those_of_resamples_computed_once_each() -> None:
    values = np.array([[1.0, 2.0, 4.0], [3.0, np.nan, 5.0]])
    draws = drawn(3, stream=2)
    assert draws.weights.shape == (3, 10)
    positions = resamples(3, DRAWS, seed=2)
    found = means(values, draws)[:, draws.inverse]
    assert found[0] == pytest.approx(values[0][positions].mean(axis=1))
    with np.errstate(invalid="ignore"):
        known = (positions != 1).sum(axis=1)
        expected = np.where(positions != 1, values[1][positions], 0).sum(axis=1) / known
    np.testing.assert_allclose(found[1], expected)
    assert means(values, as_is(3))[:, 0] == pytest.approx([7 / 3, 4])


def test_the_cheapest_is_the_least_cost_among_the_accurate() -> None:
    accuracy = np.array([[0.9, 0.9], [0.95, 0.7], [0.99, np.nan]])
    cost = np.array([[5.0, np.nan], [7.0, 1.0], [9.0, 1.0]])
    picks, found = cheapest(accuracy, np.array([0.94, 0.8]), cost)
    assert found.tolist() == [True, False]
    assert picks.tolist() == [1, 0]


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_few_seeds_keep_to_five_percent(seeds: int) -> None:
    random, draws = np.random.default_rng(seeds), drawn(seeds)
    wrong = 0
    for _ in range(400):
        values = random.standard_normal((1, seeds))
        interval = wider(float(values.mean()), means(values, draws)[0, draws.inverse], seeds)
        assert interval.half_width >= 0.95 * t_interval(values[0]).half_width
        wrong += not interval.low < 0 < interval.high
    # 20 are expected at 5%; a percentile interval gives over 30 with five seeds, about 100 with three.
    assert wrong <= 30


def test_what_a_draw_did_not_reach_makes_the_end_infinite() -> None:
    draws = np.array([0.0, 0.1, -0.1, math.inf] * 100)
    interval = wider(0.0, draws, 3)
    assert math.isinf(interval.high)
    assert math.isfinite(interval.low)
    assert not wider(0.0, draws, 1).known
