"""The best pipeline of a family, chosen on other test images than it is scored on; and the two families compared."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.analysis.frames import ok
from harness.analysis.intervals import (
    Floats,
    Interval,
    in_order,
    mean_known,
    newcombe,
    percentile,
    resamples,
    t_interval,
)
from harness.analysis.timing import one_per_seed

DRAWS = 2000
HALVES = ("accuracy_half_a", "accuracy_half_b")


class CrossFit(NamedTuple):
    """Scores, shape (draws, seeds), and the pipelines (positions) chosen on half a and on half b, shape (draws,)."""

    scores: Floats
    chosen_on_a: NDArray[np.intp]
    chosen_on_b: NDArray[np.intp]


def cross_fit(half_a: Floats, half_b: Floats, positions: NDArray[np.intp]) -> CrossFit:
    """Score the best of several pipelines without choosing it on the images it is scored on.

    The largest of several noisy accuracies is too high an estimate of the best pipeline, and the more so the more
    pipelines a family enters. So: choose the pipeline with the highest mean over seeds on half a of the test images
    and take its accuracies on half b; choose on half b and take half a; the score is the average of the two. (Two-fold
    cross-fitting, as in Chernozhukov et al. 2018, doi:10.1111/ectj.12097.) A family with one pipeline gets its
    plain accuracy.

    Parameters
    ----------
    half_a, half_b : float, shape (pipelines, seeds)
        Accuracies on either half; NaN where a seed was not measured.
    positions : int, shape (draws, seeds)
        Which seeds to use: `intervals.in_order` for the data themselves, `intervals.resamples` for a bootstrap, in
        which each draw chooses anew.

    Returns
    -------
    CrossFit
        Its scores are NaN where a chosen pipeline lacks the seed.
    """

    def choose(half: Floats) -> NDArray[np.intp]:
        means = np.nan_to_num(mean_known(half[:, positions], axis=2), nan=-1.0)
        return np.asarray(np.argmax(means, axis=0), dtype=np.intp)

    on_a, on_b = choose(half_a), choose(half_b)
    scores = (half_b[on_a[:, None], positions] + half_a[on_b[:, None], positions]) / 2
    return CrossFit(scores, on_a, on_b)


def contenders(trials: pd.DataFrame) -> pd.DataFrame:
    """The ok trials, one for each seed, of pipelines that may be called the best of their family at a size.

    A pipeline that diverged there with any seed may not: the seeds that survived would flatter it. Nor may one that
    completed fewer than half as many seeds as the most complete of its family: it could win by a lucky seed. A
    pipeline that lost a few seeds otherwise (time, memory, an interruption) stands by those it has.
    """
    where = ["dataset", "family", "n_train"]
    diverged = trials[trials["status"] == "diverged"].set_index([*where, "pipeline"]).index
    rows = one_per_seed(ok(trials)).dropna(subset=list(HALVES))
    rows = rows[~rows.set_index([*where, "pipeline"]).index.isin(diverged)]
    count = rows.groupby([*where, "pipeline"])["seed"].transform("nunique")
    most = count.groupby([rows[column] for column in where]).transform("max")
    return rows[2 * count >= most]


class Cell(NamedTuple):
    """All accuracies of one family on one dataset at one size; NaN where a seed was not measured."""

    pipelines: tuple[str, ...]
    half_a: Floats
    half_b: Floats
    n_test: float
    trial_ids: tuple[str, ...]


def cell(rows: pd.DataFrame, dataset: str, family: str, n_train: int, seeds: list[int]) -> Cell | None:
    """The accuracies of a family's `contenders` at one size; None if there are none.

    Several devices or backends of one pipeline and seed are averaged.
    """
    rows = rows[(rows["dataset"] == dataset) & (rows["family"] == family) & (rows["n_train"] == n_train)]
    if rows.empty:
        return None
    pipelines = tuple(sorted(set(rows["pipeline"])))
    half_a, half_b = (
        rows.pivot_table(index="pipeline", columns="seed", values=half, aggfunc="mean")
        .reindex(index=list(pipelines), columns=seeds)
        .to_numpy(dtype=float)
        for half in HALVES
    )
    return Cell(pipelines, half_a, half_b, float(rows["n_test"].median()), tuple(rows["trial_id"]))


class Point(NamedTuple):
    """Best traditional and best deep at one size; `difference` is deep minus traditional, in accuracy."""

    n_train: int
    traditional: float
    deep: float
    difference: Interval
    method: str
    seeds: int
    traditional_chosen: tuple[str, ...]
    deep_chosen: tuple[str, ...]
    trial_ids: tuple[str, ...]


class Crossover(NamedTuple):
    """The size n* from which the best deep pipeline stays ahead up to the largest size measured.

    `n_star` is 0 if deep was ahead at every size (n* lies below the smallest) and infinite if it was not ahead at the
    largest; the interval's ends likewise. `crossings` are all sizes at which the difference changes sign.
    """

    n_star: Interval
    crossings: tuple[float, ...]


class Comparison(NamedTuple):
    """Best traditional against best deep on one dataset, at the sizes both measured, ascending."""

    dataset: str
    points: tuple[Point, ...]
    crossover: Crossover


def compare(trials: pd.DataFrame, dataset: str) -> Comparison | None:
    """Compare the families at every size that both measured with a common seed; None if there is no such size."""
    rows = contenders(trials[trials["dataset"] == dataset])
    seeds = sorted(set(rows["seed"]))
    positions = resamples(len(seeds), DRAWS) if len(seeds) > 1 else None
    points, draws = [], []
    for n_train in sorted(set(rows["n_train"])):
        traditional = cell(rows, dataset, "traditional", n_train, seeds)
        deep = cell(rows, dataset, "deep", n_train, seeds)
        point = _point(n_train, traditional, deep) if traditional and deep else None
        if traditional and deep and point:
            points.append(point)
            if positions is not None:
                draws.append(mean_known(_differences(traditional, deep, positions), axis=1))
    if not points:
        return None
    sizes = np.array([point.n_train for point in points], dtype=float)
    means = np.array([point.difference.value for point in points])
    n_star = stays_ahead_from(sizes, means)
    redrawn = [stays_ahead_from(sizes, drawn) for drawn in np.transpose(draws)]
    return Comparison(dataset, tuple(points), Crossover(percentile(n_star, redrawn), sign_changes(sizes, means)))


def _differences(traditional: Cell, deep: Cell, positions: NDArray[np.intp]) -> Floats:
    scores = [cross_fit(family.half_a, family.half_b, positions).scores for family in (traditional, deep)]
    return scores[1] - scores[0]


def _point(n_train: int, traditional: Cell, deep: Cell) -> Point | None:
    everyone = in_order(traditional.half_a.shape[1])
    one = cross_fit(traditional.half_a, traditional.half_b, everyone)
    two = cross_fit(deep.half_a, deep.half_b, everyone)
    differences = (two.scores - one.scores)[0]
    paired = ~np.isnan(differences)
    seeds = int(paired.sum())
    if seeds == 0:
        return None
    best_traditional, best_deep = float(one.scores[0, paired].mean()), float(two.scores[0, paired].mean())
    interval, method = _interval(differences[paired], best_deep, best_traditional, min(traditional.n_test, deep.n_test))
    return Point(
        n_train,
        best_traditional,
        best_deep,
        interval,
        method,
        seeds,
        _names(traditional, one),
        _names(deep, two),
        traditional.trial_ids + deep.trial_ids,
    )


def _interval(differences: Floats, deep: float, traditional: float, n_test: float) -> tuple[Interval, str]:
    """The wider of the paired t interval over seeds and the binomial one, and its name.

    Seeds share the test images, so their spread leaves these out; and two or three seeds can agree to the image by
    chance, which would make an interval of no width.
    """
    seeds = len(differences)
    binomial = newcombe(deep, traditional, n_test)
    over_seeds = t_interval(differences)
    if seeds > 1 and not binomial.half_width > over_seeds.half_width:
        return over_seeds, f"paired t over {seeds} seeds"
    wider = f", wider than the paired t over {seeds} seeds" if seeds > 1 else ", one seed"
    return binomial, f"binomial on {n_test:,.0f} test images{wider}"


def _names(of: Cell, fit: CrossFit) -> tuple[str, ...]:
    return tuple(dict.fromkeys((of.pipelines[fit.chosen_on_a[0]], of.pipelines[fit.chosen_on_b[0]])))


def sign_changes(sizes: Floats, differences: Floats) -> tuple[float, ...]:
    """Sizes at which the difference changes between positive and not, interpolated linearly on log size."""
    known = ~np.isnan(differences)
    logs, values = np.log(sizes[known]), differences[known]
    found = []
    for left in range(len(values) - 1):
        before, after = values[left], values[left + 1]
        if (before > 0) != (after > 0):
            share = before / (before - after)
            found.append(float(np.exp(logs[left] + share * (logs[left + 1] - logs[left]))))
    return tuple(found)


def stays_ahead_from(sizes: Floats, differences: Floats) -> float:
    """The size from which the difference stays positive: 0 if it always is, infinite if it is not at the largest."""
    known = differences[~np.isnan(differences)]
    if len(known) == 0:
        return math.nan
    if not known[-1] > 0:
        return math.inf
    changes = sign_changes(sizes, differences)
    return changes[-1] if changes else 0.0
