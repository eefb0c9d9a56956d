"""Tests of pairs of pipelines, against published examples and other libraries."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats import contingency_tables
from statsmodels.stats.multitest import multipletests

from harness.analysis.crossed import crossed, spread
from harness.analysis.frames import complete
from harness.analysis.significance import at_largest, combine, contestants, mcnemar, pairwise, wilcoxon, word
from harness.hits import pack
from tests import synthetic


def of_counts(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = (both, first, second, neither)
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


def test_mcnemar_is_fagerlands_published_example() -> None:
    # Fagerland, Lydersen and Laake 2013, table 1 (Bentur et al. 2009) and table 4.
    found = mcnemar(*of_counts(1, 1, 7, 12))
    assert (found.first, found.second) == (1, 7)
    assert (found.exact, found.mid_p) == pytest.approx((0.0703, 0.0391), abs=5e-5)


@pytest.mark.parametrize(("one", "two"), [(0, 3), (5, 5), (30, 12), (900, 1000)])
def test_mcnemar_is_statsmodels(one: int, two: int) -> None:
    first, second = of_counts(100, one, two, 20)
    found = mcnemar(first, second)
    assert found.exact == pytest.approx(contingency_tables.mcnemar([[100, one], [two, 20]], exact=True).pvalue)
    # Mid-p by its definition: half of what is as likely as the seen, and all that is less likely.
    chances = stats.binom.pmf(np.arange(one + two + 1), one + two, 0.5)
    seen = chances[one]
    assert found.mid_p == pytest.approx(
        chances[chances < seen * (1 - 1e-9)].sum() + chances[np.isclose(chances, seen)].sum() / 2
    )


def test_mcnemar_of_the_same_classifier() -> None:
    assert mcnemar(*of_counts(5, 0, 0, 5)) == (0, 0, 1.0, 1.0)


def test_combined_p_values_are_valid_whatever_their_dependence() -> None:
    assert combine([0.03]) == 0.03
    assert combine([0.01, math.nan, 0.04, 0.9]) == pytest.approx(3 / 2 * 0.04)
    assert combine([0.2, 0.6]) == 0.4
    assert combine([0.5, 0.9, 0.9]) == 1.0
    assert math.isnan(combine([math.nan]))
    # The worst dependence for the median of three (Rüger 1978): two of them low together, never all three.
    random = np.random.default_rng(0)
    low = random.uniform(size=20_000) < 0.15
    draws = np.where(low[:, None], random.uniform(0, 0.1, (20_000, 3)), random.uniform(0.1, 1, (20_000, 3)))
    high = random.integers(0, 3, 20_000)
    draws[np.arange(20_000), high] = random.uniform(0.1, 1, 20_000)
    assert np.mean([combine(row) <= 0.15 for row in draws]) <= 0.16


def test_wilcoxon_counts_all_changes_of_sign() -> None:
    for values in ([0.1, 0.2, 0.3, 0.4, 0.5], [0.3, -0.1, 0.2, 0.2, 0.0, 0.4]):
        ranks = stats.rankdata(np.abs(values))
        signs = np.array(list(itertools.product([-1, 1], repeat=len(values))))
        sums = (signs * ranks * (np.array(values) != 0)).sum(axis=1)
        seen = (np.sign(values) * ranks).sum()
        assert wilcoxon(np.array(values)) == pytest.approx(np.mean(np.abs(sums) >= abs(seen)))
    assert wilcoxon(np.array([0.1] * 5)) == pytest.approx(2 / 2**5)
    assert wilcoxon(np.zeros(4)) == 1
    assert math.isnan(wilcoxon(np.array([0.1])))


def test_a_difference_in_words() -> None:
    assert [word(0.1, 0.01), word(-0.1, 0.01), word(0.1, 0.2), word(0.1, math.nan)] == [
        "better",
        "worse",
        "no difference",
        "no difference",
    ]


def hits(accuracies: dict[str, float], seeds: int = 5, images: int = 2000, flips: float = 0.01) -> pd.DataFrame:
    """Pipelines that get the easiest images right, with some noise for each seed."""
    planted = {name: synthetic.Planted("traditional", lambda n: 0.1) for name in accuracies}
    frame = synthetic.trials(planted, sizes=(100,), seeds=seeds, n_test=images)
    random = np.random.default_rng(0)
    ease = random.uniform(size=images)
    texts = []
    for name in frame["pipeline"]:
        hit = ease < accuracies[name]
        texts.append(pack(hit ^ (random.uniform(size=images) < flips)))
    return complete(frame.assign(correct=texts))


def test_pairs_are_told_apart_where_they_differ() -> None:
    trials = hits({"a": 0.95, "b": 0.9, "c": 0.9})
    table = pairwise(trials, "mnist", 100)
    assert list(zip(table["first"], table["second"], strict=True))[2] in [("b", "c"), ("c", "b")]
    assert set(table["first"][:2]) == {"a"}
    assert list(table["word"]) == ["better", "better", "no difference"]
    assert list(table["difference"]) == pytest.approx(list(table["first_accuracy"] - table["second_accuracy"]))
    assert table["seeds"].eq(5).all()
    assert table["images"].eq(2000).all()
    # The interval is `crossed`, the bootstrap agrees, the p values are Holm's of all pairs.
    found = contestants(trials, "mnist", 100)
    assert not found.chosen
    raw = []
    for row in table.itertuples():
        one, two = (np.array(list(found.hits[str(label)].values()), dtype=float) for label in (row.first, row.second))
        assert (row.low, row.high) == pytest.approx(crossed(one - two)[1:])
        assert row.bootstrap_high - row.bootstrap_low == pytest.approx(row.high - row.low, rel=0.35)
        raw.append(spread(one - two).p)
    assert list(table["p"]) == pytest.approx(multipletests(raw, method="holm")[1])
    assert table["p_mcnemar"].iloc[0] < 1e-6
    assert table["p_wilcoxon"].iloc[0] == pytest.approx(3 * 2 / 2**5)


def test_many_pipelines_are_chosen_and_compared_on_different_images() -> None:
    trials = hits({f"p{i}": 0.8 + i / 100 for i in range(6)}, seeds=2, images=401)
    found = contestants(trials, "mnist", 100, most=3)
    assert found.chosen
    assert set(found.hits) == {"p3", "p4", "p5"}
    assert {len(hit) for by_seed in found.hits.values() for hit in by_seed.values()} == {200}
    assert len(pairwise(trials, "mnist", 100, most=3)) == 3


def test_rows_that_do_not_say_are_passed_over() -> None:
    trials = hits({"a": 0.9, "b": 0.8, "c": 0.8}, seeds=2, images=100)
    trials.loc[trials["pipeline"] == "c", "correct"] = ["", "no base64!"]
    trials.loc[(trials["pipeline"] == "b") & (trials["seed"] == 0), "status"] = "timeout"
    table = pairwise(trials, "mnist", 100)
    assert list(table["seeds"]) == [1]
    assert math.isnan(table["p_t"].iloc[0])
    assert pairwise(trials, "mnist", 999).empty
    larger = trials[trials["pipeline"] == "a"].assign(n_train=300)
    assert at_largest(pd.concat([trials, larger], ignore_index=True))["n_train"].tolist() == [100]
    assert at_largest(trials.head(0)).empty
    assert pairwise(complete(trials.drop(columns="correct")), "mnist", 100).empty
