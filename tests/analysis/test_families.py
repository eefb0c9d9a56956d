from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.families import (
    Crossover,
    ahead_in_draws,
    compare,
    contenders,
    cross_fit,
    sign_changes,
    stays_ahead_from,
)
from harness.analysis.frames import complete
from harness.analysis.intervals import in_order, newcombe, resamples
from harness.hits import pack
from tests import synthetic
from tests.synthetic import Planted, power


def test_cross_fit_does_not_reward_entering_many_pipelines() -> None:
    random = np.random.default_rng(0)
    naive, fair = [], []
    for _ in range(400):
        # Forty pipelines that are equally good: 0.9, each measured with noise.
        half_a, half_b = 0.9 + 0.01 * random.standard_normal((2, 40, 3))
        naive.append(((half_a + half_b) / 2).mean(axis=1).max())
        fair.append(cross_fit(half_a, half_b, in_order(3)).scores.mean())
    assert np.mean(naive) > 0.905
    assert np.mean(fair) == pytest.approx(0.9, abs=4 * np.std(fair) / math.sqrt(400))


def test_cross_fit_of_one_pipeline_is_its_accuracy() -> None:
    half_a, half_b = np.array([[0.8, 0.9]]), np.array([[0.7, 0.95]])
    assert cross_fit(half_a, half_b, in_order(2)).scores[0] == pytest.approx([0.75, 0.925])


def test_cross_fit_scores_on_the_half_that_did_not_choose() -> None:
    half_a, half_b = np.array([[0.9, 0.9], [0.8, 0.8]]), np.array([[0.5, 0.5], [0.6, 0.6]])
    fit = cross_fit(half_a, half_b, in_order(2))
    assert (fit.chosen_on_a[0], fit.chosen_on_b[0]) == (0, 1)
    assert fit.scores[0] == pytest.approx([(0.5 + 0.8) / 2] * 2)


def test_cross_fit_never_chooses_a_pipeline_without_a_drawn_seed() -> None:
    half = np.array([[math.nan, 0.99], [0.5, 0.5]])
    fit = cross_fit(half, half, np.array([[0, 0], [1, 1]]))
    assert fit.scores.tolist() == [[0.5, 0.5], [0.99, 0.99]]


def test_cross_fit_draws_are_what_each_draw_gives_alone() -> None:
    half_a, half_b = np.random.default_rng(5).random((2, 4, 6))
    draws = resamples(6, 20)
    together = cross_fit(half_a, half_b, draws).scores
    alone = [cross_fit(half_a[:, draw], half_b[:, draw], in_order(6)).scores[0] for draw in draws]
    assert together == pytest.approx(np.array(alone))


def test_contenders_leave_out_the_diverged_and_the_lucky_but_not_the_timed_out() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 300), seeds=5)
    at_300 = trials["n_train"] == 300
    trials = synthetic.fail(trials, at_300 & (trials["pipeline"] == "cnn") & (trials["seed"] == 0), "diverged", "NaN")
    trials = synthetic.fail(
        trials, at_300 & (trials["pipeline"] == "hog-svm") & (trials["seed"] > 2), "timeout", "slow"
    )
    trials = synthetic.fail(trials, at_300 & (trials["pipeline"] == "pixels-rf") & (trials["seed"] > 0), "oom", "big")
    left = contenders(complete(trials)).groupby(["n_train", "pipeline"]).size()
    assert dict(left[100]) == {"cnn": 5, "hog-svm": 5, "mlp": 5, "pixels-rf": 5}
    assert dict(left[300]) == {"hog-svm": 3, "mlp": 5}


