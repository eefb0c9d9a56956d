"""Rankings, against Demsar's published example."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.analysis import ranks
from harness.analysis.frames import complete
from tests import synthetic

# Demsar 2006, table 6: AUC of C4.5 with parameters m and cf tuned or not, on 14 datasets. (The third of "voting" is
# 0.975 there, like the fourth; the ranks say that it was larger.)
NAMES = ["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"]
AUC = [
    (0.763, 0.768, 0.771, 0.798), (0.599, 0.591, 0.590, 0.569), (0.954, 0.971, 0.968, 0.967),
    (0.628, 0.661, 0.654, 0.657), (0.882, 0.888, 0.886, 0.898), (0.936, 0.931, 0.916, 0.931),
    (0.661, 0.668, 0.609, 0.685), (0.583, 0.583, 0.563, 0.625), (0.775, 0.838, 0.866, 0.875),
    (1.000, 1.000, 1.000, 1.000), (0.940, 0.962, 0.965, 0.962), (0.619, 0.666, 0.614, 0.669),
    (0.972, 0.981, 0.9751, 0.975), (0.957, 0.978, 0.946, 0.970),
]  # fmt: skip


def test_it_is_demsars_published_example() -> None:
    found = ranks.rank(pd.DataFrame(AUC, columns=NAMES))
    assert found
    assert dict(found.ranks) == pytest.approx(
        {"C4.5+m+cf": 1.964, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5": 3.143}, abs=5e-4
    )
    assert list(found.ranks) == sorted(found.ranks)
    assert found.friedman.chi2 == pytest.approx(9.28, abs=5e-3)
    assert found.friedman.f == pytest.approx(3.69, abs=5e-3)
    # "The critical value of F(3, 39) for alpha = 0.05 is 2.85".
    assert found.friedman.f_p < 0.05
    assert stats.f.isf(0.05, 3, 39) == pytest.approx(2.85, abs=5e-3)
    assert found.sufficient
    # His q of 2.569 (table 5a) times sqrt(4 * 5 / (6 * 14)); 3.143 - 1.964 = 1.179 is less.
    assert found.critical_difference == pytest.approx(2.569 * math.sqrt(20 / 84), abs=1e-3)
    assert found.groups == (("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"),)
    assert found.p.loc["C4.5", "C4.5+m+cf"] > 0.05
    assert "Descriptive" not in ranks.sentence(found)


def test_friedman_without_ties_is_scipys() -> None:
    scores = np.random.default_rng(0).standard_normal((12, 6))
    found = ranks.friedman(stats.rankdata(-scores, axis=1).mean(axis=0), 12)
    expected = stats.friedmanchisquare(*scores.T)
    assert (found.chi2, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert ranks.friedman([1, 2, 3], 5).f == math.inf
    assert math.isnan(ranks.friedman([1.0], 5).p)


def test_groups_are_what_nemenyis_p_values_leave_together() -> None:
    random = np.random.default_rng(1)
    scores = pd.DataFrame(random.standard_normal((40, 8)) + np.linspace(0, 3, 8), columns=list("abcdefgh"))
    found = ranks.rank(scores)
    assert found
    together = {pair for group in found.groups for pair in ((a, b) for a in group for b in group)}
    for a in found.ranks.index:
        for b in found.ranks.index:
            assert ((a, b) in together or a == b) == (found.p.loc[a, b] > 0.05)
    assert len(found.groups) > 1


def test_too_few_datasets_describe_only_and_failures_are_last() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 1000), datasets=("mnist", "digits"), seeds=2)
    stopped = (trials["pipeline"] == "hog-svm") & (trials["n_train"] == 1000)
    frame = complete(synthetic.fail(trials, stopped, "timeout", "over its time limit of 9 s"))
    scores, datasets = ranks.blocks(frame)
    assert (len(scores), datasets) == (4, 2)
    assert np.isneginf(scores["hog-svm"].to_numpy()).tolist() == [False, True, False, True]
    found = ranks.ranking(frame)
    assert found
    assert not found.sufficient
    assert ranks.sentence(found).startswith("Descriptive")
    assert found.ranks["hog-svm"] == (1 + 4 + 1 + 4) / 4
    table = ranks.table(frame)
    assert table.set_index("label").loc["hog-svm", "first_in"] == 2
    assert set(table["not_told_apart_from"]) == {""}


def test_ten_datasets_are_ranked_at_their_largest_size() -> None:
    names = [f"d{i}" for i in range(10)]
    frame = complete(synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 10_000), datasets=names, seeds=1))
    found = ranks.ranking(frame)
    assert found
    assert (found.blocks, found.datasets, found.sufficient) == (10, 10, True)
    assert found.ranks.index[0] == "cnn"
    assert ranks.table(frame)["not_told_apart_from"].str.len().gt(0).any()


def test_what_was_tried_seldom_does_not_decide() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 300, 1000), seeds=1)
    seldom = (trials["pipeline"] == "cnn") & (trials["n_train"] > 100)
    trials = trials[~(seldom | ((trials["pipeline"] == "mlp") & (trials["n_train"] == 300)))]
    scores, _ = ranks.blocks(complete(trials))
    assert list(scores.columns) == ["hog-svm", "mlp", "pixels-rf"]
    assert [size for _, size in scores.index] == [100, 1000]
    assert ranks.ranking(complete(trials[trials["pipeline"] == "mlp"])) is None
    assert ranks.table(complete(trials.head(0))).empty
