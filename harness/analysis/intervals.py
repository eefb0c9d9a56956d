"""95% intervals: over seeds where there are several, from the size of the test set where there is one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

LEVEL = 0.95
Floats: TypeAlias = NDArray[np.float64]


class Interval(NamedTuple):
    """An estimate with the ends of its 95% interval; NaN ends where no interval can be given."""

    value: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether the interval has ends (infinite ones count: they are censored, not unknown)."""
        return not (math.isnan(self.value) or math.isnan(self.low) or math.isnan(self.high))

    @property
    def half_width(self) -> float:
        """Half the distance between the ends."""
        return (self.high - self.low) / 2

    def map(self, function: Callable[[float], float]) -> Interval:
        """The interval on another scale; the function must increase."""
        return Interval(*(float(function(part)) for part in self))


NOTHING = Interval(math.nan, math.nan, math.nan)


def t_interval(values: ArrayLike) -> Interval:
    """Mean with its Student t interval.

    Parameters
    ----------
    values : array-like of float
        One number per seed. NaN are left out; of a single number the ends are NaN, of none all three are.
    """
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[~np.isnan(numbers)]
    if len(numbers) == 0:
        return NOTHING
    mean = float(numbers.mean())
    if len(numbers) == 1:
        return Interval(mean, math.nan, math.nan)
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(numbers) - 1) * numbers.std(ddof=1) / math.sqrt(len(numbers)))
    return Interval(mean, mean - half, mean + half)


def wilson(share: float, n: float) -> Interval:
    """Wilson's score interval of a share of `n` images (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    if math.isnan(share) or not n > 0:
        return NOTHING
    ends = stats.binomtest(round(share * n), round(n)).proportion_ci(LEVEL, method="wilson")
    return Interval(share, float(ends.low), float(ends.high))


def newcombe(first: float, second: float, n: float) -> Interval:
    """Interval of `first - second`, two shares of `n` images each: Newcombe's hybrid score interval.

    Method 10 of Newcombe 1998 (doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I). It takes the
    shares as independent; of two classifiers on the same images they are not, which makes it wider than need be.
    """
    return hybrid_difference(wilson(first, n), wilson(second, n))


def hybrid_difference(one: Interval, two: Interval) -> Interval:
    """Newcombe's combination of two score intervals into that of their difference `one - two`."""
    difference = one.value - two.value
    below = math.hypot(one.value - one.low, two.high - two.value)
    above = math.hypot(one.high - one.value, two.value - two.low)
    return Interval(difference, difference - below, difference + above)


def percentile(value: float, draws: ArrayLike) -> Interval:
    """Percentile bootstrap interval around a value.

    Parameters
    ----------
    value : float
        The estimate from the data themselves.
    draws : array-like of float
        The estimate from each resampling. NaN are left out; infinite draws (censored) may make an end infinite.
    """
    numbers = np.asarray(draws, dtype=float)
    numbers = numbers[~np.isnan(numbers)]
    if len(numbers) == 0:
        return Interval(value, math.nan, math.nan)
    # Not interpolated: halfway between a number and infinity is nothing.
    low, high = np.quantile(numbers, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="inverted_cdf")
    return Interval(value, float(low), float(high))


def expanded_percentile(value: float, draws: ArrayLike, n: int) -> Interval:
    """Percentile bootstrap interval with its levels widened for the number of things that were resampled.

    The plain one is too narrow where they are few: it takes normal quantiles for t ones, and the bootstrap's spread is
    sqrt((n - 1) / n) of what it should be. Instead of 2.5% this takes the level Phi(-sqrt(n / (n - 1)) * t), t the
    97.5% quantile with n - 1 degrees of freedom (Hesterberg 2015, The American Statistician 69(4), section 5.3,
    doi:10.1080/00031305.2015.1089789). With three things or fewer that is the smallest and the largest draw.

    Parameters
    ----------
    value, draws
        As of `percentile`.
    n : int
        How many things were resampled, such as seeds. Of a single one the ends are NaN.
    """
    numbers = np.asarray(draws, dtype=float)
    numbers = numbers[~np.isnan(numbers)]
    if n < 2 or len(numbers) == 0:
        return Interval(value, math.nan, math.nan)
    tail = float(stats.norm.cdf(-math.sqrt(n / (n - 1)) * stats.t.ppf((1 + LEVEL) / 2, n - 1)))
    low, high = np.quantile(numbers, [tail, 1 - tail], method="inverted_cdf")
    return Interval(value, float(low), float(high))


def resamples(n: int, times: int, seed: int = 0) -> NDArray[np.intp]:
    """Positions drawn with replacement for a bootstrap over `n` things, shape (times, n); the same at every call."""
    return np.random.default_rng(seed).integers(0, n, size=(times, n)).astype(np.intp)


def in_order(n: int) -> NDArray[np.intp]:
    """The positions of `n` things as they are, in the shape of one resampling: (1, n)."""
    return np.arange(n, dtype=np.intp)[None, :]


def mean_known(values: Floats, axis: int) -> Floats:
    """Mean along an axis over what is not NaN; NaN where nothing is known (without numpy's warning)."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
