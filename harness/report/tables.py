"""The tables of a report, as frames: the page shows them, `harness results` prints them."""

from __future__ import annotations

import json
import math
from functools import partial
from typing import Any

import pandas as pd

from harness.analysis.families import Comparison
from harness.analysis.frames import complete, ok
from harness.analysis.intervals import t_interval
from harness.analysis.timing import CELL, one_per_seed, undisturbed
from harness.analysis.verdicts import Claim
from harness.report.text import MINUS, fixed, number

MIB = 2**20
FATES = ("ok", "timeout", "oom", "oom_gpu", "crashed", "failed", "diverged", "skipped", "interrupted")


def summary(trials: pd.DataFrame) -> pd.DataFrame:
    """One row for each dataset, pipeline, training size, device and backend, whatever became of its trials.

    Times of different machines are not comparable: where the run has several, each has rows of its own.

    Returns
    -------
    DataFrame
        `dataset`, `pipeline`, `family`, `n_train`, `device`, `backend`, and `machine` where there are several;
        `planned` and `seeds` (seeds planned and completed); `accuracy` (mean over seeds) and `accuracy_half_width` (of
        its 95% t interval, NaN with one seed); `train_s`, `predict_s` (mean seconds of undisturbed trials, the latter
        for the whole test set), `peak_mib`, `n_parameters`; `timed` (how many of the completed trials, repeats
        included, have valid times; with none the means are of all; `not checked` where rows do not say).
    """
    frame, _ = undisturbed(complete(trials))
    good = ok(frame)
    machine = ["machine"] if good["machine"].nunique() > 1 else []
    single = dict(tuple(one_per_seed(good, by_machine=bool(machine)).groupby([*CELL, *machine])))
    completed = dict(tuple(good.groupby([*CELL, *machine])))
    rows = []
    for cell, group in frame.groupby(CELL, sort=True):
        planned = group["seed"].nunique()
        keys = [(*cell, name) for name in sorted(set(ok(group)["machine"])) or [""]] if machine else [cell]
        for key in keys:
            seeds = single.get(key, good.head(0))
            accuracy = t_interval(seeds["accuracy"].to_numpy())
            means = [float(seeds[column].mean()) for column in ("train_s", "predict_s", "peak_bytes", "n_parameters")]
            means[2] /= MIB
            timed = _timed(completed.get(key, good.head(0))["timing_valid"])
            rows.append((*key, planned, len(seeds), accuracy.value, accuracy.half_width, *means, timed))
    columns = [*CELL, *machine, "planned", "seeds", "accuracy", "accuracy_half_width"]
    return pd.DataFrame(rows, columns=[*columns, "train_s", "predict_s", "peak_mib", "n_parameters", "timed"])


def _timed(valid: pd.Series) -> str:
    if valid.empty:
        return ""
    return "not checked" if valid.isna().all() else f"{int(valid.fillna(False).sum())} of {len(valid)}"


def statuses(trials: pd.DataFrame) -> pd.DataFrame:
    """How many trials of each pipeline ended how: a column for each status, and a last row for all pipelines."""
    frame = complete(trials)
    counts = frame.groupby(["pipeline", "status"]).size().unstack(fill_value=0)
    known = [status for status in FATES if status in counts.columns]
    counts = counts[known + [status for status in counts.columns if status not in FATES]]
    counts.loc["all"] = counts.sum()
    return counts.rename_axis(columns=None).rename_axis(index="pipeline").reset_index()


def failures(trials: pd.DataFrame) -> pd.DataFrame:
    """Every trial that neither ended well nor was skipped, its phase and why; interrupted ones last."""
    frame = complete(trials)
    columns = ["status", "dataset", "pipeline", "n_train", "seed", "device", "phase", "message", "log", "trial_id"]
    rows = frame.loc[~frame["status"].isin(("ok", "skipped")), columns]
    last = rows["status"] == "interrupted"
    return rows.assign(last=last).sort_values(["last", *columns[:6]], ignore_index=True).drop(columns="last")


def skipped(trials: pd.DataFrame) -> pd.DataFrame:
    """Trials that were not run, grouped by reason: `reason`, `pipeline`, `device`, `trials`."""
    frame = complete(trials)
    rows = frame[frame["status"] == "skipped"].rename(columns={"message": "reason"})
    return rows.groupby(["reason", "pipeline", "device"], sort=True).size().reset_index(name="trials")


