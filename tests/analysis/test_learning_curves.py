from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.learning_curves import (
    DRAW_ROUNDS,
    FORMS,
    choose,
    choose_many,
    fit,
    fit_many,
    predict_many,
    variances,
)

SIZES = np.array([100.0, 300, 1000, 3000, 10_000, 30_000, 60_000])
# As published: error of pow3, pow4, mmf4, one minus accuracy of wbl4.
PLANTED = {
    "pow3": (lambda n: 2 * n**-0.5 + 0.02, {"a": 2, "b": 0.5, "c": 0.02}),
    "pow4": (lambda n: 5 * (n + 200) ** -0.6 + 0.02, {"a": 5, "b": 0.6, "c": 0.02, "d": 200}),
    "mmf4": (lambda n: (0.7 * 300 + 0.03 * n**0.9) / (300 + n**0.9), {"a": 0.7, "b": 300, "c": 0.03, "d": 0.9}),
    "wbl4": (lambda n: 1 - (-0.6 * np.exp(-0.02 * n**0.5) + 0.95), {"a": 0.02, "b": 0.6, "c": 0.5, "d": 0.95}),
}


@pytest.mark.parametrize("name", FORMS)
def test_planted_parameters_and_predictions_come_back(name: str) -> None:
    error, parameters = PLANTED[name]
    found = fit(name, SIZES, error(SIZES))
    assert found is not None
    assert found.parameters == pytest.approx(parameters, rel=1e-4)
    assert found.predict([600_000])[0, 0] == pytest.approx(error(600_000.0), rel=1e-4)
    assert list(found.parameters) == sorted(found.parameters)


@pytest.mark.parametrize("name", FORMS)
def test_the_form_that_made_a_curve_is_chosen_with_the_sizes_that_it_was_not_fitted_to(name: str) -> None:
    choice = choose(SIZES, PLANTED[name][0](SIZES))
    assert choice.form == name
    assert choice.held_out == (30_000, 60_000)
    assert choice.scores[name] < 1e-4 < choice.scores["last"]


@pytest.mark.parametrize(
    "errors",
    [np.full(7, 0.1), np.zeros(7), np.ones(7), np.linspace(0.1, 0.4, 7), np.array([0.5, 0.4, 0.3, 0.2, 0.2, 0.2, 0.2])],
    ids=["flat", "faultless", "hopeless", "rising", "levelled off"],
)
def test_the_last_value_wins_ties(errors: np.ndarray) -> None:
    assert choose(SIZES, errors).form == "last"


def test_forms_with_more_parameters_than_points_are_not_fitted() -> None:
    errors = PLANTED["pow3"][0](SIZES)
    assert choose(SIZES[:3], errors[:3]) == ("last", (), {})
    assert set(choose(SIZES[:4], errors[:4]).scores) == {"last", "pow3"}
    assert choose(SIZES[:4], errors[:4]).held_out == (3000,)
    assert fit("pow4", SIZES[:3], errors[:3]) is None
    assert np.isnan(fit_many("mmf4", SIZES[:3], errors[:3]).predict([1e5])).all()
    unmeasured = np.where(np.arange(7) < 3, math.nan, errors)
    assert set(choose(SIZES, unmeasured).scores) == {"last", "pow3"}


def test_many_curves_at_once_are_each_what_it_is_alone() -> None:
    random = np.random.default_rng(0)
    errors = PLANTED["pow3"][0](SIZES) * np.exp(0.05 * random.standard_normal((6, 7)))
    errors[2, 3] = math.nan
    weights = 1 / PLANTED["pow3"][0](SIZES)
    together = fit_many("pow4", SIZES, errors, weights)
    for position in (0, 2):
        alone = fit("pow4", SIZES, errors[position], weights)
        assert alone is not None
        assert together.predict(SIZES)[position] == pytest.approx(alone.predict(SIZES)[0], rel=0.02)
    names, predicted = predict_many(SIZES, errors[[0, 1, 0]], weights, np.array([120_000.0]))
    assert names == [choose_many(SIZES, errors[[row]], weights, DRAW_ROUNDS)[0][0] for row in (0, 1, 0)]
    assert predicted[0] == predicted[2]


def test_what_is_uncertain_counts_less() -> None:
    errors = PLANTED["pow3"][0](SIZES)
    wrong = np.where(SIZES == 1000, 0.3, errors)
    found = fit("pow3", SIZES, wrong, np.where(SIZES == 1000, 1e-6, 1.0))
    assert found is not None
    assert found.predict(SIZES)[0] == pytest.approx(errors, rel=1e-3)


def test_variances_are_those_of_images_and_seeds() -> None:
    one = variances(np.array([[0.1, 0.2]]), 1000)
    assert one == pytest.approx([0.1 * 0.9 / 1000, 0.2 * 0.8 / 1000], rel=0.01)
    # A standard deviation of a tenth of the error, four seeds.
    apart = np.array([1, 1, -1, -1]) * math.sqrt(3 / 4) * 0.1
    four = variances((1 + apart)[:, None] * np.array([[0.1, 0.2]]), 1000)
    assert four - one == pytest.approx([0.01**2 / 4, 0.02**2 / 4])


@given(
    st.integers(1, 8).flatmap(lambda n: st.lists(st.one_of(st.just(math.nan), st.floats(0, 1)), min_size=n, max_size=n))
)
@settings(max_examples=25, deadline=None)
def test_any_curve_gets_a_choice_and_predictions_that_are_errors(errors: list[float]) -> None:
    sizes, curve = 50 * 3.0 ** np.arange(len(errors)), np.array(errors)
    choice = choose(sizes, curve)
    assert choice.form in ("last", *FORMS)
    for name in FORMS:
        found = fit(name, sizes, curve)
        assert found is None or ((found.predict(sizes * 10) >= 0) & (found.predict(sizes * 10) <= 1)).all()
