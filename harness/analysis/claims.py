"""The lecture's five rows, and the rules by which measurements support or refute them.

The rules were written before any figure was seen. Each part of a row is one number with a 95% interval and a
threshold; the interval decides:

row 1 (CPU; `hardware.cost_to_target`)
    time      seconds to the highest accuracy that both families reach, deep / traditional: above 1 supports, below 1
              refutes
    memory    peak bytes there, deep / traditional: likewise
    gpu       CPU seconds / GPU seconds of deep training: above 1 supports, below 1 refutes. Told beside the row, whose
              verdict rests on time and memory: a run without a GPU would otherwise never have one
row 2 (each dataset; differences with the wider of the interval over seeds and that of the test images)
    little    traditional minus deep at the smallest common size: 0 or more supports, below 0 refutes
    stops     slope of log error on log n at the end of the best traditional curve: above -0.05 (a doubling takes less
              than 3.4% off the error) supports, below refutes
    massive   deep minus traditional at the largest common size: above 0 supports, below 0 refutes

An interval that includes its threshold makes the part `mixed`. A row is `supported` if all
its parts are, `refuted` if all are, `not measured` if one of them is not measured, and `mixed` otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import pandas as pd

from harness.analysis.families import Comparison, compare
from harness.analysis.frames import complete
from harness.analysis.hardware import Costs, Reached, Way, cost_to_target, gpu_speed_up
from harness.analysis.improvement import LastSlope, last_slope
from harness.analysis.intervals import NOTHING, Interval
from harness.analysis.timing import repeats_of

Verdict: TypeAlias = Literal["supported", "refuted", "mixed", "not measured"]
Unit: TypeAlias = Literal["times", "points", "slope"]

STILL_IMPROVING = -0.05


@dataclass(frozen=True)
class Part:
    """One measured statement: `effect` is a ratio (times), an accuracy difference (points, 0.01 = 1) or a slope."""

    statement: str
    verdict: Verdict
    effect: Interval
    unit: Unit
    method: str
    detail: str
    trial_ids: tuple[str, ...] = ()
    decides: bool = True


@dataclass(frozen=True)
class Claim:
    """One row of the lecture's table with its verdict."""

    number: int
    topic: str
    traditional: str
    deep: str
    verdict: Verdict
    sentence: str
    parts: tuple[Part, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def trial_ids(self) -> tuple[str, ...]:
        """The trials behind the row, each once."""
        return tuple(dict.fromkeys(trial for part in self.parts for trial in part.trial_ids))


def above(interval: Interval, threshold: float) -> Verdict:
    """Supported if the interval lies above the threshold, refuted if below, mixed if it includes it."""
    if not interval.known:
        return "not measured"
    if interval.low > threshold:
        return "supported"
    return "refuted" if interval.high < threshold else "mixed"


def at_least(interval: Interval, threshold: float) -> Verdict:
    """Like `above`, but an interval that begins at the threshold supports."""
    return "supported" if interval.known and interval.low == threshold else above(interval, threshold)


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a row from those of its parts."""
    kinds = set(verdicts)
    if not kinds or "not measured" in kinds:
        return "not measured"
    return kinds.pop() if len(kinds) == 1 else "mixed"


def claims(trials: pd.DataFrame) -> tuple[Claim, ...]:
    """The five rows, judged by the trials of a run.

    Parameters
    ----------
    trials : DataFrame
        One row per trial, as `harness.load_results` gives them.
    """
    frame = complete(trials)
    repeats = repeats_of(frame)
    return tuple(_with_repeats(claim, repeats) for claim in _judge(frame))


def _with_repeats(claim: Claim, repeats: Mapping[str, tuple[str, ...]]) -> Claim:
    """Name all repeats of a trial where one row stood for them."""
    if not repeats:
        return claim
    parts = [
        replace(part, trial_ids=tuple(dict.fromkeys(one for id_ in part.trial_ids for one in repeats.get(id_, (id_,)))))
        for part in claim.parts
    ]
    return replace(claim, parts=tuple(parts))


def _judge(frame: pd.DataFrame) -> tuple[Claim, ...]:
    return (
        hardware(frame),
        data_need(frame),
        Claim(
            3,
            "problem solving",
            "the problem solved stage by stage",
            "end to end",
            "not measured",
            "Not measured: it takes one network trained frozen, stage by stage and jointly at equal budget, "
            "and no suite trains those yet.",
        ),
        Claim(
            4,
            "features",
            "features chosen by hand",
            "features extracted automatically",
            "not measured",
            "Not measured: it takes handcrafted and learned features under the same classifiers, "
            "and no rule that judges them is written yet.",
        ),
        Claim(
            5,
            "explanation",
            "features easy to explain",
            "features (still) hard to explain",
            "not measured",
            "Not measured: it takes measures of how well nameable image properties predict each feature, "
            "and nothing computes those yet.",
        ),
    )


def hardware(trials: pd.DataFrame) -> Claim:
    """Row 1, from `complete` trials."""
    costs = cost_to_target(trials)
    parts = [_gpu(trials)]
    if costs is not None:
        parts = [*_cpu(costs), *parts]
    verdict = together(part.verdict for part in parts if part.decides)
    if costs is None:
        sentence = "Not measured: no dataset has completed CPU trials of both families."
    elif costs.seeds < 2:
        sentence = "Not measured: with one seed the ratios have no interval; run two or more."
    elif verdict == "not measured":
        sentence = "Not measured: peak memory was not recorded."
    else:
        sentence = (
            f"To the same accuracy on the CPU, deep learning took {_times(costs.seconds)} the training time "
            f"and {_times(costs.memory)} the peak memory of the traditional pipelines."
        )
    return Claim(
        1,
        "hardware",
        "low hardware requirements, usually no GPU",
        "high: massive matrix work wants a GPU or TPU",
        verdict,
        sentence,
        tuple(parts),
        (*map(_reached, costs.reached), *costs.caveats) if costs else (),
    )


def _cpu(costs: Costs) -> tuple[Part, Part]:
    method = (
        f"percentile bootstrap over {costs.seeds} seeds" + (" (so few make it too narrow)" if costs.seeds < 5 else "")
        if costs.seeds > 1
        else "one seed: no interval"
    )
    return (
        Part(
            "CPU seconds to a common accuracy, deep / traditional, are above 1",
            above(costs.seconds, 1),
            costs.seconds,
            "times",
            method,
            f"{_times(costs.seconds)} the training seconds",
            costs.trial_ids,
        ),
        Part(
            "Peak memory there, deep / traditional, is above 1",
            above(costs.memory, 1),
            costs.memory,
            "times",
            method,
            f"{_times(costs.memory)} the peak bytes, the libraries' own included",
            costs.trial_ids,
        ),
    )


def _gpu(trials: pd.DataFrame) -> Part:
    statement = "Deep training is faster on the GPU: CPU / GPU seconds are above 1"
    speed_up = gpu_speed_up(trials, "deep")
    if speed_up is None:
        reason = "no deep trial was completed on the CPU and on the GPU of one machine"
        return Part(statement, "not measured", NOTHING, "times", reason, reason, decides=False)
    return Part(
        statement,
        above(speed_up.train, 1),
        speed_up.train,
        "times",
        "t over seeds, on logarithms",
        f"the GPU trains {_times(speed_up.train)} and predicts {_times(speed_up.predict)} as fast",
        speed_up.trial_ids,
        decides=False,
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


def data_need(trials: pd.DataFrame) -> Claim:
    """Row 2, from `complete` trials."""
    parts: list[Part] = []
    remarks: list[str] = []
    for dataset in sorted(set(trials["dataset"])):
        comparison = compare(trials, dataset)
        slope = last_slope(trials, dataset)
        if comparison is None or len(comparison.points) < 2 or slope is None:
            remarks.append(f"{dataset}: left out, for fewer than two sizes were completed by both families")
            continue
        parts += [_little(comparison), _stops(slope), _massive(comparison)]
        remarks.append(_crossover(comparison))
    verdict = together(part.verdict for part in parts)
    if not parts:
        sentence = "Not measured: no dataset has two training sizes that both families completed."
    else:
        sentence = " ".join(part.detail for part in parts)
    return Claim(
        2,
        "data",
        "good on little data, does not keep improving as data grows",
        "high with massive data and many weights",
        verdict,
        sentence,
        tuple(parts),
        tuple(remarks),
    )


def _little(comparison: Comparison) -> Part:
    point = comparison.points[0]
    effect = Interval(-point.difference.value, -point.difference.high, -point.difference.low)
    return Part(
        f"{comparison.dataset}: on little data ({point.n_train:,} images) traditional is at least as accurate",
        at_least(effect, 0),
        effect,
        "points",
        point.method,
        f"With {point.n_train:,} {comparison.dataset} images the best traditional pipeline scores "
        f"{point.traditional:.4f} and the best deep one {point.deep:.4f}.",
        point.trial_ids,
    )


def _massive(comparison: Comparison) -> Part:
    point = comparison.points[-1]
    return Part(
        f"{comparison.dataset}: on the most data ({point.n_train:,} images) deep is more accurate",
        above(point.difference, 0),
        point.difference,
        "points",
        point.method,
        f"With {point.n_train:,} it is {point.traditional:.4f} against {point.deep:.4f}.",
        point.trial_ids,
    )


def _stops(slope: LastSlope) -> Part:
    verdict = above(slope.slope, STILL_IMPROVING)
    per_doubling = 1 - 2**slope.slope.value
    change = f"takes {per_doubling:.0%} off" if per_doubling >= 0 else f"adds {-per_doubling:.0%} to"
    told = {
        "supported": "it has stopped improving",
        "refuted": "it keeps improving",
        "mixed": "whether it has stopped improving these trials cannot tell",
        "not measured": "one seed or size more would tell whether it has stopped improving",
    }[verdict]
    return Part(
        f"{slope.dataset}: traditional stops improving (slope over {slope.sizes[0]:,} to {slope.sizes[-1]:,} images "
        f"above {STILL_IMPROVING})",
        verdict,
        slope.slope,
        "slope",
        slope.method,
        f"From {slope.sizes[0]:,} to {slope.sizes[-1]:,} images a doubling {change} the error of "
        f"{' or '.join(slope.chosen)}: {told}.",
        slope.trial_ids,
    )


def _crossover(comparison: Comparison) -> str:
    n_star = comparison.crossover.n_star
    smallest, largest = comparison.points[0].n_train, comparison.points[-1].n_train

    def told(size: float) -> str:
        if size == 0:
            return f"below {smallest:,}"
        return f"above {largest:,}" if size == float("inf") else f"{size:,.0f}"

    interval = f" (95% {told(n_star.low)} to {told(n_star.high)}, bootstrap over seeds)" if n_star.known else ""
    several = comparison.crossover.crossings
    also = (
        f"; the curves cross {len(several)} times, at {', '.join(f'{size:,.0f}' for size in several)}"
        if len(several) > 1
        else ""
    )
    return f"{comparison.dataset}: n*, from which deep stays ahead, is {told(n_star.value)} images{interval}{also}"
