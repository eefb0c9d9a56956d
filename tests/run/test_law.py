from __future__ import annotations

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from harness.run.law import CONSTANT, Curve, Prior, fit, rising

PRIOR = Prior(1.0, 0.2, 100)
SIZES = (100, 300, 1000, 3000, 10_000)
SECONDS = st.floats(1e-3, 1e4)
SEEN = st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 1e6)), min_size=1, max_size=30)


@given(st.integers(1, 2), SECONDS, st.sampled_from([0.6, 0.8, 1.0, 1.2, 1.4]))
def test_a_power_law_is_continued_though_another_was_believed(more: int, factor: float, exponent: float) -> None:
    law = fit(SIZES, [factor * size**exponent for size in SIZES], PRIOR)
    size = SIZES[-1] * 2**more
    assert law.at(size) == pytest.approx(factor * size**exponent, rel=0.25)


@given(SECONDS)
def test_a_law_that_fits_what_is_believed_is_found_exactly(offset: float) -> None:
    # At 100 images the growing part costs as much as the offset, as the prior says.
    slope = offset / 100
    law = fit(SIZES, [offset + slope * size for size in SIZES], PRIOR)
    assert law.at(60_000) == pytest.approx(offset + slope * 60_000)


def test_one_value_is_continued_as_believed() -> None:
    law = fit([100], [2.0], Prior(1.5, 0.2, 100))
    assert law.at(100) == pytest.approx(2.0)
    assert law.at(400) == pytest.approx(1.0 + 4**1.5)
    assert fit([1.0], [3.0], CONSTANT).at(1.0) == pytest.approx(3.0)


@given(SEEN, st.lists(st.floats(0.5, 1e7), min_size=2, max_size=20))
def test_a_curve_never_falls_and_is_never_negative(seen: list[tuple[int, float]], asked: list[float]) -> None:
    curve = Curve(PRIOR)
    for work, value in seen:
        curve.learn(work, value)
    told = [curve.at(work) for work in sorted([*asked, *(float(work) for work, _ in seen)])]
    assert all(np.isfinite(told))
    assert min(told) >= 0
    assert all(more >= less * (1 - 1e-9) for less, more in pairwise(told))


@given(SEEN.filter(lambda seen: len({work for work, _ in seen}) == len(seen)), st.randoms(use_true_random=False))
def test_the_order_of_different_sizes_is_nothing(seen: list[tuple[int, float]], random: Random) -> None:
    seen = seen[:16]
    shuffled = list(seen)
    random.shuffle(shuffled)
    curves = Curve(PRIOR), Curve(PRIOR)
    for curve, values in zip(curves, (seen, shuffled), strict=True):
        for work, value in values:
            curve.learn(work, value)
    for work in (1, 50, 5000, 10**7):
        assert curves[0].at(work) == curves[1].at(work)


def test_of_one_size_the_latest_rows_count_and_an_outlier_does_not() -> None:
    curve = Curve(PRIOR)
    for value in (9.0, 9.0, 9.0, 1.0, 1.0, 1.0, 50.0, 1.0):
        curve.learn(100, value)
    assert curve.at(100) == pytest.approx(1.0)


def test_many_rows_are_thought_about_now_and_then_and_in_the_end_all_count() -> None:
    curve = Curve(PRIOR)
    for _ in range(160):
        curve.learn(100, 1.0)
    assert curve.at(100) == pytest.approx(1.0)
    for told in range(10):
        assert curve.at(100) == pytest.approx(1.0), told
        curve.learn(100, 2.0)
    curve.learn(100, 2.0)
    assert curve.at(100) == pytest.approx(2.0)
    curve.learn(300, 10.0)
    assert curve.at(300) > 5, "a new size counts at once"


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 5)), min_size=1, max_size=30))
def test_rising_is_isotonic_regression(pairs: list[tuple[float, int]]) -> None:
    values, weights = zip(*pairs, strict=True)
    known = IsotonicRegression().fit_transform(np.arange(len(values)), values, sample_weight=weights)
    assert rising(values, weights) == pytest.approx(known, abs=1e-9)
