"""What a family costs on the CPU to a common accuracy, in seconds, bytes and joules; what a GPU changes; peaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from harness.analysis.cheapest import (
    Draws,
    Ways,
    as_is,
    cheapest,
    common_target,
    drawn,
    means,
    paid,
    picked,
    ways,
    wider,
)
from harness.analysis.families import HALVES, contenders
from harness.analysis.frames import ok
from harness.analysis.intervals import Floats, Interval, t_interval
from harness.analysis.timing import comparable, one_per_seed, undisturbed

FAMILIES = ("traditional", "deep")
MIB = 2**20


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

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that the means are over."""
        return tuple(dict.fromkeys(entry.dataset for entry in self.reached))


def cost_to_target(trials: pd.DataFrame) -> Costs | None:
    """Compare what the families spend on the CPU until both reach the same accuracy.

    On each dataset the target is the highest accuracy that both families reach: the lower of their best mean accuracies
    over all pipelines and sizes, each backend of a pipeline being one of its own: nobody pays the mean of several. A
    (pipeline, size) pair reaches it if it falls short by no more than one standard error that the number of test images
    allows; of these pairs the one with the least mean `train_s` counts, with its seconds and its peak memory. What a
    tuned pipeline spent on its search is part of its seconds. (The one-standard-error rule of Breiman et al. 1984,
    Classification and Regression Trees, section 3.4.3: where a curve is flat, chance decides which of its sizes is
    highest, and the family that levels off would pay for the larger ones.) Target and pairs are chosen on one half of
    the test images and then on the other, and the two ratios averaged geometrically. The interval comes from a
    bootstrap over seeds that makes every choice anew (`cheapest.wider`). Seconds and bytes are those of one machine,
    the one with the most trials of each dataset, and seconds those of undisturbed trials as far as there are any
    (`timing.comparable`).

    Returns
    -------
    Costs or None
        None where no dataset has ok CPU trials of both families. The interval's ends are NaN with one seed.
    """
    found = _to_target(trials, "train_s", ("train_s", "peak_bytes"))
    if found is None:
        return None
    seconds, memory = found.ratios
    return Costs(seconds, memory, found.seeds, found.reached, found.trial_ids, found.caveats)


class Energy(NamedTuple):
    """Joules above idle on the CPU to a common target accuracy, deep over traditional, geometric mean over datasets."""

    ratio: Interval
    seeds: int
    datasets: tuple[str, ...]
    sources: tuple[str, ...]
    trial_ids: tuple[str, ...]


def energy_to_target(trials: pd.DataFrame) -> Energy | None:
    """Like `cost_to_target`, but the way with the fewest joules counts: tuning, features and fit, from counters only.

    Returns
    -------
    Energy or None
        None where no dataset has trials of both families whose energy a counter told.
    """
    found = _to_target(trials, "energy_j", ("energy_j",))
    if found is None:
        return None
    named = trials.loc[trials["trial_id"].isin(found.trial_ids), "energy_source"]
    sources = tuple(sorted(set(named) - {""}))
    datasets = tuple(dict.fromkeys(entry.dataset for entry in found.reached))
    return Energy(found.ratios[0], found.seeds, datasets, sources, found.trial_ids)


class _Compared(NamedTuple):
    ratios: tuple[Interval, ...]
    seeds: int
    reached: tuple[Reached, ...]
    trial_ids: tuple[str, ...]
    caveats: tuple[str, ...]


