"""Two runs held against each other, cell by cell: what is better, worse, fixed, newly failing, or cannot be told."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from harness.analysis.frames import complete, ok
from harness.analysis.intervals import Floats, newcombe
from harness.analysis.paired import Paired, holm, paired
from harness.analysis.timing import one_per_seed, undisturbed

Verdict: TypeAlias = Literal["better", "worse", "no difference", "newly failing", "fixed", "incomparable"]

CELL = ["dataset", "pipeline", "n_train", "device", "backend"]
ALPHA = 0.05
# Below a page's worth of thousands, two peaks are the same: allocators round, and kernels count in batches.
LEAST_BYTES = 2**20
NOT_RUN = ("skipped", "interrupted")


class Metric(NamedTuple):
    """What is compared: `ratio` by factors (B / A), else by difference (B - A); whether more is better."""

    column: str
    name: str
    ratio: bool
    more_is_better: bool
    timed: bool


METRICS = (
    Metric("accuracy", "accuracy", False, True, False),
    Metric("train_s", "training time", True, False, True),
    Metric("predict_s", "prediction time", True, False, True),
    Metric("latency_p50_s", "latency", True, False, True),
    Metric("peak_bytes", "peak memory", True, False, False),
)


class Comparison(NamedTuple):
    """Two runs compared.

    Attributes
    ----------
    table
        A row for each cell and metric: the columns of `timing.CELL` but family, `metric`, `verdict`, `a`, `b` (means;
        geometric ones of what is compared by factors), `change` (B - A, or B / A) with `low`, `high` (95% interval,
        before any correction), `p`, `p_holm` (corrected over the cells of the metric), `resolvable` (the smallest
        change these pairs would have shown, a difference or a share), `pairs`, `paired_by` and `why`.
    remarks
        What a reader must know, in sentences.
    """

    table: pd.DataFrame
    remarks: tuple[str, ...]


def compare_runs(a: pd.DataFrame, b: pd.DataFrame, *, across_machines: bool = False) -> Comparison:
    """Compare run B with run A.

    Trials are paired by seed (repeats of a seed count once, by their median), or by repeat where both have one seed.
    Accuracies are compared by their differences, times and peaks by the logarithm of their ratio, with a t interval;
    p values are corrected by Holm's method over all cells of a metric, and a cell is better or worse where the
    corrected one is below 0.05. A single accuracy on either side is judged by the binomial interval of the test
    images. Times and memory of different machines are incomparable unless asked for; disturbed times are left out.

    The runs took place one after the other: where the calibration kernel of B's machine was slower than of A's, what
    that explains counts as no difference (the null hypothesis is the range from 1 to the kernel's ratio).

    Parameters
    ----------
    a, b : DataFrame
        Trials, as `harness.load_results` gives them.
    across_machines : bool
        Compare times and memory of different machines, too.
    """
    frames = [undisturbed(complete(frame)) for frame in (a, b)]
    sides = [frame for frame, _ in frames]
    doubtful = {cell for frame, marked in frames for cell in frame.loc[marked, CELL].itertuples(index=False, name=None)}
    drift = _drift(*sides)
    groups = [dict(tuple(side.groupby(CELL, sort=True))) for side in sides]
    rows: list[dict[str, Any]] = []
    for cell in sorted({*groups[0], *groups[1]}):
        one, two = (group.get(cell) for group in groups)
        for values in _cell(one, two, cell in doubtful, across_machines, drift):
            rows.append(dict(zip(CELL, cell, strict=True)) | values)
    table = pd.DataFrame(rows, columns=[*CELL, *COLUMNS])
    table["p_holm"] = np.nan
    for _, part in table.groupby("metric"):
        table.loc[part.index, "p_holm"] = holm(part["p"].tolist())
    judged = table["verdict"] == ""
    table["verdict"] = [
        _verdict(*values) if undecided else verdict
        for undecided, verdict, *values in zip(
            judged, table["verdict"], table["metric"], table["change"], table["p"], table["p_holm"], strict=True
        )
    ]
    return Comparison(table, tuple(_remarks(table, sides, drift, across_machines)))


COLUMNS = [
    "metric", "verdict", "a", "b", "change", "low", "high", "p", "p_holm", "resolvable", "pairs", "paired_by", "why",
]  # fmt: skip


def _cell(
    a: pd.DataFrame | None, b: pd.DataFrame | None, doubtful: bool, across: bool, drift: float
) -> Iterator[dict[str, Any]]:
    fate = _fate(a, b)
    if fate is not None:
        yield fate
    if a is None or b is None or ok(a).empty or ok(b).empty:
        return
    for metric in METRICS:
        yield from _measured(a, b, metric, doubtful, across, drift)


def _fate(a: pd.DataFrame | None, b: pd.DataFrame | None) -> dict[str, Any] | None:
    """What can be said before any number is looked at; None where trials of both ended alike and well."""
    if a is None or b is None:
        return _row("fate", "incomparable", f"only in {'B' if a is None else 'A'}")
    for name, side in (("A", a), ("B", b)):
        if side["status"].isin(NOT_RUN).all():
            return _row("fate", "incomparable", f"not run in {name}: {_first(side)}")
    failed = [side[~side["status"].isin(("ok", *NOT_RUN))] for side in (a, b)]
    key = ["seed", "repeat"]
    fine = [ok(side).set_index(key).index for side in (a, b)]
    new = failed[1][failed[1].set_index(key).index.isin(fine[0])]
    gone = failed[0][failed[0].set_index(key).index.isin(fine[1])]
    if len(new):
        count = f"{len(new)} of {len(b)} trials that were completed in A: " if len(b) > 1 else ""
        return _row("fate", "newly failing", count + _first(new))
    if len(gone):
        count = f"{len(gone)} of {len(a)} trials: " if len(a) > 1 else ""
        return _row("fate", "fixed", f"{count}in A {_first(gone)}")
    if len(failed[0]) and len(failed[1]) and (ok(a).empty or ok(b).empty):
        return _row("fate", "incomparable", f"failed in both: {_first(failed[1])}")
    return None


def _first(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    return f"{first['status']}: {first['message']}" if first["message"] else str(first["status"])


def _measured(
    a: pd.DataFrame, b: pd.DataFrame, metric: Metric, doubtful: bool, across: bool, drift: float
) -> Iterator[dict[str, Any]]:
    own = metric.column != "accuracy"
    one, two = ok(a), ok(b)
    if own and not across:
        shared = set(one["machine"]) & set(two["machine"])
        if not shared:
            if one[metric.column].notna().any() and two[metric.column].notna().any():
                yield _row(metric.name, "incomparable", "different machines")
            return
        one, two = (side[side["machine"].isin(shared)] for side in (one, two))
    pairs, paired_by = _pairs(one, two, metric.column, of_machine=own and not across)
    if pairs.empty:
        return
    if metric.timed and doubtful:
        yield _row(metric.name, "incomparable", "disturbed: no trial of one side has valid times")
        return
    first, second = (pairs[side].to_numpy(dtype=float) for side in ("a", "b"))
    if not metric.ratio:
        yield _differences(first, second, metric, paired_by, float(one["n_test"].median()))
        return
    least = LEAST_BYTES / float(np.median(first)) if metric.column == "peak_bytes" else 0.0
    logs = np.log(second) - np.log(first)
    found = paired(logs, least_sd=least, offset=math.log(drift) if metric.timed else 0.0)
    change, low, high = (_factor(value) for value in found.difference)
    mean_a, mean_b = (float(np.exp(np.log(side).mean())) for side in (first, second))
    smallest = _factor(found.resolvable) - 1
    why = "one pair has no interval" if found.pairs == 1 else ""
    yield _row(metric.name, "", why, mean_a, mean_b, change, low, high, found.p, smallest, found.pairs, paired_by)


def _factor(log: float) -> float:
    # Two pairs that disagree widely have an interval whose end no number holds.
    return math.exp(log) if not log > 700 else math.inf


def _differences(a: Floats, b: Floats, metric: Metric, paired_by: str, n_test: float) -> dict[str, Any]:
    # One image more or less is the step in which an accuracy can change.
    found: Paired = paired(b - a, least_sd=1 / n_test if n_test > 0 else 0.0)
    interval = found.difference
    if found.pairs == 1:
        interval = newcombe(float(b[0]), float(a[0]), n_test)
        # The interval's own test: the quantile at which it would touch 0, on the normal scale.
        reach = interval.value - interval.low if interval.value > 0 else interval.high - interval.value
        found = found._replace(p=math.erfc(1.959964 * abs(interval.value) / reach / math.sqrt(2)) if reach else 1.0)
        paired_by = f"one seed: binomial on {n_test:,.0f} test images"
    mean_a, mean_b = float(a.mean()), float(b.mean())
    return _row(metric.name, "", "", mean_a, mean_b, *interval, found.p, found.resolvable, found.pairs, paired_by)


def _pairs(a: pd.DataFrame, b: pd.DataFrame, column: str, of_machine: bool) -> tuple[pd.DataFrame, str]:
    """Columns `a` and `b`, one row for each seed, or repeat, that both measured; and which of the two it is."""
    by_repeat = a["seed"].nunique() == b["seed"].nunique() == 1 and column != "accuracy"
    key = ["seed", "repeat"] if by_repeat else ["seed"]
    sides = [side if by_repeat else one_per_seed(side, by_machine=of_machine) for side in (a, b)]
    places = [*key, "machine"] if of_machine else key
    series = [side.groupby(places)[column].median().dropna() for side in sides]
    both = pd.concat(series, axis=1, keys=["a", "b"], join="inner").reset_index().drop_duplicates(key)
    both = both[["a", "b"]]
    return both[(both > 0).all(axis=1)] if column != "accuracy" else both, "repeats" if by_repeat else "seeds"


def _row(
    metric: str,
    verdict: str,
    why: str,
    a: float = math.nan,
    b: float = math.nan,
    change: float = math.nan,
    low: float = math.nan,
    high: float = math.nan,
    p: float = math.nan,
    resolvable: float = math.nan,
    pairs: int = 0,
    paired_by: str = "",
) -> dict[str, Any]:
    numbers = {"a": a, "b": b, "change": change, "low": low, "high": high, "p": p, "resolvable": resolvable}
    return {"metric": metric, "verdict": verdict, **numbers, "pairs": pairs, "paired_by": paired_by, "why": why}


def _verdict(name: str, change: float, p: float, p_holm: float) -> Verdict:
    if math.isnan(p):
        return "incomparable"
    if not p_holm < ALPHA:
        return "no difference"
    metric = next(metric for metric in METRICS if metric.name == name)
    more = change > (1 if metric.ratio else 0)
    return "better" if more == metric.more_is_better else "worse"


def _drift(a: pd.DataFrame, b: pd.DataFrame) -> float:
    """How much slower B's machines were than when A ran: median ratio of the kernel, on the machines both used."""
    medians = [ok(side).groupby("machine")["calibration_s"].median() for side in (a, b)]
    ratios = (medians[1] / medians[0]).dropna()
    return float(ratios.median()) if len(ratios) else 1.0


def _remarks(table: pd.DataFrame, sides: Sequence[pd.DataFrame], drift: float, across: bool) -> Iterator[str]:
    machines = [sorted(set(ok(side)["machine"]) - {""}) for side in sides]
    if machines[0] != machines[1]:
        names = [", ".join(found) or "not recorded" for found in machines]
        done = "times are compared all the same" if across else "their times and memory are incomparable"
        yield f"The runs took place on different machines (A {names[0]}; B {names[1]}): {done}."
    if not math.isclose(drift, 1.0, rel_tol=0.02):
        yield (
            f"The calibration kernel took {drift:.2f} times as long in B as in A: a change of times that this explains "
            "counts as no difference."
        )
    unchecked = [name for name, side in zip("AB", sides, strict=True) if ok(side)["timing_valid"].isna().any()]
    if unchecked:
        yield f"Not all times of {' and '.join(unchecked)} were checked for disturbance."
    tests = int(table["p"].notna().sum())
    if tests:
        yield (
            f"{tests} tests; p values are corrected by Holm's method over the cells of each metric, intervals are not: "
            "an interval can leave out 'no change' where the verdict says no difference."
        )
    single = int((table["pairs"] == 1).sum())
    if single:
        yield "Times of a single pair have no interval and are incomparable: run more seeds, or `repeats`."
