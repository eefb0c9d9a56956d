"""What a family costs: CPU seconds to a target accuracy, peak memory there, and what a GPU changes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.analysis.families import HALVES, contenders
from harness.analysis.frames import ok
from harness.analysis.intervals import Floats, Interval, in_order, mean_known, percentile, resamples, t_interval
from harness.analysis.timing import comparable, one_per_seed, undisturbed

DRAWS = 2000


class Way(NamedTuple):
    """The cheapest way of a family to the target: means over seeds; accuracy on the half it was not chosen on."""

    pipeline: str
    n_train: int
    train_s: float
    peak_bytes: float
    accuracy: float


class Reached(NamedTuple):
    """The target that one half of the test images (`a` or `b`) gives, and each family's cheapest way to it."""

    dataset: str
    half: str
    target: float
    traditional: Way
    deep: Way


class Costs(NamedTuple):
    """Deep over traditional on the CPU at a common target accuracy, geometric means over datasets.

    `caveats` say what was left out of the times, or not checked.
    """

    seconds: Interval
    memory: Interval
    seeds: int
    reached: tuple[Reached, ...]
    trial_ids: tuple[str, ...]
    caveats: tuple[str, ...] = ()


class _Table(NamedTuple):
    """One family on one dataset: a row for each (pipeline and backend, size), a column for each seed."""

    names: tuple[tuple[str, int], ...]
    n_test: float
    accuracy: tuple[Floats, Floats]
    train_s: Floats
    peak_bytes: Floats


def cost_to_target(trials: pd.DataFrame) -> Costs | None:
    """Compare what the families spend on the CPU until both reach the same accuracy.

    On each dataset the target is the highest accuracy that both families reach: the lower of their best mean accuracies
    over all pipelines and sizes, each backend of a pipeline being one of its own: nobody pays the mean of several. A
    (pipeline, size) pair reaches it if it falls short by no more than one standard error that the number of test images
    allows; of these pairs the one with the least mean `train_s` counts, with its seconds and its peak memory. What a
    tuned pipeline spent on its search is part of its seconds. (The one-standard-error rule of Breiman et al. 1984,
    Classification and Regression Trees, section 3.4.3: where a curve is flat, chance decides which of its sizes is
    highest, and the family that levels off would pay for the larger ones.) Target and pairs are chosen on one half of
    the test images and then on the other, and the two ratios averaged geometrically. The interval is a percentile
    bootstrap over seeds that makes every choice anew. Seconds and bytes are those of one machine, the one with the most
    trials of each dataset, and seconds those of undisturbed trials as far as there are any (`timing.comparable`).

    Returns
    -------
    Costs or None
        None where no dataset has ok CPU trials of both families. The interval's ends are NaN with one seed.
    """
    cpu = trials[(trials["device"] == "cpu") & trials["family"].isin(("traditional", "deep"))]
    values: list[Floats] = []
    draws: list[Floats] = []
    reached: list[Reached] = []
    used: list[str] = []
    seeds_of: list[int] = []
    caveats: list[str] = []
    for dataset, of_dataset in cpu.groupby("dataset", sort=True):
        times = comparable(of_dataset)
        group = contenders(times.rows)
        group = group.assign(train_s=group["train_s"] + group["tune_s"].fillna(0.0))
        group = group[~(group["train_s"] <= 0) & (group["n_test"] > 0)]
        timed = group["train_s"].notna().groupby([group["label"], group["n_train"]]).transform("any")
        group = group[timed]
        if group["family"].nunique() < 2:
            continue
        seeds = sorted(set(group["seed"]))
        ways = [_table(group, family, seeds) for family in ("traditional", "deep")]
        values.append(_ratios(ways, in_order(len(seeds)))[:, 0])
        draws.append(_ratios(ways, resamples(len(seeds), DRAWS, seed=len(draws))))
        reached += [_reached(str(dataset), ways, half) for half in (0, 1)]
        used += list(group["trial_id"])
        caveats += [f"{dataset}: {caveat}" for caveat in times.caveats]
        seeds_of.append(len(seeds))
    if not values:
        return None
    value, drawn = np.mean(values, axis=0), np.mean(draws, axis=0)
    if min(seeds_of) < 2:
        drawn = np.full_like(drawn, math.nan)
    intervals = [percentile(float(value[i]), drawn[i]).map(np.exp) for i in (0, 1)]
    return Costs(intervals[0], intervals[1], min(seeds_of), tuple(reached), tuple(used), tuple(caveats))


