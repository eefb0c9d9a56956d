"""Pipelines ranked over datasets: Friedman's test, average ranks, and which a critical difference tells apart."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from harness.analysis.frames import ok
from harness.analysis.intervals import LEVEL
from harness.analysis.timing import one_per_seed

# Demsar 2006, section 3.2.2: Friedman's statistic is that of its distribution "when N and k are big enough (as a rule
# of a thumb, N > 10 and k > 5)". Datasets are what must be many; a few pipelines cost power only.
MIN_DATASETS = 10
FAILURES = ("timeout", "oom", "oom_gpu", "crashed", "failed", "diverged")


class Friedman(NamedTuple):
    """Whether the pipelines' ranks differ at all: Friedman's chi-squared and Iman and Davenport's F, with their p."""

    chi2: float
    p: float
    f: float
    f_p: float


class Ranking(NamedTuple):
    """Pipelines by average rank.

    Attributes
    ----------
    ranks
        Average rank of each label, 1 the best, ascending.
    blocks
        How many rankings were averaged.
    friedman
        The test that all are alike.
    critical_difference
        Nemenyi's: average ranks nearer than that are not told apart at 95%.
    groups
        Labels that are not told apart, the largest such groups of neighbours, best first.
    p
        Nemenyi's p value of each pair, labels by labels.
    datasets
        On how many datasets.
    sufficient
        Whether those are enough for a test. Otherwise the ranking is descriptive: it says what was seen on these
        datasets, and nothing of others.
    """

    ranks: pd.Series
    blocks: int
    friedman: Friedman
    critical_difference: float
    groups: tuple[tuple[str, ...], ...]
    p: pd.DataFrame
    datasets: int
    sufficient: bool


def friedman(average: ArrayLike, blocks: int) -> Friedman:
    """Friedman's test from average ranks, and Iman and Davenport's less conservative form of it.

    As in Demsar 2006 (JMLR 7, 1-30), section 3.2.2, without correction for ties, which makes it conservative. Where
    all blocks agree F is infinite.

    Parameters
    ----------
    average : array-like of float, shape (k,)
        Average rank of each of k pipelines.
    blocks : int
        Over how many blocks.
    """
    mean = np.asarray(average, dtype=float)
    k = len(mean)
    if k < 2 or blocks < 2:
        return Friedman(math.nan, math.nan, math.nan, math.nan)
    chi2 = 12 * blocks / (k * (k + 1)) * float(((mean - (k + 1) / 2) ** 2).sum())
    left = blocks * (k - 1) - chi2
    f = (blocks - 1) * chi2 / left if left > 1e-9 * blocks else math.inf
    f_p = float(stats.f.sf(f, k - 1, (k - 1) * (blocks - 1)))
    return Friedman(chi2, float(stats.chi2.sf(chi2, k - 1)), f, f_p)


def critical_difference(k: int, blocks: int, level: float = LEVEL) -> float:
    """Nemenyi's critical difference of average ranks of k pipelines over some blocks (Demsar 2006, section 3.2.2)."""
    return float(stats.studentized_range.ppf(level, k, np.inf)) / math.sqrt(2) * math.sqrt(k * (k + 1) / (6 * blocks))


def rank(scores: pd.DataFrame, datasets: int | None = None) -> Ranking | None:
    """Rank the columns of a table in each of its rows, and average.

    Parameters
    ----------
    scores : DataFrame
        A row for each block, a column for each pipeline, higher is better. -inf, a pipeline that failed, is last; ties
        share their ranks. No NaN.
    datasets : int, optional
        How many datasets the blocks come from; each block one if not given.

    Returns
    -------
    Ranking or None
        None with fewer than two pipelines or two blocks.
    """
    blocks, k = scores.shape
    if k < 2 or blocks < 2:
        return None
    # Slow to import, and needed for rankings only.
    from scikit_posthocs import posthoc_nemenyi_friedman

    table = scores.rank(axis=1, ascending=False)
    average = table.mean().sort_values(kind="stable")
    average.index = average.index.astype(str)
    values = table.to_numpy(dtype=float)
    p = pd.DataFrame(
        posthoc_nemenyi_friedman(values).to_numpy(), index=list(map(str, scores)), columns=list(map(str, scores))
    )
    p = p.loc[average.index, average.index]
    distance = critical_difference(k, blocks)
    several = blocks if datasets is None else datasets
    sufficient = several >= MIN_DATASETS
    groups = _groups(average, distance)
    return Ranking(average, blocks, friedman(average, blocks), distance, groups, p, several, sufficient)


