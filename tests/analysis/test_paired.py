from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.paired import holm, paired, pairs_for, resolvable

# Student's data on ten patients (1908, "The Probable Error of a Mean", Biometrika 6): extra sleep by two drugs.
SLEEP_A = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_B = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_students_sleep_data_have_the_published_answer() -> None:
    # R's t.test(..., paired = TRUE): t = 4.0621, df = 9, p = 0.002833, interval 0.7001 to 2.4599.
    found = paired(np.subtract(SLEEP_B, SLEEP_A))
    assert found.difference == pytest.approx((1.58, 0.7001142, 2.4598858), abs=1e-6)
    assert found.p == pytest.approx(0.002833, abs=1e-6)
    assert found.pairs == 10


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=20).filter(lambda values: np.std(values) > 1e-6))
def test_the_test_is_that_of_scipy(values: list[float]) -> None:
    assert paired(values).p == pytest.approx(stats.ttest_1samp(values, 0).pvalue, rel=1e-6, abs=1e-12)


def test_an_offset_explains_what_lies_before_it() -> None:
    values = np.array([0.09, 0.11, 0.10, 0.12, 0.08])
    assert paired(values).p < 0.001
    assert paired(values, offset=0.15).p == 1
    assert paired(values, offset=0.05).p == pytest.approx(stats.ttest_1samp(values, 0.05).pvalue)
    assert paired(-values, offset=0.15).p == paired(-values).p


def test_agreement_to_the_digit_is_no_certainty() -> None:
    assert paired([0.001] * 2, least_sd=0.0001).p > 0.04
    assert paired([0.0, 0.0, 0.0]).p == 1
    assert paired([0.001] * 3).p == 0


def test_one_pair_has_no_interval() -> None:
    found = paired([0.5, math.nan])
    assert found.difference.value == 0.5
    assert math.isnan(found.difference.low)
    assert math.isnan(found.p)
    assert paired([]).pairs == 0


def test_resolvable_difference_is_found_with_the_chance_it_says() -> None:
    # The exact power from the noncentral t distribution, at sizes where the approximation should be close.
    for pairs in (10, 30, 100):
        effect = resolvable(1.0, pairs)
        edge, shift = stats.t.ppf(0.975, pairs - 1), effect * math.sqrt(pairs)
        power = stats.nct.sf(edge, pairs - 1, shift) + stats.nct.cdf(-edge, pairs - 1, shift)
        assert power == pytest.approx(0.8, abs=0.02)
    # Bloom's multiplier for many observations: 1.96 + 0.84.
    assert resolvable(1.0, 10_000) * 100 == pytest.approx(2.80, abs=0.005)


def test_pairs_for_is_the_inverse() -> None:
    pairs = pairs_for(0.1, 0.05)
    assert pairs is not None
    assert resolvable(0.1, pairs) <= 0.05 < resolvable(0.1, pairs - 1)
    assert pairs_for(1.0, 0.001, most=100) is None


def test_holm_has_the_known_answer() -> None:
    # R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm"): 0.03 0.06 0.06 0.02.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, math.nan, 0.9])[::2] == pytest.approx([1, 1])
    assert math.isnan(holm([0.5, math.nan])[1])
    assert holm([]) == []