def test_compare_finds_the_planted_crossover() -> None:
    # 0.5 n^-0.25 = 5 n^-0.5 at n = 10,000.
    planted = {"svm": Planted("traditional", power(0.5, -0.25)), "net": Planted("deep", power(5, -0.5))}
    trials = synthetic.trials(planted, sizes=(300, 1000, 3000, 10_000, 30_000, 60_000), noise=0.01, n_test=50_000)
    comparison = compare(complete(trials), "mnist")
    assert comparison is not None
    assert comparison.crossover.n_star.value == pytest.approx(10_000, rel=0.1)
    assert comparison.crossover.n_star.low < 10_000 < comparison.crossover.n_star.high
    assert [point.difference.value > 0 for point in comparison.points if point.n_train != 10_000] == [
        False,
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(("deep_error", "n_star"), [(0.05, 0.0), (0.4, math.inf)])
def test_a_crossover_outside_the_sizes_is_censored(deep_error: float, n_star: float) -> None:
    planted = {"svm": Planted("traditional", lambda n: 0.2), "net": Planted("deep", lambda n: deep_error)}
    comparison = compare(complete(synthetic.trials(planted)), "mnist")
    assert comparison is not None
    assert comparison.crossover.n_star == (n_star, n_star, n_star)
    assert comparison.crossover.crossings == ()


def test_one_seed_gets_binomial_intervals_and_no_bootstrap() -> None:
    comparison = compare(complete(synthetic.trials(synthetic.LIKE_MNIST, seeds=1)), "mnist")
    assert comparison is not None
    assert all(point.difference.known and "binomial" in point.method for point in comparison.points)
    assert not comparison.crossover.n_star.known


def test_seeds_that_agree_by_chance_do_not_hide_how_few_the_test_images_are() -> None:
    planted = {"svm": Planted("traditional", lambda n: 0.03), "net": Planted("deep", lambda n: 0.01)}
    trials = synthetic.trials(planted, sizes=(100,), seeds=2, n_test=600)
    for half in ("accuracy_half_a", "accuracy_half_b"):
        trials[half] = np.where(trials["family"] == "deep", 0.99, 0.97)
    comparison = compare(complete(trials), "mnist")
    assert comparison is not None
    (point,) = comparison.points
    assert point.difference.value == pytest.approx(0.02)
    assert point.difference == pytest.approx(newcombe(0.99, 0.97, 600))
    assert point.method == "binomial on 600 test images, wider than the paired t over 2 seeds"


def test_seeds_that_differ_more_than_the_test_images_allow_have_the_paired_t() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100,), seeds=4, noise=0.3, n_test=50_000)
    comparison = compare(complete(trials), "mnist")
    assert comparison is not None
    assert comparison.points[0].method == "paired t over 4 seeds"


def test_families_without_a_common_seed_are_not_compared() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, seeds=2)
    one_each = (trials["family"] == "deep") == (trials["seed"] == 1)
    assert compare(complete(trials[one_each]), "mnist") is None


def test_several_crossings_are_all_told() -> None:
    sizes, differences = np.array([100.0, 1000.0, 10_000.0, 100_000.0]), np.array([-1.0, 1.0, -1.0, 3.0])
    expected = (100 * 10**0.5, 1000 * 10**0.5, 10_000 * 10**0.25)
    assert sign_changes(sizes, differences) == pytest.approx(expected)
    assert stays_ahead_from(sizes, differences) == pytest.approx(expected[-1])


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8))
def test_stays_ahead_from_agrees_with_the_differences(differences: list[float]) -> None:
    sizes = 100 * 2.0 ** np.arange(len(differences))
    n_star = stays_ahead_from(sizes, np.array(differences))
    assert all((difference > 0) for size, difference in zip(sizes, differences, strict=True) if size > n_star * 1.001)
    assert math.isinf(n_star) == (not differences[-1] > 0)
    assert (n_star == 0) == all(difference > 0 for difference in differences)


