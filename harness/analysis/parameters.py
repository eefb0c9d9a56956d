"""What more parameters bring: error against parameters over a series of widths or trees, and support vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from harness.analysis.families import contenders
from harness.analysis.intervals import LEVEL, NOTHING, Floats, Interval, t_interval

KEY = ["dataset", "family", "series", "n_train"]
LEAST_VALUES = 2


class Series(NamedTuple):
    """One series at one dataset and size, of the seeds that completed all its values.

    Attributes
    ----------
    error, parameters
        Shape (values, seeds), values ascending; an error of k images out of m is (k + 0.5) / (m + 1).
    n_test
        Test images.
    """

    dataset: str
    family: str
    name: str
    n_train: int
    values: tuple[float, ...]
    seeds: tuple[int, ...]
    error: Floats
    parameters: Floats
    n_test: float
    trial_ids: tuple[str, ...]


def series(trials: pd.DataFrame) -> tuple[Series, ...]:
    """Every series of the trials whose parameters differ, by dataset, family, name and size.

    A value that fewer than half of the seeds completed is left out, and then a seed that lacks one of the others: a
    slope over other values would be another slope. So is a value that diverged with any seed (`families.contenders`).
    """
    rows = contenders(trials[trials["series"] != ""], probes=True)
    rows = rows.dropna(subset=["n_parameters", "series_value", "accuracy"])
    rows = rows[(rows["n_parameters"] > 0) & (rows["n_test"] > 0)]
    found = (_series(key, group) for key, group in rows.groupby(KEY, sort=True))
    return tuple(each for each in found if each is not None)


def _series(key: tuple[Any, ...], rows: pd.DataFrame) -> Series | None:
    dataset, family, name, n_train = key
    accuracy = rows.pivot_table(index="series_value", columns="seed", values="accuracy", aggfunc="mean")
    accuracy = accuracy[2 * accuracy.notna().sum(axis=1) >= accuracy.shape[1]].dropna(axis=1)
    parameters = rows.pivot_table(index="series_value", columns="seed", values="n_parameters", aggfunc="mean")
    parameters = parameters.reindex(index=accuracy.index, columns=accuracy.columns)
    n_test = float(rows["n_test"].median())
    error = ((1 - accuracy) * n_test + 0.5) / (n_test + 1)
    if error.shape[0] < LEAST_VALUES or error.shape[1] == 0 or (parameters.nunique() < LEAST_VALUES).any():
        return None
    used = rows[rows["series_value"].isin(accuracy.index) & rows["seed"].isin(accuracy.columns)]
    return Series(
        str(dataset),
        str(family),
        str(name),
        int(n_train),
        tuple(float(value) for value in error.index),
        tuple(int(seed) for seed in error.columns),
        error.to_numpy(dtype=float),
        parameters.to_numpy(dtype=float),
        n_test,
        tuple(used["trial_id"]),
    )


class Gain(NamedTuple):
    """What a doubling of the parameters brings.

    Attributes
    ----------
    slope
        Of log error on log parameters: -0.1 says that a doubling takes 6.7% off the error.
    points
        Accuracy gained per doubling, a share: 0.01 is one point.
    method
        How the intervals were made.
    """

    slope: Interval
    points: Interval
    method: str


def gain(of: Series) -> Gain:
    """Least-squares slopes over a series' values for each seed; mean over the seeds with its t interval.

    With one seed the interval is the normal one that the binomial variance of each error gives.
    """
    logs = np.log(of.parameters)
    centred = logs - logs.mean(axis=0)
    weights = centred / (centred**2).sum(axis=0)
    slopes = (weights * np.log(of.error)).sum(axis=0)
    points = -math.log(2) * (weights * of.error).sum(axis=0)
    if len(of.seeds) > 1:
        return Gain(t_interval(slopes), t_interval(points), f"t over {len(of.seeds)} seeds")
    quantile = float(stats.norm.ppf((1 + LEVEL) / 2))
    variance = of.error * (1 - of.error) / of.n_test
    half = quantile * float(np.sqrt((weights**2 * variance / of.error**2).sum()))
    half_points = quantile * math.log(2) * float(np.sqrt((weights**2 * variance).sum()))
    slope, point = float(slopes[0]), float(points[0])
    return Gain(
        Interval(slope, slope - half, slope + half),
        Interval(point, point - half_points, point + half_points),
        f"binomial on {of.n_test:,.0f} test images, one seed",
    )


def gain_per_doubling(trials: pd.DataFrame) -> pd.DataFrame:
    """What a doubling of the parameters brings in each series, at each dataset and training size.

    Parameters
    ----------
    trials : DataFrame
        As `frames.complete` gives it.

    Returns
    -------
    DataFrame
        `dataset`, `family`, `series`, `n_train`, `values` (how many), `least` and `most` (parameters, means over
        seeds), `seeds`, `slope` of log error on log parameters with `low` and `high`, `error_change` (that of the error
        with each doubling, in percent), `points` (accuracy gained with each doubling, in points of 0.01) with
        `points_low` and `points_high`, `method`. Empty where there is no series.
    """
    rows = []
    for each in series(trials):
        found = gain(each)
        parameters = each.parameters.mean(axis=1)
        rows.append(
            (
                *(each.dataset, each.family, each.name, each.n_train, len(each.values)),
                *(round(float(parameters.min())), round(float(parameters.max())), len(each.seeds), *found.slope),
                *(100 * (2**found.slope.value - 1), *found.points.map(lambda share: 100 * share), found.method),
            )
        )
    columns = [
        *KEY, "values", "least", "most", "seeds", "slope", "low", "high", "error_change", "points", "points_low",
        "points_high", "method",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def support_vectors(trials: pd.DataFrame) -> pd.DataFrame:
    """How the support vectors of each SVM grow with the training images: its parameters, which nobody chose.

    Returns
    -------
    DataFrame
        `dataset`, `pipeline`, `n_train`, `seeds`, `support_vectors` (mean), `share` (of the training images),
        `exponent` with `low` and `high` (slope of log support vectors on log training images over all sizes of the
        pipeline, t over seeds; NaN with one size) and `error_exponent` (that of log error, over the same trials). Empty
        where no row has `n_support`.
    """
    rows = contenders(trials, probes=True).dropna(subset=["n_support", "accuracy"])
    rows = rows[(rows["n_support"] > 0) & (rows["n_test"] > 0)]
    made = [row for key, group in rows.groupby(["dataset", "label"], sort=True) for row in _grown(key, group)]
    columns = [
        "dataset", "pipeline", "n_train", "seeds", "support_vectors", "share", "exponent", "low", "high",
        "error_exponent",
    ]  # fmt: skip
    return pd.DataFrame(made, columns=columns)


def _grown(key: tuple[Any, ...], rows: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    error = ((1 - rows["accuracy"]) * rows["n_test"] + 0.5) / (rows["n_test"] + 1)
    support, wrong = (
        _slopes(rows.assign(_log=np.log(values.to_numpy(dtype=float)))) for values in (rows["n_support"], error)
    )
    for n_train, group in rows.groupby("n_train", sort=True):
        mean = float(group["n_support"].mean())
        yield *key, n_train, group["seed"].nunique(), mean, mean / float(str(n_train)), *support, wrong.value


def _slopes(rows: pd.DataFrame) -> Interval:
    """Slope of `_log` on log training images of each seed that has all sizes; mean with its t interval."""
    table = rows.pivot_table(index="n_train", columns="seed", values="_log", aggfunc="mean").dropna(axis=1)
    if table.shape[0] < LEAST_VALUES or table.empty:
        return NOTHING
    logs = np.log(table.index.to_numpy(dtype=float))
    centred = logs - logs.mean()
    return t_interval(centred @ table.to_numpy(dtype=float) / (centred**2).sum())
