"""Row 2, data: who wins on little and on much of it, whether traditional stops improving, what weights bring."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from harness.analysis.families import Comparison, Point, compare
from harness.analysis.improvement import LastSlope, last_slope
from harness.analysis.intervals import Interval
from harness.analysis.parameters import Series, gain, series
from harness.analysis.rules import RULES, above, judge
from harness.analysis.verdicts import Claim, Part, claim, part


def data_need(trials: pd.DataFrame) -> Claim:
    """Row 2, from `complete` trials."""
    parts: list[Part] = []
    sentences: list[str] = []
    remarks: list[str] = []
    growing = series(trials)
    for dataset in sorted(set(trials["dataset"])):
        comparison = compare(trials, dataset)
        slope = last_slope(trials, dataset)
        widths = _largest(growing, dataset, "deep")
        if comparison is None or len(comparison.points) < 2 or slope is None:
            remarks.append(f"{dataset}: left out, for fewer than two sizes were completed by both families")
            remarks += [f"{dataset}: {_doubling(each)}" for each in widths]
            continue
        parts += [_little(comparison), _stops(slope), _massive(comparison), *map(_weights, widths)]
        sentences.append(_sentence(comparison, slope, widths))
        remarks += [_crossover(comparison), *_deep_slope(trials, dataset)]
        remarks += [f"{dataset}: {_doubling(each)}" for each in _largest(growing, dataset, "traditional")]
    told = " ".join(sentences) or "Not measured: no dataset has two training sizes that both families completed."
    return claim(2, parts, told, remarks)


def _sentence(comparison: Comparison, slope: LastSlope, widths: tuple[Series, ...]) -> str:
    """What one dataset says, in one sentence."""
    first, last = comparison.points[0], comparison.points[-1]
    better = {"supported": "take {} off", "refuted": "add {} to", "mixed": "may not change"}
    weights = ""
    for each in widths[:1]:
        found = gain(each).slope
        verdict = judge(RULES["weights"], Interval(-found.value, -found.high, -found.low))
        if verdict in better:
            weights = (
                f"; twice the weights {better[verdict].format(f'{abs(1 - 2**found.value):.0%}')} the network's error"
            )
    return (
        f"{comparison.dataset}: with {first.n_train:,} images {_ahead(first)}, with {last.n_train:,} {_ahead(last)}; "
        f"the traditional error {_changes(slope.slope)} from {slope.sizes[0]:,}: {_told(slope)}{weights}."
    )


def _ahead(point: Point) -> str:
    """Who is ahead at one size, as far as the interval tells."""
    scores = {"traditional": point.traditional, "deep": point.deep}
    verdict = above(point.difference, 0)
    if verdict in ("supported", "refuted"):
        one, other = ("deep", "traditional") if verdict == "supported" else ("traditional", "deep")
        return f"{one} is ahead ({scores[one]:.4f} against {scores[other]:.4f})"
    return f"the two cannot be told apart (traditional {point.traditional:.4f}, deep {point.deep:.4f})"


def _told(slope: LastSlope) -> str:
    return {
        "supported": "it has stopped improving",
        "refuted": "it keeps improving",
        "mixed": "whether it has stopped improving these trials cannot tell",
        "not measured": "one seed or size more would tell whether it has stopped improving",
    }[judge(RULES["stops"], slope.slope)]


def _changes(slope: Interval) -> str:
    """What a doubling does to an error."""
    change = 2**slope.value - 1
    return f"{'falls' if change < 0 else 'rises'} by {abs(change):.0%} with each doubling"


def _largest(growing: tuple[Series, ...], dataset: str, family: str) -> tuple[Series, ...]:
    """A family's series on a dataset, each at the most training images that have it."""
    last = {each.name: each for each in growing if (each.dataset, each.family) == (dataset, family)}
    return tuple(last.values())


def _weights(of: Series) -> Part:
    found = gain(of)
    fall = Interval(-found.slope.value, -found.slope.high, -found.slope.low)
    return part(
        "weights",
        fall,
        method=found.method,
        detail=_doubling(of),
        trial_ids=of.trial_ids,
        dataset=of.dataset,
        series=of.name,
        n_train=of.n_train,
    )


def _doubling(of: Series) -> str:
    found = gain(of)
    parameters = of.parameters.mean(axis=1)
    change = 2**found.slope.value - 1
    interval = f" (95% {found.points.low:+.2%} to {found.points.high:+.2%})" if found.points.known else ""
    return (
        f"from {parameters.min():,.0f} to {parameters.max():,.0f} parameters ({of.name} at {of.n_train:,} images) a "
        f"doubling changes the error by {change:+.0%} and the accuracy by {found.points.value:+.2%}{interval}"
    )


def _deep_slope(trials: pd.DataFrame, dataset: str) -> Iterator[str]:
    slope = last_slope(trials, dataset, "deep")
    if slope is not None:
        yield (
            f"{dataset}: the error of the best deep pipeline {_changes(slope.slope)} from {slope.sizes[0]:,} to "
            f"{slope.sizes[-1]:,} images"
        )


def _little(comparison: Comparison) -> Part:
    point = comparison.points[0]
    return part(
        "little",
        Interval(-point.difference.value, -point.difference.high, -point.difference.low),
        method=point.method,
        detail=f"With {point.n_train:,} {comparison.dataset} images the best traditional pipeline scores "
        f"{point.traditional:.4f} and the best deep one {point.deep:.4f}.",
        trial_ids=point.trial_ids,
        dataset=comparison.dataset,
        n_train=point.n_train,
    )


def _massive(comparison: Comparison) -> Part:
    point = comparison.points[-1]
    return part(
        "massive",
        point.difference,
        method=point.method,
        detail=f"With {point.n_train:,} it is {point.traditional:.4f} against {point.deep:.4f}.",
        trial_ids=point.trial_ids,
        dataset=comparison.dataset,
        n_train=point.n_train,
    )


def _stops(slope: LastSlope) -> Part:
    return part(
        "stops",
        slope.slope,
        method=slope.method,
        detail=f"From {slope.sizes[0]:,} to {slope.sizes[-1]:,} images the error of {' or '.join(slope.chosen)} "
        f"{_changes(slope.slope)}: {_told(slope)}.",
        trial_ids=slope.trial_ids,
        dataset=slope.dataset,
        first=slope.sizes[0],
        last=slope.sizes[-1],
    )


def _crossover(comparison: Comparison) -> str:
    crossover = comparison.crossover
    n_star = crossover.n_star
    smallest, largest = comparison.points[0].n_train, comparison.points[-1].n_train

    def told(size: float) -> str:
        if size == 0:
            return f"below {smallest:,}"
        return f"above {largest:,}" if size == float("inf") else f"{size:,.0f}"

    interval = f" (95% {told(n_star.low)} to {told(n_star.high)}, {crossover.method})" if n_star.known else ""
    several = crossover.crossings
    also = (
        f"; the curves cross {len(several)} times, at {', '.join(f'{size:,.0f}' for size in several)}"
        if len(several) > 1
        else ""
    )
    return f"{comparison.dataset}: n*, from which deep stays ahead, is {told(n_star.value)} images{interval}{also}"
