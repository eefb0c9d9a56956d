"""The cheapest way of a family to an accuracy, on the data as they are and for each bootstrap draw of the seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from harness.analysis.families import HALVES
from harness.analysis.intervals import LEVEL, Floats, Interval, expanded_percentile, resamples

DRAWS = 2000
Picks: TypeAlias = NDArray[np.intp]


class Ways(NamedTuple):
    """One family on one dataset: a row for each (pipeline and backend, size), a column for each seed.

    Attributes
    ----------
    names
        Label and training images of each row.
    n_test
        Test images.
    measured
        By column of the trials, float, shape (rows, seeds); NaN where a seed was not measured.
    """

    names: tuple[tuple[str, int], ...]
    n_test: float
    measured: Mapping[str, Floats]


def ways(rows: pd.DataFrame, seeds: Sequence[int], columns: Sequence[str]) -> Ways:
    """Arrange one family's `families.contenders` on one dataset, one row for each label, size and seed."""
    keys, names = pd.MultiIndex.from_frame(rows[["label", "n_train"]]).factorize(sort=True)
    places = np.searchsorted(np.asarray(seeds), rows["seed"].to_numpy())
    measured = {}
    for column in columns:
        table = np.full((len(names), len(seeds)), np.nan)
        table[keys, places] = rows[column].to_numpy(dtype=float)
        measured[column] = table
    return Ways(tuple((str(label), int(size)) for label, size in names), float(rows["n_test"].median()), measured)


def paid(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with what they cost in all: a tuned pipeline's search is part of `train_s`, and of `energy_j`.

    `energy_j` is the joules above idle of tuning, features and fit; NaN where no counter told those of the fit.
    """
    energy = rows["fit_energy_j"] + rows["features_energy_j"].fillna(0.0) + rows["tune_energy_j"].fillna(0.0)
    return rows.assign(train_s=rows["train_s"] + rows["tune_s"].fillna(0.0), energy_j=energy)


class Draws(NamedTuple):
    """Resamplings of seeds, those that hold the same seeds computed once.

    Attributes
    ----------
    weights
        How often each seed is in each different resampling, float, shape (seeds, different).
    inverse
        Which of the different ones each draw is, shape (draws,).
    """

    weights: Floats
    inverse: Picks


def as_is(seeds: int) -> Draws:
    """Each seed once."""
    return Draws(np.ones((seeds, 1)), np.zeros(1, dtype=np.intp))


@lru_cache(maxsize=64)
def drawn(seeds: int, stream: int = 0) -> Draws:
    """A bootstrap's draws over so many seeds, the same at every call; other streams are independent ones."""
    ordered = np.sort(resamples(seeds, DRAWS, seed=stream), axis=1)
    different, inverse = np.unique(ordered, axis=0, return_inverse=True)
    weights = (different[:, :, None] == np.arange(seeds)).sum(axis=1).T.astype(float)
    return Draws(weights, inverse.ravel().astype(np.intp))


def means(table: Floats, draws: Draws) -> Floats:
    """Mean over the seeds of each different resampling, shape (rows, different); NaN where none of them is known."""
    known = ~np.isnan(table)
    count = known.astype(float) @ draws.weights
    total = np.where(known, table, 0.0) @ draws.weights
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def common_target(families: Sequence[Ways], half: int, draws: Draws) -> tuple[Floats, Floats]:
    """The highest accuracy that all families reach on one half of the test images, and its standard error."""
    best = [_filled(means(way.measured[HALVES[half]], draws), -1.0).max(axis=0) for way in families]
    target: Floats = np.clip(np.min(best, axis=0), 0, 1)
    error: Floats = np.sqrt(target * (1 - target) / (min(way.n_test for way in families) / 2))
    return target, error


def cheapest(accuracy: Floats, least: Floats | float, cost: Floats) -> tuple[Picks, NDArray[np.bool_]]:
    """The row with the least cost among those accurate enough, for each draw, and whether there is one.

    Parameters
    ----------
    accuracy, cost : float, shape (rows, draws)
        From `means`.
    least : float, shape (draws,)
        The accuracy to reach.

    Returns
    -------
    picks, found
        Without an accurate row whose cost is known, the pick is the most accurate row.
    """
    costs = np.where(_filled(accuracy, -1.0) >= least, _filled(cost, math.inf), math.inf)
    found = np.isfinite(costs.min(axis=0))
    picks = np.where(found, costs.argmin(axis=0), _filled(accuracy, -1.0).argmax(axis=0)).astype(np.intp)
    return picks, found


def picked(table: Floats, picks: Picks) -> Floats:
    """The value of the row that each draw picked, shape (draws,)."""
    return table[picks, np.arange(table.shape[1])]


def wider(value: float, draws: Floats, seeds: int) -> Interval:
    """The wider of two intervals from a bootstrap over few seeds, at either end.

    One is Student's t with the bootstrap's standard error, the other `intervals.expanded_percentile` (both from
    Hesterberg 2015, doi:10.1080/00031305.2015.1089789). A percentile interval, expanded or not, reaches no further than
    the most extreme seed, and a truth lies beyond that with a chance of 2**(1 - seeds): of two families that cost the
    same it called one dearer in 26% of simulated studies with three seeds and in 7% with five. The t interval kept to
    5%, but it is symmetric where a draw changes which pipeline is the cheapest.

    Parameters
    ----------
    value
        The estimate, on a scale where it is a mean: a logarithm.
    draws : float, shape (draws,)
        NaN are left out; infinite ones, in which the accuracy was not reached, can make an end infinite.
    seeds
        With one the ends are NaN.
    """
    known = draws[~np.isnan(draws)]
    finite = known[np.isfinite(known)]
    if seeds < 2 or len(finite) < 2 or math.isnan(value):
        return Interval(value, math.nan, math.nan)
    half = float(stats.t.ppf((1 + LEVEL) / 2, seeds - 1) * math.sqrt(seeds / (seeds - 1)) * finite.std())
    expanded = expanded_percentile(value, known, seeds)
    return Interval(value, min(value - half, expanded.low), max(value + half, expanded.high))


def _filled(table: Floats, value: float) -> Floats:
    return np.where(np.isnan(table), value, table)
