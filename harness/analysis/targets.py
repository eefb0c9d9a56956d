"""What it takes to reach fixed accuracies: the least time of each family on the CPU, and the smallest machine."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from harness.analysis.cheapest import Draws, Picks, Ways, as_is, cheapest, drawn, means, paid, picked, ways, wider
from harness.analysis.families import contenders
from harness.analysis.frames import FAMILIES
from harness.analysis.intervals import NOTHING, Floats, Interval
from harness.analysis.timing import comparable

# Low ones for hard datasets; from 0.9 on each leaves about half the error of the one before it, or two thirds.
TARGETS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995)
MIB = 2**20
# Nothing is known of what these would have cost: nobody ran them.
NOT_RUN = ("skipped", "interrupted")
# When a trial had trained already, and what it lacks is an accuracy.
TRAINED = ("predict", "evaluate", "serve", "explain")
NEVER = "not reached within what was run"


class _Family(NamedTuple):
    """One family on one dataset: its completed ways, and what did not complete."""

    name: str
    rows: pd.DataFrame
    ways: Ways | None
    lost: pd.DataFrame

    @property
    def best(self) -> float:
        """The highest mean accuracy of its ways."""
        if self.ways is None:
            return -1.0
        accuracy = self.ways.measured["accuracy"]
        return float(np.nanmax(means(accuracy, as_is(accuracy.shape[1]))))


def _families(trials: pd.DataFrame, dataset: str) -> tuple[list[_Family], list[int]]:
    """Every family that was run on a dataset, and the seeds."""
    of_dataset = trials[(trials["dataset"] == dataset) & ~trials["status"].isin(NOT_RUN)]
    rows = paid(contenders(comparable(of_dataset).rows))
    rows = rows[~(rows["train_s"] <= 0) & rows["accuracy"].notna() & (rows["n_test"] > 0)]
    seeds = sorted(set(rows["seed"]))
    found = []
    for family in FAMILIES:
        own = rows[rows["family"] == family]
        of_family = of_dataset[of_dataset["family"] == family]
        lost = of_family[of_family["status"] != "ok"]
        if len(of_family):
            needed = ("accuracy", "train_s", "peak_bytes", "gpu_peak_bytes")
            found.append(_Family(family, own, ways(own, seeds, needed) if len(own) else None, lost))
    return found, seeds


def _reachable(families: list[_Family]) -> tuple[float, ...]:
    """The targets that at least one family reaches."""
    most = max((family.best for family in families), default=-1.0)
    return tuple(target for target in TARGETS if target <= most)


def time_to_accuracy(trials: pd.DataFrame) -> pd.DataFrame:
    """The cheapest way of each family to each target accuracy on the CPU.

    A pipeline at a size reaches a target with a mean test accuracy over the seeds at or above it; of those that do, the
    one with the least mean seconds of training counts, the search of a tuned one included. The interval is a bootstrap
    over seeds, on logarithms, that chooses anew (`cheapest.wider`); its high end is infinite where draws do not reach
    the target. Times are of one machine and undisturbed as far as there are such (`timing.comparable`).

    Parameters
    ----------
    trials : DataFrame
        As `frames.complete` gives it.

    Returns
    -------
    DataFrame
        A row for each dataset, target that any family reaches, and family that was run: `dataset`, `target`, `family`,
        `outcome`, `pipeline`, `n_train`, `train_s`, `low`, `high`, `peak_mib` (mean over seeds), `seeds`, and
        `unfinished` (trials of the family that ended otherwise, by status). Where a family does not reach a target, its
        numbers are NaN and the outcome is `above X s`, where a trial was stopped by its time limit (the least that such
        a trial had trained when it was stopped: a way to the target takes longer, as far as ways were run), else
        `not reached within what was run`. `above_s` is that number.
    """
    cpu = trials[trials["device"] == "cpu"]
    rows = [row for dataset in sorted(set(cpu["dataset"])) for row in _times(cpu, str(dataset))]
    columns = [
        "dataset", "target", "family", "outcome", "pipeline", "n_train", "train_s", "low", "high", "peak_mib", "seeds",
        "above_s", "unfinished",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _times(cpu: pd.DataFrame, dataset: str) -> Iterator[tuple[Any, ...]]:
    families, seeds = _families(cpu, dataset)
    targets = _reachable(families)
    for family in families:
        unfinished = _told(family.lost)
        above = _stopped_at(family.lost)
        never = f"above {above:,.3g} s" if math.isfinite(above) else NEVER
        for target in targets:
            found = _quickest(family.ways, target, len(seeds)) if family.ways else None
            if found is None:
                yield dataset, target, family.name, never, "", "", *NOTHING, math.nan, 0, above, unfinished
            else:
                yield dataset, target, family.name, "reached", *found, math.nan, unfinished


def _quickest(way: Ways, target: float, seeds: int) -> tuple[Any, ...] | None:
    """Pipeline, size, seconds with their interval, peak MiB and seeds; None where the target is not reached."""
    seconds, accuracy = way.measured["train_s"], way.measured["accuracy"]

    def least(draws: Draws) -> tuple[Picks, Floats]:
        cost = means(seconds, draws)
        picks, found = cheapest(means(accuracy, draws), target, cost)
        return picks, np.where(found, np.log(picked(cost, picks)), math.inf)

    picks, value = least(as_is(seeds))
    if not math.isfinite(value[0]):
        return None
    resampled = drawn(seeds)
    row = int(picks[0])
    interval = Interval(float(value[0]), math.nan, math.nan)
    if seeds > 1:
        interval = wider(interval.value, least(resampled)[1][resampled.inverse], seeds)
    label, n_train = way.names[row]
    peak = float(means(way.measured["peak_bytes"], as_is(seeds))[row, 0]) / MIB
    return label, n_train, *interval.map(np.exp), peak, int(np.sum(~np.isnan(seconds[row])))


def _told(lost: pd.DataFrame) -> str:
    """Trials that did not complete, such as `3 timeout, 1 oom`; "" where all did."""
    return ", ".join(f"{count} {status}" for status, count in sorted(Counter(lost["status"]).items()))


def _stopped_at(lost: pd.DataFrame) -> float:
    """The least seconds that a trial had trained when its time limit stopped it; NaN where none was stopped."""
    late = lost[lost["status"] == "timeout"]
    trained = late["train_s"] + late["tune_s"].fillna(0.0)
    before = late[["spawn_s", "import_s", "load_s"]].sum(axis=1)
    spent = trained.where(late["phase"].isin(TRAINED), late["total_s"] - before)
    return float(spent[spent > 0].min())


def smallest_machine(trials: pd.DataFrame) -> pd.DataFrame:
    """What a machine must have, at the least, for each family to reach each target accuracy.

    Of the ways that reach it (as in `time_to_accuracy`) the one with the least peak memory counts, on the CPU where any
    way on the CPU reaches it, else on the GPU: only then is one needed, as far as was run.

    Returns
    -------
    DataFrame
        A row for each dataset, target and family: `dataset`, `target`, `family`, `outcome`, `gpu_needed` (`yes`, `no`,
        "" where the target is not reached), `pipeline`, `n_train`, `peak_mib`, `gpu_peak_mib`, `train_s` (mean seconds
        of that way) and `threads` (how many cores it had for them), `seeds`, `unfinished`.
    """
    rows = [row for dataset in sorted(set(trials["dataset"])) for row in _machines(trials, str(dataset))]
    columns = [
        "dataset", "target", "family", "outcome", "gpu_needed", "pipeline", "n_train", "peak_mib", "gpu_peak_mib",
        "train_s", "threads", "seeds", "unfinished",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _machines(trials: pd.DataFrame, dataset: str) -> Iterator[tuple[Any, ...]]:
    by_device = {
        device: {family.name: family for family in _families(trials[trials["device"] == device], dataset)[0]}
        for device in ("cpu", "gpu")
    }
    targets = _reachable([family for families in by_device.values() for family in families.values()])
    for name in FAMILIES:
        sides = [(device, families[name]) for device, families in by_device.items() if name in families]
        for target in targets:
            if sides:
                yield dataset, target, name, *_smallest(sides, target)


def _smallest(sides: list[tuple[str, _Family]], target: float) -> tuple[Any, ...]:
    unfinished = _told(pd.concat([family.lost for _, family in sides]))
    for device, family in sides:
        if family.ways is None:
            continue
        table = {column: means(values, as_is(values.shape[1])) for column, values in family.ways.measured.items()}
        picks, found = cheapest(table["accuracy"], target, table["peak_bytes"])
        if not found[0]:
            continue
        row = int(picks[0])
        label, n_train = family.ways.names[row]
        used = family.rows[(family.rows["label"] == label) & (family.rows["n_train"] == n_train)]
        peak, gpu_peak, seconds = (float(table[name][row, 0]) for name in ("peak_bytes", "gpu_peak_bytes", "train_s"))
        needed = "yes" if device == "gpu" else "no"
        return (
            *("reached", needed, label, n_train, peak / MIB, gpu_peak / MIB, seconds),
            *(used["threads"].median(), used["seed"].nunique(), unfinished),
        )
    return NEVER, "", "", "", *(math.nan,) * 4, 0, unfinished
