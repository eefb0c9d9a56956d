"""The best pipeline of a family, chosen on other test images than it is scored on; and the two families compared."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.analysis.crossed import crossed
from harness.analysis.frames import ok
from harness.analysis.intervals import (
    NOTHING,
    Floats,
    Interval,
    expanded_percentile,
    in_order,
    mean_known,
    newcombe,
    t_interval,
)
from harness.analysis.redraw import (
    Hits,
    drawn_accuracies,
    drawn_cross_fit,
    drawn_images,
    drawn_seeds,
    stacked,
    weighted_mean,
)
from harness.analysis.timing import TRIAL, one_per_seed

DRAWS = 2000
# Of seeds and images together, each of which costs a matrix product.
IMAGE_DRAWS = 300
HALVES = ("accuracy_half_a", "accuracy_half_b")
# What `contenders` and `cells` read of a trial, beside `correct`.
NEEDED = (*TRIAL, "trial_id", "contends", "status", "machine", "repeat", "n_test", *HALVES)


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


def contenders(trials: pd.DataFrame, *, probes: bool = False) -> pd.DataFrame:
    """The ok trials, one for each seed, of pipelines that may be called the best of their family at a size.

    The suite's probes (`contends: false`) may not, unless `probes` are asked for. Nor may a pipeline that diverged
    there with any seed: the seeds that survived would flatter it. Nor may one that completed fewer than half as many
    seeds as the most complete of its family: it could win by a lucky seed. A pipeline that lost a few seeds otherwise
    (time, memory, an interruption) stands by those it has.
    """
    where = ["dataset", "family", "n_train"]
    if not trials["contends"].all():
        trials = trials if probes else trials[trials["contends"]]
    rows = one_per_seed(ok(trials))
    measured = rows[HALVES[0]].notna() & rows[HALVES[1]].notna()
    if not measured.all():
        rows = rows[measured]
    diverged = trials[trials["status"] == "diverged"]
    if len(diverged):
        lost = diverged.set_index([*where, "pipeline"]).index
        rows = rows[~rows.set_index([*where, "pipeline"]).index.isin(lost)]
    if rows.empty:
        return rows
    # The codes of numpy are many times faster than transform("nunique") of a table this small.
    pipeline = rows.groupby([*where, "pipeline"], sort=False).ngroup().to_numpy()
    place = rows.groupby(where, sort=False).ngroup().to_numpy()
    apart = np.unique(np.stack([pipeline, rows["seed"].to_numpy()]), axis=1)[0]
    count = np.bincount(apart)[pipeline]
    most = np.zeros(place.max() + 1, dtype=count.dtype)
    np.maximum.at(most, place, count)
    return rows[2 * count >= most[place]]


class Cell(NamedTuple):
    """All accuracies of one family on one dataset at one size; NaN where a seed was not measured.

    `hits`, shape (pipelines, seeds, images), says which test images were classified rightly; None where a row lacks it.
    """

    pipelines: tuple[str, ...]
    half_a: Floats
    half_b: Floats
    n_test: float
    trial_ids: tuple[str, ...]
    hits: Hits | None = None


def cells(rows: pd.DataFrame, seeds: list[int]) -> dict[tuple[str, int], Cell]:
    """The accuracies of `contenders` of one dataset by family and size.

    Several devices or backends of one pipeline and seed are averaged.
    """
    family, n_train, pipeline, seed = (
        rows[name].to_numpy(dtype=kind)
        for name, kind in (("family", object), ("n_train", int), ("pipeline", object), ("seed", int))
    )
    halves = rows[list(HALVES)].to_numpy(dtype=float)
    n_test, ids = rows["n_test"].to_numpy(dtype=float), rows["trial_id"].to_numpy(dtype=object)
    correct = rows["correct"].to_numpy(dtype=object) if "correct" in rows.columns else None
    position = {number: place for place, number in enumerate(seeds)}
    found = {}
    for of_family, size in sorted({(str(name), int(n)) for name, n in zip(family, n_train, strict=True)}):
        (at,) = np.nonzero((family == of_family) & (n_train == size))
        names = tuple(sorted(set(pipeline[at])))
        index = np.array([names.index(name) for name in pipeline[at]])
        column = np.array([position.get(number, -1) for number in seed[at]])
        at, index, column = at[column >= 0], index[column >= 0], column[column >= 0]
        count = np.zeros((len(names), len(seeds)))
        np.add.at(count, (index, column), 1)
        total = np.zeros((2, len(names), len(seeds)))
        for half in (0, 1):
            np.add.at(total[half], (index, column), halves[at, half])
        mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        hits = None if correct is None else stacked(correct[at], n_test[at], index, column, count)
        found[of_family, size] = Cell(names, mean[0], mean[1], float(np.median(n_test[at])), tuple(ids[at]), hits)
    return found


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

    Attributes
    ----------
    n_star
        0 if deep was ahead at every size (n* lies below the smallest) and infinite if it was not ahead at the largest;
        the interval's ends likewise.
    crossings
        All sizes at which the difference changes sign.
    probability_none, probability_several
        Share of the bootstrap's draws in which deep is not ahead at the largest size, and in which the curves cross
        more than once. NaN without a bootstrap.
    method
        What the bootstrap drew; "" without one.
    """

    n_star: Interval
    crossings: tuple[float, ...]
    probability_none: float = math.nan
    probability_several: float = math.nan
    method: str = ""