def families(comparisons: tuple[Comparison, ...]) -> pd.DataFrame:
    """Best traditional against best deep, size by size, with the pipelines that were chosen."""
    rows = [
        (
            comparison.dataset,
            point.n_train,
            " / ".join(point.traditional_chosen),
            point.traditional,
            " / ".join(point.deep_chosen),
            point.deep,
            *point.difference,
            point.method,
        )
        for comparison in comparisons
        for point in comparison.points
    ]
    best = ["best_traditional", "traditional_accuracy", "best_deep", "deep_accuracy"]
    return pd.DataFrame(rows, columns=["dataset", "n_train", *best, "difference", "low", "high", "method"])


def crossovers(comparisons: tuple[Comparison, ...]) -> pd.DataFrame:
    """n* for each dataset; 0 stands for below the smallest common size, inf for above the largest.

    The probabilities are shares of bootstrap draws: deep never stays ahead; the curves cross more than once.
    """
    rows = [
        (
            comparison.dataset,
            *comparison.crossover.n_star,
            comparison.points[0].n_train,
            comparison.points[-1].n_train,
            comparison.crossover.probability_none,
            comparison.crossover.probability_several,
            " ".join(f"{size:.0f}" for size in comparison.crossover.crossings),
        )
        for comparison in comparisons
    ]
    shares = ("probability_none", "probability_several")
    return pd.DataFrame(rows, columns=["dataset", "n_star", "low", "high", "smallest", "largest", *shares, "crossings"])


def claims(judged: tuple[Claim, ...]) -> pd.DataFrame:
    """The five rows of the lecture, one row for each of their parts."""
    rows: list[tuple[Any, ...]] = []
    for claim in judged:
        row = (claim.number, claim.topic, claim.verdict)
        for part in claim.parts:
            rows.append((*row, part.statement, part.verdict, *part.effect, part.unit, part.method, len(part.trial_ids)))
        if not claim.parts:
            rows.append((*row, claim.sentence, claim.verdict, math.nan, math.nan, math.nan, "", "", 0))
    row_columns = ["row", "topic", "row_verdict", "statement", "verdict", "effect", "low", "high", "unit", "method"]
    return pd.DataFrame(rows, columns=[*row_columns, "trials"])


def claims_json(judged: tuple[Claim, ...]) -> str:
    """The five rows with the ids of the trials behind each part; what is not known is null."""

    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    rows = [
        {
            "number": claim.number,
            "topic": claim.topic,
            "traditional": claim.traditional,
            "deep": claim.deep,
            "verdict": claim.verdict,
            "sentence": claim.sentence,
            "remarks": list(claim.remarks),
            "parts": [
                {
                    "rule": part.rule,
                    "dataset": part.dataset or None,
                    "statement": part.statement,
                    "verdict": part.verdict,
                    "effect": number(part.effect.value),
                    "low": number(part.effect.low),
                    "high": number(part.effect.high),
                    "threshold": part.threshold,
                    "unit": part.unit,
                    "method": part.method,
                    "decides": part.decides,
                    "trial_ids": list(part.trial_ids),
                }
                for part in claim.parts
            ],
        }
        for claim in judged
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_text(frame: pd.DataFrame) -> str:
    """A table in aligned columns, for a terminal."""
    cells, numeric = _cells(frame)
    columns = []
    for name in cells.columns:
        entries = [str(name), *cells[name]]
        width = max(len(entry) for entry in entries)
        columns.append([entry.rjust(width) if name in numeric else entry.ljust(width) for entry in entries])
    return "\n".join("  ".join(row).rstrip() for row in zip(*columns, strict=True))


def as_latex(frame: pd.DataFrame) -> str:
    """A table for LaTeX with the package booktabs; what a suite says is escaped."""
    cells, numeric = _cells(frame)
    layout = "".join("r" if name in numeric else "l" for name in cells.columns)
    return cells.to_latex(index=False, escape=True, column_format=layout)


def _cells(frame: pd.DataFrame) -> tuple[pd.DataFrame, frozenset[str]]:
    """The frame as text in single lines, and which columns are numbers."""
    numeric = frozenset(str(name) for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name]))
    cells = {}
    for name in map(str, frame.columns):
        if name not in numeric:
            cells[name] = [" ".join(str(value).split()) for value in frame[name].astype(object).fillna("")]
            continue
        whole = pd.api.types.is_integer_dtype(frame[name]) or name.endswith("_mib") or name == "n_parameters"
        places = 0 if whole else 4
        write = number if name.endswith("_s") or name == "seconds" else partial(fixed, places=places)
        cells[name] = [write(value).replace(MINUS, "-") for value in frame[name].astype(float)]
    return pd.DataFrame(cells), numeric
