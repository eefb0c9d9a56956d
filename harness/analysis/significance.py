"""Pairs of pipelines on the same test images: McNemar's test, tests over seeds, and what is left after Holm."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from harness.analysis.crossed import over_drawn_images, over_drawn_seeds, spread
from harness.analysis.frames import ok
from harness.analysis.intervals import LEVEL, Floats, percentile
from harness.analysis.paired import holm, paired
from harness.analysis.timing import one_per_seed
from harness.hits import unpack

Word: TypeAlias = Literal["better", "worse", "no difference"]
Hits: TypeAlias = NDArray[np.bool_]

MOST = 12
DRAWS = 1000


class McNemar(NamedTuple):
    """How often only the first or only the second classifier is right, and whether that is chance.

    Attributes
    ----------
    first, second
        Images that only the first, only the second classifies rightly.
    exact, mid_p
        Two-sided p values that both are right equally often.
    """

    first: int
    second: int
    exact: float
    mid_p: float


def mcnemar(first: Hits, second: Hits) -> McNemar:
    """McNemar's test of two classifiers on the same images.

    The exact test is conservative; its mid-p version is hardly ever, and has more power, so it is what Fagerland,
    Lydersen and Laake 2013 recommend (doi:10.1186/1471-2288-13-91). It judges these two trained classifiers, not the
    pipelines that trained them (Dietterich 1998, doi:10.1162/089976698300017197).

    Parameters
    ----------
    first, second : bool, shape (images,)
        Which images each classifies rightly.
    """
    one, two = int((first & ~second).sum()), int((second & ~first).sum())
    if one + two == 0:
        return McNemar(0, 0, 1.0, 1.0)
    exact = float(stats.binomtest(one, one + two).pvalue)
    chance = float(stats.binom.pmf(one, one + two, 0.5))
    return McNemar(one, two, exact, 1 - chance / 2 if one == two else exact - chance)


def combine(p: Sequence[float]) -> float:
    """One p value of several that may depend on each other in any way: their median, times about two.

    n / k times the k-th smallest of n is a valid p value whatever the dependence (Rüger 1978, Metrika 25,
    doi:10.1007/BF02204362; Vovk and Wang 2020, Biometrika 107(4), doi:10.1093/biomet/asaa027). k is half of n, rounded
    up: one lucky seed cannot make a difference significant. NaN are left out; of none it is NaN.
    """
    known = sorted(value for value in p if not math.isnan(value))
    if not known:
        return math.nan
    k = (len(known) + 1) // 2
    return min(1.0, len(known) / k * known[k - 1])


def wilcoxon(differences: Floats) -> float:
    """p of Wilcoxon's signed-rank test over seeds; with n seeds it cannot fall below 2 / 2**n. NaN with fewer than two.

    Seeds without a difference are ranked, too (Pratt 1959), else agreeing pipelines would look like few seeds.
    """
    if len(differences) < 2:
        return math.nan
    if not differences.any():
        return 1.0
    # The exact distribution knows no zeros and no ties; scipy then counts all changes of sign.
    test = stats.PermutationMethod(n_resamples=np.inf) if len(differences) <= 12 else "asymptotic"
    # Rounded, so that accuracies that differ by as many images are tied in spite of their last bits.
    return float(stats.wilcoxon(np.round(differences, 12), zero_method="pratt", method=test).pvalue)


def word(difference: float, p: float) -> Word:
    """A difference in words; better is a positive one."""
    if not p < 1 - LEVEL:
        return "no difference"
    return "better" if difference > 0 else "worse"


class Contestants(NamedTuple):
    """The pipelines that are compared, and which test images are used for it.

    Attributes
    ----------
    hits
        For each label its hits by seed.
    chosen
        Whether there were more pipelines than are compared. Then those most accurate on half a of the test images
        (even positions) were taken, and `hits` has half b only.
    """

    hits: dict[str, dict[int, Hits]]
    chosen: bool


def contestants(trials: pd.DataFrame, dataset: str, n_train: int, most: int = MOST) -> Contestants:
    """The pipelines whose rows say which test images they classified rightly; see `pairwise`."""
    rows = ok(trials)
    rows = rows[(rows["dataset"] == dataset) & (rows["n_train"] == n_train) & (rows["correct"] != "")]
    hits: dict[str, dict[int, Hits]] = {}
    for row in one_per_seed(rows).to_dict("records"):
        n_test = row["n_test"]
        try:
            hit = unpack(row["correct"], 0 if math.isnan(n_test) else int(n_test))
        except ValueError:
            # A damaged cell is a row that does not say.
            continue
        hits.setdefault(row["label"], {})[row["seed"]] = hit
    # Of labels with several test sets, which a merged run could have, those of the most common one.
    sizes = [len(hit) for by_seed in hits.values() for hit in by_seed.values()]
    images = max(set(sizes), key=lambda size: (sizes.count(size), size), default=0)
    hits = {
        label: kept
        for label, by_seed in hits.items()
        if (kept := {seed: hit for seed, hit in by_seed.items() if len(hit) == images and images > 1})
    }
    if len(hits) <= most:
        return Contestants(hits, False)
    on_a = {label: np.mean([hit[0::2].mean() for hit in by_seed.values()]) for label, by_seed in hits.items()}
    best = sorted(hits, key=lambda label: (-on_a[label], label))[:most]
    return Contestants({label: {seed: hit[1::2] for seed, hit in hits[label].items()} for label in best}, True)


COLUMNS = (
    "first", "second", "first_accuracy", "second_accuracy", "difference", "low", "high", "bootstrap_low",
    "bootstrap_high", "seeds", "images", "only_first", "only_second", "p", "p_mcnemar", "p_t", "p_wilcoxon", "word",
)  # fmt: skip


def pairwise(trials: pd.DataFrame, dataset: str, n_train: int, most: int = MOST) -> pd.DataFrame:
    """All pairs of pipelines on one dataset at one size, over the seeds that both completed.

    Parameters
    ----------
    trials : DataFrame
        As `frames.complete` gives it.
    dataset, n_train
        Where.
    most : int
        If more pipelines than that say which images they got right, those most accurate on half a of the test images
        are compared on half b: choosing and testing on the same images would find differences that are not there.

    Returns
    -------
    DataFrame
        A row for each pair with a common seed, the more accurate pipeline `first`, the largest difference on top:
        `first_accuracy`, `second_accuracy`, `difference` with `low` and `high` over seeds and images (`crossed`),
        `bootstrap_low` and `bootstrap_high` (`crossed.pigeonhole`), `seeds`, `images`; `only_first` and `only_second`
        (images that only one got right, mean over seeds); p values that Holm's correction over the pairs was applied
        to: `p` (over seeds and images), `p_mcnemar` (mid-p for each seed, `combine`d), `p_t` and `p_wilcoxon` (paired
        over seeds, NaN with one); `word`, which `p` decides: what `first` is against `second`.
    """
    hits = contestants(trials, dataset, n_train, most).hits
    every = [(label, seed) for label in sorted(hits) for seed in sorted(hits[label])]
    drawn = over_drawn_images([hits[label][seed] for label, seed in every], DRAWS) if every else np.empty((0, DRAWS))
    means = dict(zip(every, drawn, strict=True))
    rows = []
    for pair in itertools.combinations(sorted(hits), 2):
        seeds = sorted(set(hits[pair[0]]) & set(hits[pair[1]]))
        if seeds:
            one, two = (np.array([hits[label][seed] for seed in seeds]) for label in pair)
            redrawn = over_drawn_seeds(np.array([means[pair[0], seed] - means[pair[1], seed] for seed in seeds]))
            ahead = one.mean() >= two.mean()
            rows.append(_row(*pair, one, two, redrawn) if ahead else _row(*pair[::-1], two, one, -redrawn))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for column in ("p", "p_mcnemar", "p_t", "p_wilcoxon"):
        table[column] = holm([float(value) for value in table[column]])
    table["word"] = [word(difference, p) for difference, p in zip(table["difference"], table["p"], strict=True)]
    return table.sort_values(["difference", "first", "second"], ascending=[False, True, True], ignore_index=True)


def at_largest(trials: pd.DataFrame, most: int = 6) -> pd.DataFrame:
    """`pairwise` for every dataset at its largest size at which two pipelines say which images they got right.

    Returns
    -------
    DataFrame
        `dataset`, `n_train`, and the columns of `pairwise`; Holm's correction is over the pairs of one dataset.
    """
    said = ok(trials)[ok(trials)["correct"] != ""]
    count = said.groupby(["dataset", "n_train"])["label"].nunique().reset_index()
    largest = count[count["label"] > 1].groupby("dataset")["n_train"].max()
    tables = [
        pairwise(trials, str(dataset), int(n_train), most).assign(dataset=dataset, n_train=n_train)
        for dataset, n_train in zip(largest.index, largest, strict=True)
    ]
    columns = ["dataset", "n_train", *COLUMNS]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def _row(first: str, second: str, one: Hits, two: Hits, redrawn: Floats) -> dict[str, object]:
    d = one.astype(np.int8) - two.astype(np.int8)
    whole = spread(d)
    by_seed = d.mean(axis=1)
    each = [mcnemar(a, b) for a, b in zip(one, two, strict=True)]
    drawn = percentile(whole.mean, redrawn)
    return {
        "first": first, "second": second, "first_accuracy": one.mean(), "second_accuracy": two.mean(),
        "difference": whole.mean, "low": whole.interval.low, "high": whole.interval.high,
        "bootstrap_low": drawn.low, "bootstrap_high": drawn.high, "seeds": d.shape[0], "images": d.shape[1],
        "only_first": np.mean([test.first for test in each]), "only_second": np.mean([test.second for test in each]),
        "p": whole.p, "p_mcnemar": combine([test.mid_p for test in each]),
        "p_t": paired(by_seed, least_sd=1 / d.shape[1]).p, "p_wilcoxon": wilcoxon(by_seed), "word": "",
    }  # fmt: skip
