from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.intervals import (
    expanded_percentile,
    hybrid_difference,
    in_order,
    mean_known,
    newcombe,
    percentile,
    resamples,
    t_interval,
    wilson,
)


def test_t_interval_is_scipys() -> None:
    values = [0.91, 0.93, 0.94, 0.90]
    interval = t_interval([*values, math.nan])
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert interval.value == pytest.approx(np.mean(values))
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert interval.half_width == pytest.approx((expected.high - expected.low) / 2)


def test_t_interval_of_one_value_has_no_ends_and_of_none_no_value() -> None:
    one = t_interval([0.5])
    assert one.value == 0.5
    assert not one.known
    assert math.isnan(t_interval([math.nan]).value)


def test_wilson_is_the_textbook_formula() -> None:
    p, n, z = 0.98, 10_000, stats.norm.ppf(0.975)
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    assert wilson(p, n)[1:] == pytest.approx((centre - half, centre + half))


def test_hybrid_difference_is_newcombes_published_example() -> None:
    # Newcombe 1998, table II, contrast (a), method 10: 56/70 - 48/80.
    interval = hybrid_difference(wilson(56 / 70, 70), wilson(48 / 80, 80))
    assert interval == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_newcombe_without_a_test_size_is_unknown() -> None:
    assert not newcombe(0.9, 0.8, math.nan).known


def test_percentile_keeps_infinite_ends_and_leaves_out_nan() -> None:
    draws = [1.0] * 50 + [2.0] * 40 + [math.inf] * 10 + [math.nan] * 900
    assert percentile(1.5, draws) == (1.5, 1.0, math.inf)
    assert not percentile(1.5, [math.nan]).known


def test_percentile_bootstrap_of_a_mean_agrees_with_scipy() -> None:
    values = np.random.default_rng(1).exponential(size=40)
    ours = percentile(values.mean(), values[resamples(40, 4000)].mean(axis=1))
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=4000, rng=2).confidence_interval
    assert ours[1:] == pytest.approx((theirs.low, theirs.high), rel=0.03)


def test_resamples_are_the_same_each_time_and_in_order_is_the_identity() -> None:
    assert np.array_equal(resamples(5, 7), resamples(5, 7))
    assert in_order(3).tolist() == [[0, 1, 2]]


@given(st.lists(st.lists(st.one_of(st.floats(-10, 10), st.just(math.nan)), min_size=3, max_size=3), min_size=1))
def test_mean_known_is_nanmean(rows: list[list[float]]) -> None:
    values = np.array(rows)
    expected = [np.nan if np.isnan(row).all() else np.nanmean(row) for row in values]
    assert mean_known(values, axis=1) == pytest.approx(expected, nan_ok=True)


def test_the_expanded_percentile_is_the_t_interval_of_a_normal_bootstrap() -> None:
    # Hesterberg 2015, section 5.3: draws that are normal with the bootstrap's spread give the t interval back.
    values = np.array([0.91, 0.93, 0.94, 0.90, 0.95, 0.92, 0.96])
    n = len(values)
    draws = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000, values.mean(), values.std() / math.sqrt(n))
    assert expanded_percentile(values.mean(), draws, n) == pytest.approx(t_interval(values), abs=1e-5)


def test_the_expanded_percentile_of_two_is_the_range_and_of_one_unknown() -> None:
    assert expanded_percentile(2.0, [3.0, 1.0, 2.0, math.nan], 2) == (2.0, 1.0, 3.0)
    assert not expanded_percentile(2.0, [1.0, 3.0], 1).known