def with_hits(trials: pd.DataFrame, n_test: int) -> pd.DataFrame:
    """The trials with which images were classified rightly: some images are hard for every pipeline and seed."""
    difficulty = np.random.default_rng(3).random(n_test)
    rows = trials.copy()
    for position, accuracy in zip(rows.index, trials["accuracy"], strict=True):
        noise = np.random.default_rng(position).normal(0, 0.05, n_test)
        hit = np.zeros(n_test, dtype=bool)
        hit[np.argsort(difficulty + noise)[: round(accuracy * n_test)]] = True
        rows.loc[position, "accuracy_half_a"], rows.loc[position, "accuracy_half_b"] = hit[::2].mean(), hit[1::2].mean()
        rows.loc[position, "correct"] = pack(hit)
    return rows


def test_seeds_and_test_images_are_drawn_together_where_rows_have_both() -> None:
    # 0.5 n^-0.25 = 5 n^-0.5 at n = 10,000.
    planted = {"svm": Planted("traditional", power(0.5, -0.25)), "net": Planted("deep", power(5, -0.5))}
    trials = synthetic.trials(planted, sizes=(300, 1000, 3000, 10_000, 30_000), n_test=2000)
    # All seeds have the planted error, so that little but the images can vary.
    trials["accuracy"] = [1 - planted[row.pipeline].error(row.n_train) for row in trials.itertuples()]
    frame = complete(with_hits(trials, 2000))
    both, seeds_only = compare(frame, "mnist"), compare(frame.drop(columns="correct"), "mnist")
    assert both is not None
    assert seeds_only is not None
    n_star, alone = both.crossover.n_star, seeds_only.crossover.n_star
    assert n_star.value == pytest.approx(alone.value)
    assert n_star.low < alone.low <= alone.high < n_star.high
    assert n_star.low < 10_000 < n_star.high < math.inf
    assert both.crossover.method == "bootstrap over 5 seeds and 2,000 test images together"
    assert both.crossover.probability_none < 0.02
    # Errors fall on the same images: paired, far fewer decide than independent ones would.
    for point, other in zip(both.points, seeds_only.points, strict=True):
        assert point.method == "crossed random effects of 5 seeds and 2,000 test images"
        assert point.difference.value == pytest.approx(other.difference.value)
        assert point.difference.half_width < other.difference.half_width


def test_a_row_without_hits_leaves_the_seeds_only() -> None:
    trials = with_hits(synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 300), seeds=2, n_test=200), 200)
    trials.loc[(trials["n_train"] == 300) & (trials["pipeline"] == "cnn") & (trials["seed"] == 0), "correct"] = None
    comparison = compare(complete(trials), "mnist")
    assert comparison is not None
    assert comparison.crossover.method == "bootstrap over 2 seeds"
    assert ["crossed" in point.method for point in comparison.points] == [True, False]


def test_draws_say_how_sure_it_is_that_the_curves_cross_and_how_often() -> None:
    def at(deep: float) -> Crossover:
        planted = {"svm": Planted("traditional", lambda n: 0.2), "net": Planted("deep", lambda n: deep)}
        comparison = compare(complete(synthetic.trials(planted)), "mnist")
        assert comparison is not None
        return comparison.crossover

    assert (at(0.4).probability_none, at(0.1).probability_none) == (1, 0)
    assert (at(0.4).probability_several, at(0.1).probability_several) == (0, 0)
    alike = at(0.2)
    assert 0 < alike.probability_none < 1
    assert alike.probability_several > 0.1


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.lists(
            st.lists(st.one_of(st.just(math.nan), st.floats(-1, 1)), min_size=n, max_size=n), min_size=1, max_size=5
        )
    )
)
def test_many_draws_cross_where_each_does_alone(drawn: list[list[float]]) -> None:
    differences = np.array(drawn)
    sizes = 100 * 2.0 ** np.arange(differences.shape[1])
    n_star, changes = ahead_in_draws(sizes, differences)
    assert n_star.tolist() == pytest.approx([stays_ahead_from(sizes, row) for row in differences], nan_ok=True)
    assert changes.tolist() == [len(sign_changes(sizes, row)) for row in differences]
