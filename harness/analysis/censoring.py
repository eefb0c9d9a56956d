"""Trials that ran into a limit say how much they would have taken at least: they are censored, and never dropped."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats
from statsmodels.duration.survfunc import SurvfuncRight

from harness.analysis.curves import LINE, MIN_SIZES, PowerLaw
from harness.analysis.frames import ok
from harness.analysis.intervals import LEVEL, NOTHING, Floats, Interval
from harness.analysis.timing import CELL, comparable, one_per_seed

LIMITED = ("timeout", "oom", "oom_gpu")
MIB = 2**20
# Phases after training: whatever ended the trial there, training had been measured.
TRAINING = ("features", "fit")
# What a trial gets to end in (`harness.run.server.GRACE_S`); its row's total holds it.
GRACE_S = 2.0
# The standard deviation of logarithms that a fit has at least: 0.1%, where points lie on a line by chance.
LEAST_SD = 1e-3
LOG_ROOT_2_PI = 0.5 * math.log(2 * math.pi)
_TIME = re.compile(r"over its time limit of ([0-9.e+]+) s")
_MEMORY = re.compile(r"limit of ([0-9,]+) MiB")


def kaplan_meier(values: ArrayLike, censored: ArrayLike, share: float = 0.5) -> Interval:
    """A quantile of times of which some are known to be larger only, with its 95% interval.

    Kaplan and Meier 1958 (doi:10.1080/01621459.1958.10501452); the interval inverts the test of the survival function
    on the scale log(-log) (Brookmeyer and Crowley 1982, doi:10.2307/2530286), both by statsmodels.

    Parameters
    ----------
    values : array-like of float, shape (n,)
        Times, or where `censored` what they are larger than. NaN are left out.
    censored : array-like of bool, shape (n,)
        Which of them.
    share : float
        Which quantile: 0.5 is the median.

    Returns
    -------
    Interval
        Infinite where the quantile, or its upper end, lies beyond what was observed; NaN ends with one value, or where
        no end can be found.
    """
    times, hidden = np.asarray(values, dtype=float), np.asarray(censored, dtype=bool)
    known = ~np.isnan(times)
    times, hidden = times[known], hidden[known]
    if len(times) == 0:
        return NOTHING
    if hidden.all():
        return Interval(math.inf, math.nan, math.nan)
    curve = SurvfuncRight(times, ~hidden)
    quantile = float(curve.quantile(share))
    value = math.inf if math.isnan(quantile) else quantile
    if len(times) < 2:
        return Interval(value, math.nan, math.nan)
    # At the curve's end, 0, log(-log) is infinite: such a time is not in the interval.
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = curve.quantile_ci(share, 1 - LEVEL)
    return Interval(value, float(low), float(high))


class Tobit(NamedTuple):
    """A straight line through points of which some are known to lie higher only.

    Attributes
    ----------
    intercept, slope, sd
        Maximum-likelihood estimates; the standard deviation of the points around the line is that, too.
    slope_error
        Standard error of the slope from the observed information.
    """

    intercept: float
    slope: float
    sd: float
    slope_error: float


def tobit(x: ArrayLike, y: ArrayLike, censored: ArrayLike, least_sd: float = 0.0) -> Tobit:
    """Fit y = intercept + slope * x + normal error by maximum likelihood, some y censored on the right.

    Tobin 1958 (doi:10.2307/1907382), in Olsen's parameters, in which the likelihood has one maximum (1978,
    doi:10.2307/1911445). Without censoring it is ordinary least squares.

    Parameters
    ----------
    x, y : array-like of float, shape (points,)
        Without NaN; at least three points are not censored.
    censored : array-like of bool, shape (points,)
        Where y is only what the true value is larger than.
    least_sd : float
        Its square is added to the variance: points that lie on a line by chance say little of it.
    """
    xs, ys, hidden = np.asarray(x, dtype=float), np.asarray(y, dtype=float), np.asarray(censored, dtype=bool)
    # In these units the optimizer's tolerances fit whatever is measured.
    x_mid, y_mid = xs[~hidden].mean(), ys[~hidden].mean()
    x_unit, y_unit = xs.std() or 1.0, ys.std() or 1.0
    u, v = (xs - x_mid) / x_unit, (ys - y_mid) / y_unit
    floor = max(least_sd / y_unit, 1e-6)
    rows = np.column_stack([-np.ones_like(u), -u, v])
    seen = int((~hidden).sum())

    def loss(theta: Floats) -> float:
        if theta[2] <= 0:
            return math.inf
        z = rows @ theta
        squares = (z[~hidden] ** 2).sum() + seen * (floor * theta[2]) ** 2
        return float(squares / 2 - seen * math.log(theta[2]) - special.log_ndtr(-z[hidden]).sum())

    def gradient(theta: Floats) -> Floats:
        z = rows @ theta
        slope = np.asarray(np.where(hidden, _hazard(z), z) @ rows)
        slope[2] += seen * (floor**2 * theta[2] - 1 / theta[2])
        return slope

    def information(theta: Floats) -> Floats:
        z = rows @ theta
        weight = np.where(hidden, _hazard(z) * (_hazard(z) - z), 1.0)
        found = np.asarray((rows * weight[:, None]).T @ rows)
        found[2, 2] += seen * (floor**2 + 1 / theta[2] ** 2)
        return found

    start = stats.linregress(u[~hidden], v[~hidden])
    sd = max(float((v - start.intercept - start.slope * u)[~hidden].std()), 0.05)
    first = np.array([start.intercept, start.slope, 1.0]) / sd
    # Not L-BFGS-B, which asks a threaded BLAS for steps of three numbers: 100 times slower on a busy machine.
    best = optimize.minimize(
        loss, first, method="Newton-CG", jac=gradient, hess=information, options={"xtol": 1e-10, "maxiter": 500}
    )
    theta = best.x
    # slope = theta[1] / theta[2], so its gradient is:
    change = np.array([0.0, 1.0, -theta[1] / theta[2]]) / theta[2]
    error = math.sqrt(float(change @ np.linalg.solve(information(theta), change)))
    slope = theta[1] / theta[2] * y_unit / x_unit
    intercept = y_mid + theta[0] / theta[2] * y_unit - slope * x_mid
    return Tobit(float(intercept), float(slope), float(y_unit / theta[2]), float(error * y_unit / x_unit))


def _hazard(z: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * z**2 - LOG_ROOT_2_PI - special.log_ndtr(-z)))


def censored_power_law(n: ArrayLike, y: ArrayLike, censored: ArrayLike) -> PowerLaw | None:
    """`curves.power_law` where some y are only what the true value is larger than.

    Parameters
    ----------
    n, y : array-like of float, shape (points,)
        Several values of one size (seeds) are first replaced by their geometric mean, as in `curves.power_law`. If one
        of them is censored that mean is what the true one is larger than, so it is censored.
    censored : array-like of bool, shape (points,)
        Which y.

    Returns
    -------
    PowerLaw or None
        The exponent's Wald interval, with the t quantile and the variance's correction for few points; without
        censoring it is that of `curves.power_law`. None with fewer than three sizes that are not censored.
    """
    points = pd.DataFrame({"n": np.asarray(n, dtype=float), "y": np.asarray(y, dtype=float)})
    points = points.assign(censored=np.asarray(censored, dtype=bool)).dropna()
    points = points[(points["n"] > 0) & (points["y"] > 0)]
    logs = points.assign(n=np.log(points["n"]), y=np.log(points["y"]))
    by_size = logs.groupby("n").agg(y=("y", "mean"), censored=("censored", "any")).reset_index()
    hidden = by_size["censored"].to_numpy(dtype=bool)
    seen = int((~hidden).sum())
    if seen < MIN_SIZES:
        return None
    fit = tobit(by_size["n"], by_size["y"], hidden, LEAST_SD if hidden.any() else 0.0)
    # Maximum likelihood divides by the points, least squares by the points less two.
    half = float(stats.t.ppf((1 + LEVEL) / 2, seen - 2)) * fit.slope_error * math.sqrt(seen / (seen - 2))
    return PowerLaw(Interval(fit.slope, fit.slope - half, fit.slope + half), math.exp(fit.intercept), len(by_size))


def limit_of(row: Mapping[Hashable, Any], metric: str = "train_s") -> float:
    """What a trial that ran into a limit would have taken at least.

    Parameters
    ----------
    row : mapping
        A row of the trials table, as `frames.complete` gives it, with status timeout, oom or oom_gpu.
    metric : {"train_s", "fit_s", "total_s", "peak_bytes"}
        Seconds of training (features and fit), of fit alone, of the whole trial, or the peak of memory.

    Returns
    -------
    float
        For seconds: how long the trial ran, by its time limit (which its message names) or `total_s`, less what came
        before training (start of the process, loading, tuning; for `fit_s` the features, too). For memory: the peak
        that was seen, or the limit that ended it. 0 where the trial ended before it came to that; NaN if the row does
        not say.
    """
    if metric == "peak_bytes":
        named = _MEMORY.search(row["message"]) if row["status"] == "oom" else None
        limit = int(named[1].replace(",", "")) * MIB if named else math.nan
        return float(np.fmax(row["peak_bytes"], limit))
    named = _TIME.search(row["message"])
    ran = float(np.fmin(max(row["total_s"] - GRACE_S, 0.0), float(named[1]) if named else math.nan))
    if metric == "total_s" or math.isnan(ran):
        return ran
    if row["phase"] not in TRAINING:
        return 0.0
    before = ["spawn_s", "load_s", "tune_s"]
    if metric == "fit_s":
        if row["phase"] != "fit":
            return 0.0
        before.append("features_s")
    spent = max(0.0, ran - sum(float(np.nan_to_num(row[column])) for column in before))
    # Features from the cache took less than their time says, but are charged in full.
    return spent if metric == "fit_s" else float(np.fmax(spent, row["features_s"]))


def observations(trials: pd.DataFrame, metric: str = "train_s") -> pd.DataFrame:
    """A metric of all trials that ended well or ran into a limit, one for each seed.

    Parameters
    ----------
    trials : DataFrame
        As `timing.comparable` gives it, or `frames.complete` for memory.
    metric
        As of `limit_of`.

    Returns
    -------
    DataFrame
        The columns of `timing.CELL`, `label`, `seed`, `value`, `censored`, `trial_id`. Bounds of 0, of trials that did
        not come to it, are left out: they say nothing. So are unmeasured values.
    """
    good = one_per_seed(ok(trials))
    good = good.assign(value=good[metric], censored=False)
    ended = trials[trials["status"].isin(LIMITED)]
    measured = ended[metric].notna() & ~ended["phase"].isin(("load", "tune", *TRAINING)) & (metric != "peak_bytes")
    bounds = pd.Series([limit_of(row, metric) for row in ended.to_dict("records")], index=ended.index, dtype=float)
    ended = ended.assign(value=ended[metric].where(measured, bounds), censored=~measured)
    key = [*CELL, "seed"]
    # One that was stopped once and ended well when repeated is known.
    both = pd.concat([good, ended.sort_values("value", ascending=False)]).drop_duplicates(key)
    both = both[both["value"] > 0]
    return both[[*CELL, "label", "seed", "value", "censored", "trial_id"]].reset_index(drop=True)


def exponents(trials: pd.DataFrame, metric: str = "train_s") -> pd.DataFrame:
    """`curves.exponents` with the trials that ran into a limit as censored points; `censored` is how many those are."""
    rows = []
    for key, group in observations(trials, metric).groupby(LINE, sort=True):
        law = censored_power_law(group["n_train"], group["value"], group["censored"])
        if law is not None:
            rows.append((*key, metric, *law.exponent, law.constant, law.sizes, int(group["censored"].sum())))
    return pd.DataFrame(rows, columns=[*LINE, "metric", "exponent", "low", "high", "constant", "sizes", "censored"])


def medians(trials: pd.DataFrame, metric: str = "train_s") -> pd.DataFrame:
    """Median times of the cells in which trials ran into a limit, with these as censored.

    Parameters
    ----------
    trials : DataFrame
        As `frames.complete` gives it; times of one machine are used.
    metric
        As of `limit_of`.

    Returns
    -------
    DataFrame
        `dataset`, `label`, `n_train`, `trials`, `censored`, `median`, `low`, `high` (`kaplan_meier`; infinite where the
        limit hides it), `at_least` (the largest bound). Empty where nothing ran into a limit.
    """
    rows = []
    found = observations(comparable(trials).rows, metric)
    for key, group in found.groupby(["dataset", "label", "n_train"], sort=True):
        hidden: NDArray[np.bool_] = group["censored"].to_numpy(dtype=bool)
        if hidden.any():
            interval = kaplan_meier(group["value"], hidden)
            most = float(group.loc[hidden, "value"].max())
            rows.append((*key, len(group), int(hidden.sum()), *interval, most))
    columns = ["dataset", "label", "n_train", "trials", "censored", "median", "low", "high", "at_least"]
    return pd.DataFrame(rows, columns=columns)