class Comparison(NamedTuple):
    """Best traditional against best deep on one dataset, at the sizes both measured, ascending."""

    dataset: str
    points: tuple[Point, ...]
    crossover: Crossover


def compare(trials: pd.DataFrame, dataset: str) -> Comparison | None:
    """Compare the families at every size that both measured with a common seed; None if there is no such size.

    The crossover's interval is a percentile bootstrap in which every draw chooses the best pipelines anew. It draws
    seeds, each of which is a training subset and an initialisation; where all rows say which test images were
    classified rightly, it draws these too, independently of the seeds: the pigeonhole bootstrap for two crossed factors
    (Owen 2007, doi:10.1214/07-AOAS122), which errs on the wide side. A draw has the same seeds and images for all
    sizes and pipelines. The levels are those of `intervals.expanded_percentile` for so many seeds. No draw goes beyond
    the most extreme seed: of 80 simulated studies without image hits the interval held the planted n* in 94% with five
    seeds and in 78% with three.
    """
    of_dataset = (trials["dataset"] == dataset).to_numpy(dtype=bool)
    # Taking rows of all hundred columns would take longer than all that follows.
    rows = contenders(trials[[name for name in (*NEEDED, "correct") if name in trials.columns]][of_dataset])
    seeds = sorted(set(rows["seed"].tolist()))
    found = cells(rows, seeds)
    pairs, points = [], []
    for n_train in sorted({size for _, size in found}):
        traditional, deep = found.get(("traditional", n_train)), found.get(("deep", n_train))
        point = _point(n_train, traditional, deep) if traditional and deep else None
        if traditional and deep and point:
            points.append(point)
            pairs.append((traditional, deep))
    if not points:
        return None
    sizes = np.array([point.n_train for point in points], dtype=float)
    means = np.array([point.difference.value for point in points])
    return Comparison(dataset, tuple(points), _crossover(sizes, means, pairs, len(seeds)))