def _to_target(trials: pd.DataFrame, by: str, columns: tuple[str, ...]) -> _Compared | None:
    """Ratios of these columns at the ways that cost the least of `by`."""
    cpu = trials[(trials["device"] == "cpu") & trials["family"].isin(FAMILIES)]
    values: list[Floats] = []
    draws: list[Floats] = []
    reached: list[Reached] = []
    used: list[str] = []
    seeds_of: list[int] = []
    caveats: list[str] = []
    for dataset, of_dataset in cpu.groupby("dataset", sort=True):
        times = comparable(of_dataset)
        group = paid(contenders(times.rows))
        group = group[~(group[by] <= 0) & (group["n_test"] > 0)]
        group = group[group[by].notna().groupby([group["label"], group["n_train"]]).transform("any")]
        if group["family"].nunique() < len(FAMILIES):
            continue
        seeds = sorted(set(group["seed"]))
        needed = (*HALVES, "train_s", "peak_bytes", by)
        both = [ways(group[group["family"] == family], seeds, needed) for family in FAMILIES]
        values.append(_ratios(both, by, columns, as_is(len(seeds)))[:, 0])
        draws.append(_ratios(both, by, columns, drawn(len(seeds), len(draws))))
        reached += [_reached(str(dataset), both, by, half) for half in (0, 1)]
        used += list(group["trial_id"])
        caveats += [f"{dataset}: {caveat}" for caveat in times.caveats]
        seeds_of.append(len(seeds))
    if not values:
        return None
    least = min(seeds_of)
    intervals = [
        wider(float(value), drawn_, least).map(np.exp)
        for value, drawn_ in zip(np.mean(values, axis=0), np.mean(draws, axis=0), strict=True)
    ]
    return _Compared(tuple(intervals), least, tuple(reached), tuple(used), tuple(caveats))


def _ratios(both: Sequence[Ways], by: str, columns: tuple[str, ...], draws: Draws) -> Floats:
    """Log ratios deep / traditional of each column, averaged over the halves; shape (columns, draws)."""
    total = np.zeros((len(columns), draws.weights.shape[1]))
    costs = [means(way.measured[by], draws) for way in both]
    tables = [[means(way.measured[column], draws) for way in both] for column in columns]
    for half in (0, 1):
        target, error = common_target(both, half, draws)
        picks = [
            cheapest(means(way.measured[HALVES[half]], draws), target - error, cost)[0]
            for way, cost in zip(both, costs, strict=True)
        ]
        for row, pair in enumerate(tables):
            traditional, deep = (picked(table, pick) for table, pick in zip(pair, picks, strict=True))
            total[row] += (np.log(deep) - np.log(traditional)) / 2
    return total[:, draws.inverse]


def _reached(dataset: str, both: Sequence[Ways], by: str, half: int) -> Reached:
    once = as_is(both[0].measured[by].shape[1])
    target, error = common_target(both, half, once)
    found = []
    for way in both:
        accuracy = means(way.measured[HALVES[half]], once)
        row = int(cheapest(accuracy, target - error, means(way.measured[by], once))[0][0])
        shown = [float(means(way.measured[name], once)[row, 0]) for name in ("train_s", "peak_bytes", HALVES[1 - half])]
        found.append(Way(*way.names[row], *shown))
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
    both = _on_both(trials[trials["family"] == family])
    if both.empty:
        return None
    train, predict = (_factor(both[f"{column}_log"], both["seed"]) for column in ("train_s", "predict_s"))
    return SpeedUp(family, train, predict, _ids(both))


class Gain(NamedTuple):
    """CPU / GPU seconds of training, deep over traditional, and the sizes of each dataset that both families have."""

    ratio: Interval
    sizes: tuple[tuple[str, int], ...]
    trial_ids: tuple[str, ...]


def gpu_gain(trials: pd.DataFrame) -> Gain | None:
    """How much more the GPU speeds up deep training than traditional training.

    The mean log ratio of each family at each dataset, size, seed and machine; deep minus traditional where both are;
    mean over these for each seed, and a t interval over the seeds.

    Returns
    -------
    Gain or None
        None where no size has trials of both families, with the same seed, that ended well on both devices.
    """
    both = _on_both(trials[trials["family"].isin(FAMILIES)])
    where = ["dataset", "n_train", "machine", "seed"]
    wide = both.pivot_table(index=where, columns="family", values="train_s_log", aggfunc="mean")
    if not set(FAMILIES) <= set(wide.columns):
        return None
    more = (wide["deep"] - wide["traditional"]).dropna()
    if more.empty:
        return None
    cells = more.index.to_frame(index=False)
    sizes = tuple(sorted({(str(dataset), int(size)) for dataset, size in cells[["dataset", "n_train"]].to_numpy()}))
    used = both[both.set_index(where).index.isin(more.index)]
    return Gain(_factor(more, cells["seed"]), sizes, _ids(used))


