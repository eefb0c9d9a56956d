"""Paired differences: interval, test, what could have been told apart, and many tests at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from harness.analysis.intervals import LEVEL, NOTHING, Interval

POWER = 0.8


class Paired(NamedTuple):
    """What pairs of measurements say of a difference.

    Attributes
    ----------
    difference
        Mean with its t interval; NaN ends with one pair.
    p
        Of the two-sided t test that the mean is 0 (or lies between 0 and the offset); NaN with one pair.
    resolvable
        The smallest true difference that these pairs would have shown with 80% chance; NaN with one pair.
    pairs
        How many there are.
    """

    difference: Interval
    p: float
    resolvable: float
    pairs: int


def paired(differences: ArrayLike, *, least_sd: float = 0.0, offset: float = 0.0) -> Paired:
    """Judge the mean of paired differences.

    Parameters
    ----------
    differences : array-like of float
        One number for each pair; NaN are left out.
    least_sd : float
        Taken where the differences spread less. Two or three of them can agree by chance to the last digit that was
        recorded, and an interval of no width would call any difference real.
    offset : float
        A shift that is known to have hit all pairs alike, such as a machine that has become slower: only what lies
        beyond it, seen from 0, counts. The null hypothesis is then that the mean lies between 0 and the offset.
    """
    values = np.asarray(differences, dtype=float)
    values = values[~np.isnan(values)]
    n = len(values)
    if n == 0:
        return Paired(NOTHING, math.nan, math.nan, 0)
    mean = float(values.mean())
    if n == 1:
        return Paired(Interval(mean, math.nan, math.nan), math.nan, math.nan, 1)
    error = max(float(values.std(ddof=1)), least_sd) / math.sqrt(n)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * error
    low, high = min(0.0, offset), max(0.0, offset)
    beyond = max(mean - high, low - mean, 0.0)
    p = 2 * float(stats.t.sf(beyond / error, n - 1)) if error > 0 else float(beyond == 0)
    return Paired(Interval(mean, mean - half, mean + half), p, resolvable(error * math.sqrt(n), n), n)


def resolvable(sd: float, pairs: int) -> float:
    """The smallest true mean difference that a two-sided paired t test at 95% would find with 80% chance.

    (t_{0.975} + t_{0.8}) * sd / sqrt(pairs), both quantiles with pairs - 1 degrees of freedom: the minimum detectable
    effect of Bloom 1995 (Evaluation Review 19(5), doi:10.1177/0193841X9501900504). It takes the spread as known, so
    with few pairs it is a little too small (the exact figure is that of the noncentral t distribution).

    Parameters
    ----------
    sd : float
        Standard deviation of the differences of pairs.
    pairs : int
        How many pairs. With fewer than two the answer is NaN.
    """
    if pairs < 2:
        return math.nan
    quantiles = stats.t.ppf([(1 + LEVEL) / 2, POWER], pairs - 1)
    return float(quantiles.sum()) * sd / math.sqrt(pairs)


def pairs_for(sd: float, difference: float, most: int = 10_000) -> int | None:
    """The fewest pairs whose `resolvable` difference is no larger than this one; None if more than `most`."""
    for pairs in range(2, most + 1):
        if resolvable(sd, pairs) <= difference:
            return pairs
    return None


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of p values (Holm 1979, Scandinavian Journal of Statistics 6(2), 65-70).

    Parameters
    ----------
    p : sequence of float
        One for each test; NaN, tests that could not be made, stay NaN and do not count.
    """
    adjusted = [math.nan] * len(p)
    order = sorted((value, place) for place, value in enumerate(p) if not math.isnan(value))
    highest = 0.0
    for rank, (value, place) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * value))
        adjusted[place] = highest
    return adjusted
