"""Row 1, hardware: what each family costs on the CPU until both reach the same accuracy, and what a GPU changes."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from harness.analysis.hardware import Costs, Reached, Way, cost_to_target, gpu_speed_up
from harness.analysis.intervals import Interval
from harness.analysis.rules import Verdict
from harness.analysis.verdicts import Claim, Part, claim, part, unmeasured


def hardware(trials: pd.DataFrame) -> Claim:
    """Row 1, from `complete` trials."""
    costs = cost_to_target(trials)
    parts = [*(_cpu(costs) if costs else ()), _gpu(trials)]
    judged = claim(1, parts, "", (*map(_reached, costs.reached), *costs.caveats) if costs else ())
    return replace(judged, sentence=_sentence(costs, judged.verdict))


def _sentence(costs: Costs | None, verdict: Verdict) -> str:
    if costs is None:
        return "Not measured: no dataset has completed CPU trials of both families."
    if costs.seeds < 2:
        return "Not measured: with one seed the ratios have no interval; run two or more."
    if verdict == "not measured":
        return "Not measured: peak memory was not recorded."
    return (
        f"To the same accuracy on the CPU, deep learning took {_times(costs.seconds)} the training time "
        f"and {_times(costs.memory)} the peak memory of the traditional pipelines."
    )


def _cpu(costs: Costs) -> tuple[Part, Part]:
    method = (
        f"percentile bootstrap over {costs.seeds} seeds" + (" (so few make it too narrow)" if costs.seeds < 5 else "")
        if costs.seeds > 1
        else "one seed: no interval"
    )
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
        method="t over seeds, on logarithms",
        detail=f"the GPU trains {_times(speed_up.train)} and predicts {_times(speed_up.predict)} as fast",
        trial_ids=speed_up.trial_ids,
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


def _times(interval: Interval) -> str:
    return f"{interval.value:,.3g} times"
