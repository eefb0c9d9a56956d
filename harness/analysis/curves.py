"""Curves against the training size: means with intervals over seeds, power laws, Pareto fronts."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from harness.analysis.frames import ok
from harness.analysis.intervals import LEVEL, Interval, t_interval
from harness.analysis.timing import one_per_seed

MIN_SIZES = 3
LINE = ["dataset", "label", "family"]


def over_seeds(trials: pd.DataFrame, metric: str, *, log: bool = False) -> pd.DataFrame:
    """Mean of a metric with its t interval over seeds; repeats of a seed count once, by their median.

    Parameters
    ----------
    trials : DataFrame
        As `frames.complete` gives it, or `timing.comparable` where the metric is a time; rows that are not ok, and
        unmeasured values, are left out.
    metric : str
        A numeric column.
    log : bool
        Geometric mean, and the interval on logarithms: for what is positive and varies by factors, such as seconds.

    Returns
    -------
    DataFrame
        One row per dataset, label, family and n_train, sizes ascending: `seeds` (how many values), `value`, `low`,
        `high` (NaN ends with one seed).
    """
    rows = []
    measured = one_per_seed(ok(trials)).dropna(subset=[metric])
    if log:
        measured = measured[measured[metric] > 0]
    for key, group in measured.groupby([*LINE, "n_train"], sort=True):
        values = group[metric].to_numpy(dtype=float)
        interval = t_interval(np.log(values)).map(np.exp) if log else t_interval(values)
        rows.append((*key, group["seed"].nunique(), *interval))
    return pd.DataFrame(rows, columns=[*LINE, "n_train", "seeds", "value", "low", "high"])


class PowerLaw(NamedTuple):
    """`y = constant * n ** exponent`, fitted on the logarithms."""

    exponent: Interval
    constant: float
    sizes: int


def power_law(n: ArrayLike, y: ArrayLike) -> PowerLaw | None:
    """Ordinary least squares of log y on log n, one point per size.

    Parameters
    ----------
    n, y : array-like of float, shape (points,)
        Several values of one size (seeds) are first replaced by their geometric mean: what a straight line misses is
        shared by the seeds of a size, so taking them for independent points would make the interval too narrow.

    Returns
    -------
    PowerLaw or None
        The exponent's interval has sizes - 2 degrees of freedom. None with fewer than three sizes.
    """
    points = pd.DataFrame({"n": np.asarray(n, dtype=float), "y": np.asarray(y, dtype=float)}).dropna()
    logs = points[(points["n"] > 0) & (points["y"] > 0)].apply(np.log).groupby("n")["y"].mean()
    if len(logs) < MIN_SIZES:
        return None
    fit = stats.linregress(logs.index.to_numpy(dtype=float), logs.to_numpy(dtype=float))
    slope = float(fit.slope)
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(logs) - 2) * fit.stderr)
    return PowerLaw(Interval(slope, slope - half, slope + half), math.exp(float(fit.intercept)), len(logs))


def pareto_front(cost: ArrayLike, gain: ArrayLike) -> NDArray[np.bool_]:
    """Which points no other point beats: none is at most as costly and at least as good, and better in one of them.

    Parameters
    ----------
    cost, gain : array-like of float, shape (points,)
        The lower and the higher the better. A point with NaN is never on the front.
    """
    costs, gains = np.asarray(cost, dtype=float), np.asarray(gain, dtype=float)
    no_worse = (costs[None, :] <= costs[:, None]) & (gains[None, :] >= gains[:, None])
    better = (costs[None, :] < costs[:, None]) | (gains[None, :] > gains[:, None])
    front: NDArray[np.bool_] = ~(no_worse & better).any(axis=1) & ~np.isnan(costs) & ~np.isnan(gains)
    return front
