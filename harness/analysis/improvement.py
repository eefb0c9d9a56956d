"""Whether the best pipeline of a family still gets better at the end of its learning curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from harness.analysis.families import NEEDED, Cell, cells, contenders
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
    at = ((trials["dataset"] == dataset) & (trials["family"] == family)).to_numpy(dtype=bool)
    rows = contenders(trials[list(NEEDED)][at])
    rows = rows[rows["n_test"].notna()]
    sizes = last_sizes(list(rows["n_train"])) if len(rows) else ()
    if len(sizes) < 2:
        return None
    seeds = sorted(set(rows["seed"]))
    found = cells(rows, seeds)
    largest = found[family, sizes[-1]]
    names, slopes, variances = _slopes([found[family, size] for size in sizes], sizes)
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


def slopes(trials: pd.DataFrame) -> pd.DataFrame:
    """The last slopes of both families on every dataset.

    Returns
    -------
    DataFrame
        `dataset`, `family`, `first` and `last` (training images of the sizes it is over), `sizes` (how many), `chosen`
        (the best pipeline at the largest size; two where the halves of the test images disagree), `slope` of log error
        on log training images with `low` and `high`, `error_change` (that of the error with each doubling of the
        images, in percent), `method`. A family without two sizes is absent.
    """
    rows = []
    for dataset in sorted(set(trials["dataset"])):
        for family in ("traditional", "deep"):
            found = last_slope(trials, dataset, family)
            if found is not None:
                sizes = found.sizes
                change = 100 * (2**found.slope.value - 1)
                told = (sizes[0], sizes[-1], len(sizes), " or ".join(found.chosen), *found.slope, change, found.method)
                rows.append((dataset, family, *told))
    columns = [
        "dataset",
        "family",
        "first",
        "last",
        "sizes",
        "chosen",
        "slope",
        "low",
        "high",
        "error_change",
        "method",
    ]
    return pd.DataFrame(rows, columns=columns)


def _slopes(at: Sequence[Cell], sizes: tuple[int, ...]) -> tuple[tuple[str, ...], Floats, Floats]:
    """Chosen pipelines, and for each seed the slope and its binomial variance."""
    logs = np.log(np.array(sizes, dtype=float))
    weights = (logs - logs.mean()) / ((logs - logs.mean()) ** 2).sum()
    largest = at[-1]
    nothing = np.full(largest.half_a.shape[1], np.nan)
    names, slopes, variances = [], [], []
    for chosen_on, scored_on in (("half_a", "half_b"), ("half_b", "half_a")):
        name = largest.pipelines[int(np.argmax(mean_known(getattr(largest, chosen_on), axis=1)))]
        accuracy = np.stack(
            [
                getattr(of_size, scored_on)[of_size.pipelines.index(name)] if name in of_size.pipelines else nothing
                for of_size in at
            ]
        )
        images = largest.n_test / 2
        error = ((1 - accuracy) * images + 0.5) / (images + 1)
        names.append(name)
        slopes.append(weights @ np.log(error))
        variances.append((weights**2) @ ((1 - error) / (error * images)))
    return tuple(dict.fromkeys(names)), np.mean(slopes, axis=0), np.sum(variances, axis=0) / 4
