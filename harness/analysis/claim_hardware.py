"""Row 1, hardware: what each family costs on the CPU until both reach the same accuracy, and what a GPU changes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from harness.analysis.hardware import (
    FAMILIES,
    Costs,
    Reached,
    Way,
    cost_to_target,
    energy_to_target,
    gpu_gain,
    gpu_speed_up,
)
from harness.analysis.intervals import Interval
from harness.analysis.rules import Verdict
from harness.analysis.targets import time_to_accuracy
from harness.analysis.verdicts import Claim, Part, claim, part, unmeasured

OVER_SEEDS = "t over seeds, on logarithms"


def hardware(trials: pd.DataFrame) -> Claim:
    """Row 1, from `complete` trials."""
    costs = cost_to_target(trials)
    parts = [*(_cpu(costs) if costs else ()), _gpu(trials), _gpu_gain(trials), _energy(trials)]
    remarks = (*map(_reached, costs.reached), *costs.caveats) if costs else ()
    judged = claim(1, parts, "", (*remarks, *_censored(trials)))
    return replace(judged, sentence=_sentence(costs, judged.verdict))


def _sentence(costs: Costs | None, verdict: Verdict) -> str:
    if costs is None:
        return "Not measured: no dataset has completed CPU trials of both families."
    if costs.seeds < 2:
        return "Not measured: with one seed the ratios have no interval; run two or more."
    if verdict == "not measured":
        return "Not measured: peak memory was not recorded."
    return (
        f"To the same accuracy on the CPU ({_listed(costs.datasets)}), deep learning took {_times(costs.seconds)} the "
        f"training time and {_times(costs.memory)} the peak memory of the traditional pipelines."
    )


def _cpu(costs: Costs) -> tuple[Part, Part]:
    method = f"bootstrap over {costs.seeds} seeds, t or wider" if costs.seeds > 1 else "one seed: no interval"
    return (
        part(
            "time",
            costs.seconds,
            method=method,
            detail=f"{_times(costs.seconds)} the training seconds",
            trial_ids=costs.trial_ids,
        ),
        part(
            "memory",
            costs.memory,
            method=method,
            detail=f"{_times(costs.memory)} the peak bytes, the libraries' own included",
            trial_ids=costs.trial_ids,
        ),
    )


def _gpu(trials: pd.DataFrame) -> Part:
    speed_up = gpu_speed_up(trials, "deep")
    if speed_up is None:
        return unmeasured("gpu_deep", "no deep trial was completed on the CPU and on the GPU of one machine")
    return part(
        "gpu_deep",
        speed_up.train,
        method=OVER_SEEDS,
        detail=f"the GPU trains {_times(speed_up.train)} and predicts {_times(speed_up.predict)} as fast",
        trial_ids=speed_up.trial_ids,
    )


def _gpu_gain(trials: pd.DataFrame) -> Part:
    gain = gpu_gain(trials)
    if gain is None:
        return unmeasured(
            "gpu_gain", "no training size has trials of both families on the CPU and on the GPU of one machine"
        )
    datasets = _listed(tuple(dict.fromkeys(dataset for dataset, _ in gain.sizes)))
    sizes = sorted({size for _, size in gain.sizes})
    span = f"{sizes[0]:,} images" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,} images"
    return part(
        "gpu_gain",
        gain.ratio,
        method=f"paired by seed; {OVER_SEEDS}",
        detail=f"the GPU's gain for deep training is {_times(gain.ratio)} that for traditional ({datasets}, {span})",
        trial_ids=gain.trial_ids,
    )


def _energy(trials: pd.DataFrame) -> Part:
    energy = energy_to_target(trials)
    if energy is None:
        return unmeasured("energy", "no dataset has CPU trials of both families whose energy a counter told")
    method = f"bootstrap over {energy.seeds} seeds, t or wider" if energy.seeds > 1 else "one seed: no interval"
    return part(
        "energy",
        energy.ratio,
        method=method,
        detail=f"{_times(energy.ratio)} the joules above idle ({_listed(energy.datasets)}; counted by "
        f"{_listed(energy.sources) or 'a counter without a name'})",
        trial_ids=energy.trial_ids,
    )


def _reached(entry: Reached) -> str:
    return (
        f"{entry.dataset}, accuracy {entry.target:.4f} on half {entry.half} of the test images: "
        f"{_way(entry.traditional)} against {_way(entry.deep)}"
    )


def _way(way: Way) -> str:
    memory = "" if math.isnan(way.peak_bytes) else f", {way.peak_bytes / 2**20:,.0f} MiB"
    return (
        f"{way.pipeline} on {way.n_train:,} images ({way.train_s:,.3g} s{memory}; {way.accuracy:.4f} on the other half)"
    )


def _censored(trials: pd.DataFrame) -> Iterator[str]:
    """On each dataset, the highest accuracy of the grid that one family reached and the other did not."""
    times = time_to_accuracy(trials[trials["contends"]])
    for dataset, of_dataset in times[times["family"].isin(FAMILIES)].groupby("dataset", sort=True):
        rows = of_dataset[of_dataset["target"] == of_dataset["target"].max()]
        missed = rows[rows["outcome"] != "reached"]
        if len(rows) < len(FAMILIES) or len(missed) != 1:
            continue
        way = rows[rows["outcome"] == "reached"].iloc[0]
        late = missed.iloc[0]
        lost = f" ({late['unfinished']})" if late["unfinished"] else ""
        yield (
            f"{dataset}, accuracy {way['target']:g}: {way['family']} in {way['train_s']:,.3g} s ({way['pipeline']} on "
            f"{way['n_train']:,} images), {late['family']} {late['outcome']}{lost}"
        )


def _times(interval: Interval) -> str:
    return f"{interval.value:,.3g} times"


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)