def gpu_ratios(trials: pd.DataFrame) -> pd.DataFrame:
    """CPU seconds over GPU seconds of fit and prediction for each family at every size.

    Returns
    -------
    DataFrame
        Geometric means over the pipelines that ended well on both devices of one machine: `dataset`, `family`,
        `n_train`, `machine`, `pipelines`, `seeds`, `fit`, `fit_low`, `fit_high`, `predict`, `predict_low`,
        `predict_high` (95% t intervals over seeds on the logarithms, NaN with one seed). Empty where nothing ran on
        both devices: then the ratio is not measured, not 1.
    """
    rows = []
    both = _on_both(trials)
    for key, group in both.groupby(["dataset", "family", "n_train", "machine"], sort=True):
        fit, predict = (_factor(group[f"{column}_log"], group["seed"]) for column in ("fit_s", "predict_s"))
        rows.append((*key, group["pipeline"].nunique(), group["seed"].nunique(), *fit, *predict))
    ends = [f"{phase}{end}" for phase in ("fit", "predict") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["dataset", "family", "n_train", "machine", "pipelines", "seeds", *ends])


def _on_both(trials: pd.DataFrame) -> pd.DataFrame:
    """The pairs of trials that differ in the device only, with the logarithms of their CPU / GPU seconds."""
    rows = one_per_seed(ok(undisturbed(trials)[0]), by_machine=True).dropna(subset=["train_s"])
    key = ["dataset", "family", "pipeline", "backend", "n_train", "seed", "machine"]
    timed = ["train_s", "fit_s", "predict_s"]
    rows = rows[[*key, "device", "trial_id", *timed]]
    both = rows[rows["device"] == "cpu"].merge(rows[rows["device"] == "gpu"], on=key, suffixes=("_cpu", "_gpu"))
    for column in timed:
        ratio = both[f"{column}_cpu"] / both[f"{column}_gpu"]
        both[f"{column}_log"] = np.log(ratio.where((ratio > 0) & np.isfinite(ratio)))
    return both


def _factor(logs: pd.Series, seeds: pd.Series) -> Interval:
    """Geometric mean with its t interval over the seeds' own means."""
    return t_interval(logs.groupby(seeds.to_numpy()).mean().to_numpy(dtype=float)).map(np.exp)


def _ids(both: pd.DataFrame) -> tuple[str, ...]:
    return tuple(both["trial_id_cpu"]) + tuple(both["trial_id_gpu"])


def peaks(trials: pd.DataFrame) -> pd.DataFrame:
    """Peak memory of each family at every size and device: the least, the median and the most of its pipelines.

    Returns
    -------
    DataFrame
        `dataset`, `family`, `device`, `n_train`, `pipelines` (those with a peak), `least_mib`, `median_mib`,
        `most_mib`, `most` (the pipeline that takes the most), `gpu_least_mib`, `gpu_most_mib` (the backend's
        allocator), and `out_of_memory`: how many trials ended for want of memory, whose peaks would have been higher
        than what is told. Means over seeds of each pipeline; NaN where nothing was measured.
    """
    rows = []
    where = ["dataset", "family", "device", "n_train"]
    short = trials["status"].isin(("oom", "oom_gpu"))
    for key, group in trials[(trials["status"] == "ok") | short].groupby(where, sort=True):
        each = one_per_seed(ok(group)).groupby("label", sort=True)[["peak_bytes", "gpu_peak_bytes"]].mean() / MIB
        ram, gpu = each["peak_bytes"].dropna(), each["gpu_peak_bytes"].dropna()
        rows.append(
            (
                *key,
                len(ram),
                ram.min(),
                ram.median(),
                ram.max(),
                ram.idxmax() if len(ram) else "",
                gpu.min(),
                gpu.max(),
                int(group["status"].isin(("oom", "oom_gpu")).sum()),
            )
        )
    columns = ["pipelines", "least_mib", "median_mib", "most_mib", "most", "gpu_least_mib", "gpu_most_mib"]
    return pd.DataFrame(rows, columns=[*where, *columns, "out_of_memory"])