def _table(rows: pd.DataFrame, family: str, seeds: list[int]) -> _Table:
    of_family = rows[rows["family"] == family]
    pairs = of_family.groupby(["label", "n_train"]).size().index

    def table(column: str) -> Floats:
        wide = of_family.pivot_table(index=["label", "n_train"], columns="seed", values=column, dropna=False)
        return wide.reindex(index=pairs, columns=seeds).to_numpy(dtype=float)

    names = tuple((str(label), int(n_train)) for label, n_train in pairs)
    return _Table(
        names,
        float(of_family["n_test"].median()),
        (table(HALVES[0]), table(HALVES[1])),
        table("train_s"),
        table("peak_bytes"),
    )


def _choose(ways: list[_Table], half: int, positions: NDArray[np.intp]) -> tuple[Floats, list[NDArray[np.intp]]]:
    """Target accuracy and chosen row of each way, for each set of seeds; positions has shape (draws, seeds)."""
    accuracy = [np.nan_to_num(mean_known(way.accuracy[half][:, positions], axis=2), nan=-1.0) for way in ways]
    target: Floats = np.clip(np.min([of_way.max(axis=0) for of_way in accuracy], axis=0), 0, 1)
    short = np.sqrt(target * (1 - target) / (min(way.n_test for way in ways) / 2))
    chosen = []
    for way, of_way in zip(ways, accuracy, strict=True):
        seconds = np.nan_to_num(mean_known(way.train_s[:, positions], axis=2), nan=math.inf)
        costs = np.where(of_way >= target - short, seconds, math.inf)
        # A draw can hold only seeds whose times were left out; its most accurate pair then gives NaN, not a wrong time.
        untimed = np.isinf(costs.min(axis=0))
        chosen.append(np.where(untimed, of_way.argmax(axis=0), costs.argmin(axis=0)).astype(np.intp))
    return target, chosen


def _ratios(ways: list[_Table], positions: NDArray[np.intp]) -> Floats:
    """Log ratios deep / traditional of seconds and bytes, averaged over the halves; shape (2, draws)."""
    total = np.zeros((2, len(positions)))
    for half in (0, 1):
        _, chosen = _choose(ways, half, positions)
        for row, column in enumerate(("train_s", "peak_bytes")):
            traditional, deep = (
                mean_known(getattr(way, column)[pick[:, None], positions], axis=1)
                for way, pick in zip(ways, chosen, strict=True)
            )
            total[row] += (np.log(deep) - np.log(traditional)) / 2
    return total


def _reached(dataset: str, ways: list[_Table], half: int) -> Reached:
    target, chosen = _choose(ways, half, in_order(ways[0].train_s.shape[1]))
    found = []
    for way, pick in zip(ways, chosen, strict=True):
        row = int(pick[0])
        means = [mean_known(table[row], axis=0) for table in (way.train_s, way.peak_bytes, way.accuracy[1 - half])]
        found.append(Way(*way.names[row], *(float(mean) for mean in means)))
    return Reached(dataset, "ab"[half], float(target[0]), found[0], found[1])


class SpeedUp(NamedTuple):
    """CPU seconds over GPU seconds of one family: geometric mean over the same pipelines, sizes, seeds and machines."""

    family: str
    train: Interval
    predict: Interval
    trial_ids: tuple[str, ...]


def gpu_speed_up(trials: pd.DataFrame, family: str) -> SpeedUp | None:
    """How much faster the GPU is, from trials ok on both devices; t interval over seeds on the logarithms.

    Both trials of a pair ran on the same machine, and disturbed ones are left out where others of their kind are not.
    None where no trial of the family ended well on both devices of one machine.
    """
    rows = ok(undisturbed(trials[trials["family"] == family])[0])
    rows = one_per_seed(rows, by_machine=True).dropna(subset=["train_s"])
    key = ["dataset", "pipeline", "backend", "n_train", "seed", "machine"]
    both = rows[rows["device"] == "cpu"].merge(rows[rows["device"] == "gpu"], on=key, suffixes=("_cpu", "_gpu"))
    if both.empty:
        return None

    def interval(column: str) -> Interval:
        logs = (both[f"{column}_cpu"] / both[f"{column}_gpu"]).apply(np.log)
        return t_interval(logs.groupby(both["seed"]).mean().to_numpy(dtype=float)).map(np.exp)

    ids = tuple(both["trial_id_cpu"]) + tuple(both["trial_id_gpu"])
    return SpeedUp(family, interval("train_s"), interval("predict_s"), ids)