def _groups(average: pd.Series, distance: float) -> tuple[tuple[str, ...], ...]:
    """The longest runs of neighbours, ordered by rank, whose ends are nearer than the critical difference."""
    names, values = list(average.index), average.to_numpy(dtype=float)
    found: list[tuple[str, ...]] = []
    reached = 0
    for start, value in enumerate(values):
        end = int(np.searchsorted(values, value + distance, side="left"))
        if end - start > 1 and end > reached:
            found.append(tuple(names[start:end]))
            reached = end
    return tuple(found)


def given_to_all(present: pd.DataFrame) -> tuple[list[object], list[object]]:
    """Which rows and columns of a table of yes and no to keep so that all of it is yes.

    Columns (pipelines) that are there in fewer than half of the rows (blocks) go first, then the rows that lack one of
    those left: a pipeline that was tried here and there must not decide where all are compared.
    """
    columns = present.columns[2 * present.sum() >= len(present)]
    rows = present.index[present[columns].all(axis=1)]
    return (list(rows), list(columns)) if len(columns) else ([], [])


def blocks(trials: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Accuracies to be ranked: datasets at their largest size where there are ten, else every dataset and size.

    Sizes of one dataset share images, so blocks of the second kind are not independent and can only describe.

    Parameters
    ----------
    trials : DataFrame
        As `frames.complete` gives it.

    Returns
    -------
    scores, datasets
        A row for each (dataset, n_train), a column for each label: mean accuracy over seeds, -inf where a pipeline was
        run and no seed ended well. Only what `given_to_all` keeps. And the number of datasets in it.
    """
    run = trials[trials["status"].isin(("ok", *FAILURES))]
    if run["dataset"].nunique() >= MIN_DATASETS:
        run = run[run["n_train"] == run.groupby("dataset")["n_train"].transform("max")]
    where = ["dataset", "n_train"]
    known = one_per_seed(ok(run)).pivot_table(index=where, columns="label", values="accuracy", aggfunc="mean")
    tried = run.pivot_table(index=where, columns="label", values="seed", aggfunc="count").fillna(0) > 0
    scores = known.reindex(index=tried.index, columns=tried.columns).fillna(-np.inf)
    rows, columns = given_to_all(tried)
    kept = scores.loc[rows, columns]
    return kept, kept.index.get_level_values("dataset").nunique()


def ranking(trials: pd.DataFrame) -> Ranking | None:
    """The pipelines ranked by accuracy over the `blocks` of a run; None where fewer than two can be ranked."""
    return rank(*blocks(trials))


def table(trials: pd.DataFrame) -> pd.DataFrame:
    """Average ranks: `label`, `rank`, `first_in` (blocks in which it was the best, ties shared), `not_told_apart_from`.

    The last names the pipelines nearer than the critical difference; in a descriptive ranking it is empty.
    """
    scores, datasets = blocks(trials)
    found = rank(scores, datasets)
    columns = ["label", "rank", "first_in", "not_told_apart_from"]
    if found is None:
        return pd.DataFrame(columns=columns)
    best = scores.eq(scores.max(axis=1), axis=0)
    first_in = best.div(best.sum(axis=1), axis=0).sum()
    rows = []
    for label, value in zip(found.ranks.index, found.ranks, strict=True):
        near = found.ranks.index[(found.ranks - value).abs() < found.critical_difference].drop(label)
        rows.append((label, value, first_in[label], ", ".join(near) if found.sufficient else ""))
    return pd.DataFrame(rows, columns=columns)


def sentence(found: Ranking) -> str:
    """What a ranking says in one or two sentences, first of all whether it is more than a description."""
    origin = "one dataset" if found.datasets == 1 else f"{found.datasets} datasets"
    seen = f"{len(found.ranks)} pipelines ranked by accuracy in {found.blocks} blocks from {origin}"
    if not found.sufficient:
        return (
            f"Descriptive: {seen}. At least {MIN_DATASETS} datasets are needed for a test of ranks; sizes of one "
            "dataset share images and are no further datasets, so no p values are given."
        )
    test = found.friedman
    return (
        f"{seen}: Friedman chi-squared {test.chi2:.2f} (p = {test.p:.3g}), Iman-Davenport F {test.f:.2f} "
        f"(p = {test.f_p:.3g}). Average ranks nearer than {found.critical_difference:.2f} (Nemenyi) are not told apart."
    )
