"""Whether the best traditional pipeline still gets better at the end of its learning curve."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from harness.analysis.families import Cell, cell, contenders
from harness.analysis.intervals import LEVEL, Floats, Interval, mean_known, t_interval

DOUBLINGS = 2
SIZES = 3


class LastSlope(NamedTuple):
    """Slope of log(error) on log(n) over the last sizes: -0.5 says that four times the data halve the error."""

    dataset: str
    sizes: tuple[int, ...]
    slope: Interval
    method: str
    chosen: tuple[str, ...]
    trial_ids: tuple[str, ...]


def last_sizes(sizes: list[int]) -> tuple[int, ...]:
    """The sizes of the last two doublings, or the last three sizes where these are fewer than three."""
    ordered = sorted(set(sizes))
    doublings = [size for size in ordered if size * 2**DOUBLINGS >= ordered[-1]]
    return tuple(doublings if len(doublings) >= SIZES else ordered[-SIZES:])


def last_slope(trials: pd.DataFrame, dataset: str, family: str = "traditional") -> LastSlope | None:
    """The slope of a family's best pipeline, chosen at the largest size on one half of the test images.

    It is scored on the other half, the halves are swapped and the two slopes averaged, seed by seed. An error of k
    images out of m counts as (k + 0.5) / (m + 1), so that a faultless seed has a logarithm. The interval is a t
    interval over seeds; with one seed it is the normal one that the binomial variance of each error gives.

    Returns
    -------
    LastSlope or None
        None with fewer than two sizes, or where no seed has all the last sizes.
    """
    rows = contenders(trials[(trials["dataset"] == dataset) & (trials["family"] == family)]).dropna(subset=["n_test"])
    sizes = last_sizes(list(rows["n_train"])) if len(rows) else ()
    if len(sizes) < 2:
        return None
    seeds = sorted(set(rows["seed"]))
    largest = cell(rows, dataset, family, sizes[-1], seeds)
    if largest is None:
        return None
    names, slopes, variances = _slopes(rows, largest, sizes, seeds)
    known = slopes[~np.isnan(slopes)]
    if len(known) == 0:
        return None
    if len(known) > 1:
        interval, method = t_interval(known), f"t over {len(known)} seeds"
    else:
        half = float(stats.norm.ppf((1 + LEVEL) / 2) * math.sqrt(variances[~np.isnan(slopes)][0]))
        interval = Interval(float(known[0]), float(known[0]) - half, float(known[0]) + half)
        method = f"binomial on {largest.n_test:,.0f} test images, one seed"
    used = rows[rows["n_train"].isin(sizes) & rows["pipeline"].isin(largest.pipelines)]
    return LastSlope(dataset, sizes, interval, method, names, tuple(used["trial_id"]))


def _slopes(
    rows: pd.DataFrame, largest: Cell, sizes: tuple[int, ...], seeds: list[int]
) -> tuple[tuple[str, ...], Floats, Floats]:
    """Chosen pipelines, and for each seed the slope and its binomial variance."""
    logs = np.log(np.array(sizes, dtype=float))
    weights = (logs - logs.mean()) / ((logs - logs.mean()) ** 2).sum()
    names, slopes, variances = [], [], []
    for chosen_on, scored_on in (("half_a", "half_b"), ("half_b", "half_a")):
        name = largest.pipelines[int(np.argmax(mean_known(getattr(largest, chosen_on), axis=1)))]
        accuracy = (
            rows[rows["pipeline"] == name]
            .pivot_table(index="n_train", columns="seed", values=f"accuracy_{scored_on}", aggfunc="mean")
            .reindex(index=list(sizes), columns=seeds)
            .to_numpy(dtype=float)
        )
        images = largest.n_test / 2
        error = ((1 - accuracy) * images + 0.5) / (images + 1)
        names.append(name)
        slopes.append(weights @ np.log(error))
        variances.append((weights**2) @ ((1 - error) / (error * images)))
    return tuple(dict.fromkeys(names)), np.mean(slopes, axis=0), np.sum(variances, axis=0) / 4
