"""Row 2, data: who wins on little and on much of it, whether traditional stops improving, what weights bring."""

from __future__ import annotations

import pandas as pd

from harness.analysis.families import Comparison, compare
from harness.analysis.improvement import LastSlope, last_slope
from harness.analysis.intervals import Interval
from harness.analysis.rules import RULES, judge
from harness.analysis.verdicts import Claim, Part, claim, part


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
    if not parts:
        sentence = "Not measured: no dataset has two training sizes that both families completed."
    else:
        sentence = " ".join(each.detail for each in parts)
    return claim(2, parts, sentence, remarks)


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
    per_doubling = 1 - 2**slope.slope.value
    change = f"takes {per_doubling:.0%} off" if per_doubling >= 0 else f"adds {-per_doubling:.0%} to"
    told = {
        "supported": "it has stopped improving",
        "refuted": "it keeps improving",
        "mixed": "whether it has stopped improving these trials cannot tell",
        "not measured": "one seed or size more would tell whether it has stopped improving",
    }[judge(RULES["stops"], slope.slope)]
    return part(
        "stops",
        slope.slope,
        method=slope.method,
        detail=f"From {slope.sizes[0]:,} to {slope.sizes[-1]:,} images a doubling {change} the error of "
        f"{' or '.join(slope.chosen)}: {told}.",
        trial_ids=slope.trial_ids,
        dataset=slope.dataset,
        first=slope.sizes[0],
        last=slope.sizes[-1],
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
