"""The lecture's five rows and the rules by which measurements support or refute them. All of them, and nothing else.

They were written before the study that they judge was run (`git log` of this file and of `results/reference`). A part
of a row is one number with a 95% interval and a threshold; the interval decides:

==============  =======================  =================  =====================
`supports_if`   supported                refuted            mixed
==============  =======================  =================  =====================
`above`         low end above threshold  high end below it  it lies between
`at least`      low end at or above it   high end below it  it lies between
==============  =======================  =================  =====================

A part without an interval (one seed, no such rows) is `not measured`. A row is `supported` if all parts that decide
are supported, `refuted` if all are refuted, `not measured` if one is not measured or there is none, else `mixed`. Parts
are made for each dataset that has the rows for them; a part with `decides=False` is told beside the row only.

The differences of rows 2 to 5 are deep minus traditional, or learned minus handcrafted, unless the statement says the
opposite; what supports is what the lecture says, whichever side that favours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

from harness.analysis.intervals import Interval

Verdict: TypeAlias = Literal["supported", "refuted", "mixed", "not measured"]
Unit: TypeAlias = Literal["times", "points", "slope", "share"]


class Row(NamedTuple):
    """What the lecture says of traditional machine learning and of deep learning in one row of its table."""

    number: int
    topic: str
    traditional: str
    deep: str


class Rule(NamedTuple):
    """How one number judges a statement.

    `unit`: `times` for a ratio, `points` for a difference of accuracies (0.01 is one point), `slope` for an exponent,
    `share` for a difference of shares between 0 and 1 that are no accuracies, such as R2.
    """

    row: int
    statement: str
    supports_if: Literal["above", "at least"]
    threshold: float
    unit: Unit
    decides: bool = True


ROWS = (
    Row(1, "hardware", "low hardware requirements, usually no GPU", "high: massive matrix work wants a GPU or TPU"),
    Row(
        2,
        "data",
        "good on little data, does not keep improving as data grows",
        "high with massive data and many weights",
    ),
    Row(3, "problem solving", "the problem solved stage by stage", "end to end"),
    Row(4, "features", "features chosen by hand", "features extracted automatically"),
    Row(5, "explanation", "features easy to explain", "features (still) hard to explain"),
)

# A slope of -0.05 says that a doubling of the images takes 3.4% off the error.
STILL_IMPROVING = -0.05
# Handcrafted features matter by choice where the best of several is a point better than their mean.
CHOICE_MATTERS = 0.01
# The fidelity of surrogate trees is compared at this number of leaves.
LEAVES = 32

RULES: dict[str, Rule] = {
    # Row 1, on the CPU: `hardware.cost_to_target`, to the highest accuracy that both families reach.
    "time": Rule(1, "CPU seconds to a common accuracy, deep / traditional, are above 1", "above", 1, "times"),
    "memory": Rule(1, "Peak memory there, deep / traditional, is above 1", "above", 1, "times"),
    # `hardware.gpu_speed_up`; beside the row, for a run without a GPU would otherwise never have a verdict.
    "gpu_deep": Rule(
        1, "Deep training is faster on the GPU: CPU / GPU seconds are above 1", "above", 1, "times", decides=False
    ),
    "gpu_gain": Rule(
        1,
        "The GPU speeds up deep training more than traditional: ratio of CPU / GPU seconds, deep / traditional, is "
        "above 1",
        "above",
        1,
        "times",
        decides=False,
    ),
    "energy": Rule(
        1, "Energy to a common accuracy, deep / traditional, is above 1", "above", 1, "times", decides=False
    ),
    # Row 2: `families.compare`, `improvement.last_slope`, `parameters.gain_per_doubling`.
    "little": Rule(
        2,
        "{dataset}: on little data ({n_train:,} images) traditional is at least as accurate",
        "at least",
        0,
        "points",
    ),
    "stops": Rule(
        2,
        "{dataset}: traditional stops improving (slope of log error over {first:,} to {last:,} images above "
        f"{STILL_IMPROVING})",
        "above",
        STILL_IMPROVING,
        "slope",
    ),
    "massive": Rule(2, "{dataset}: on the most data ({n_train:,} images) deep is more accurate", "above", 0, "points"),
    # Minus the slope of log error on log parameters over a series of widths, at the largest size that has the series;
    # it decides where a suite has such a series.
    "weights": Rule(
        2,
        "{dataset}: more weights make the network better (fall of log error per log of parameters, {series} at "
        "{n_train:,} images, is above 0)",
        "above",
        0,
        "slope",
    ),
    # Row 3: `stages.end_to_end` and `stages.ablations`.
    "joint": Rule(
        3,
        "{dataset}: trained end to end a network is more accurate than the best way of training it stage by stage "
        "({n_train:,} images, equal parameters and epochs)",
        "above",
        0,
        "points",
    ),
    "stage": Rule(
        3,
        "{dataset}: a traditional pipeline stands on its stages: taking one away costs accuracy (mean over the stages, "
        "{n_train:,} images)",
        "above",
        0,
        "points",
    ),
    # Row 4: `swap.swapped`, `swap.choices`, `swap.without_choice`, `swap.transferred`.
    "swap": Rule(
        4,
        "{dataset}: under the same classifiers learned features are at least as accurate as handcrafted ones "
        "({n_train:,} images)",
        "at least",
        0,
        "points",
    ),
    "choice": Rule(
        4,
        "{dataset}: the choice by hand matters: the best of {tried} handcrafted features is more than a point above "
        "their mean ({n_train:,} images)",
        "above",
        CHOICE_MATTERS,
        "points",
    ),
    "no_choice": Rule(
        4,
        "{dataset}: a network on raw pixels, with no choice of features, is at least as accurate as the best of "
        "{tried} handcrafted features ({n_train:,} images)",
        "at least",
        0,
        "points",
    ),
    "transfer": Rule(
        4,
        "{dataset}: features learned on another dataset are at least as accurate as handcrafted ones ({n_train:,} "
        "images)",
        "at least",
        0,
        "points",
        decides=False,
    ),
    # Row 5: `explanation.differences`, handcrafted minus learned: higher is easier to explain.
    "nameable": Rule(
        5,
        "{dataset}: nameable properties predict handcrafted features better than learned ones (importance-weighted R2)",
        "above",
        0,
        "share",
    ),
    "surrogate": Rule(
        5,
        f"{{dataset}}: a tree of {LEAVES} leaves imitates the classifier better on handcrafted features (fidelity)",
        "above",
        0,
        "share",
    ),
    "faithful": Rule(
        5,
        "{dataset}: saliency on one grid of patches is more faithful with handcrafted features (insertion minus "
        "deletion area, above random order)",
        "above",
        0,
        "share",
    ),
    "sparse": Rule(
        5,
        "{dataset}: fewer handcrafted features than learned ones carry 95% of the accuracy (learned / handcrafted is "
        "above 1)",
        "above",
        1,
        "times",
    ),
    "disentangled": Rule(
        5,
        "{dataset}: handcrafted features are more disentangled with respect to the properties (DCI)",
        "above",
        0,
        "share",
        decides=False,
    ),
    "trained": Rule(
        5,
        "{dataset}: training makes a network's features less nameable (R2 untrained minus trained is above 0)",
        "above",
        0,
        "share",
        decides=False,
    ),
}


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


def judge(rule: Rule, effect: Interval) -> Verdict:
    """The verdict of one number."""
    return (above if rule.supports_if == "above" else at_least)(effect, rule.threshold)


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a row from those of its parts that decide."""
    kinds = set(verdicts)
    if not kinds or "not measured" in kinds:
        return "not measured"
    return kinds.pop() if len(kinds) == 1 else "mixed"