def _crossover(sizes: Floats, means: Floats, pairs: list[tuple[Cell, Cell]], n_seeds: int) -> Crossover:
    n_star, crossings = stays_ahead_from(sizes, means), sign_changes(sizes, means)
    if n_seeds < 2:
        return Crossover(Interval(n_star, math.nan, math.nan), crossings)
    families = [of_family for pair in pairs for of_family in pair]
    hits = [of_family.hits for of_family in families if of_family.hits is not None]
    n_images = {each.shape[2] for each in hits}
    if len(hits) == len(families) and len(n_images) == 1:
        counts = drawn_seeds(n_seeds, IMAGE_DRAWS)
        halves = drawn_accuracies(hits, drawn_images(n_images.pop(), IMAGE_DRAWS))
        method = f"bootstrap over {n_seeds} seeds and {hits[0].shape[2]:,} test images together"
    else:
        counts = drawn_seeds(n_seeds, DRAWS)
        halves = [(of_family.half_a[..., None], of_family.half_b[..., None]) for of_family in families]
        method = f"bootstrap over {n_seeds} seeds"
    scores = []
    for of_family, drawn in zip(families, halves, strict=True):
        known = ~np.isnan(of_family.half_a)[..., None]
        half_a, half_b = (np.where(known, half, np.nan) for half in drawn)
        scores.append(drawn_cross_fit(half_a, half_b, counts))
    both = zip(scores[::2], scores[1::2], strict=True)
    apart = [weighted_mean(deep - traditional, counts) for traditional, deep in both]
    redrawn, changes = ahead_in_draws(sizes, np.stack(apart, axis=1))
    told = redrawn[~np.isnan(redrawn)]
    return Crossover(
        expanded_percentile(n_star, redrawn, n_seeds),
        crossings,
        float(np.isinf(told).mean()) if len(told) else math.nan,
        float((changes[~np.isnan(redrawn)] > 1).mean()) if len(told) else math.nan,
        method,
    )


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
    n_test = min(traditional.n_test, deep.n_test)
    apart = _apart(traditional, one, deep, two)
    both = NOTHING if apart is None else crossed(apart[paired])
    if both.half_width > 0:
        # Halves that differ by one image weigh the same in the score, and not quite in the mean over all images.
        interval = both.map(lambda end: end + best_deep - best_traditional - both.value)
        method = f"crossed random effects of {seeds} {'seed' if seeds == 1 else 'seeds'} and {n_test:,.0f} test images"
    else:
        interval, method = _interval(differences[paired], best_deep, best_traditional, n_test)
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


def _apart(traditional: Cell, one: CrossFit, deep: Cell, two: CrossFit) -> Floats | None:
    """Deep minus traditional for each seed and test image, each scored by the pipeline that the other half chose."""
    if traditional.hits is None or deep.hits is None or traditional.hits.shape[2] != deep.hits.shape[2]:
        return None
    apart = np.empty(deep.hits.shape[1:])
    for half, choice in ((0, "chosen_on_b"), (1, "chosen_on_a")):
        apart[:, half::2] = deep.hits[getattr(two, choice)[0], :, half::2]
        apart[:, half::2] -= traditional.hits[getattr(one, choice)[0], :, half::2]
    return apart


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


def ahead_in_draws(sizes: Floats, differences: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """`stays_ahead_from` and the number of `sign_changes` of many curves at once.

    Parameters
    ----------
    sizes : float, shape (sizes,)
    differences : float, shape (draws, sizes)

    Returns
    -------
    n_star, changes
        Of shape (draws,).
    """
    positive = differences > 0
    changes = (positive[:, 1:] != positive[:, :-1]).sum(axis=1)
    # The last size at which deep is not ahead; the curve crosses between it and the next.
    last = len(sizes) - 1 - np.argmax(~positive[:, ::-1], axis=1)
    rows, following = np.arange(len(differences)), np.minimum(last + 1, len(sizes) - 1)
    before, after = differences[rows, last], differences[rows, following]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = before / (before - after)
        n_star = np.exp(np.log(sizes)[last] + share * (np.log(sizes)[following] - np.log(sizes)[last]))
    n_star = np.where(positive.all(axis=1), 0.0, np.where(last == len(sizes) - 1, math.inf, n_star))
    for row in np.nonzero(np.isnan(differences).any(axis=1))[0]:
        n_star[row] = stays_ahead_from(sizes, differences[row])
        changes[row] = len(sign_changes(sizes, differences[row]))
    return n_star, changes
