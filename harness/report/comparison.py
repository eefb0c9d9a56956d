"""Two runs compared, as text for a terminal."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import pandas as pd

from harness.analysis.compare import CELL, Comparison
from harness.report.tables import MIB, as_text
from harness.report.text import fixed, number, points

VERDICTS = ("better", "worse", "no difference", "newly failing", "fixed", "incomparable")


def as_table(comparison: Comparison) -> str:
    """A line for each cell and metric, then how often each verdict was given, then the remarks."""
    frame = comparison.table
    if frame.empty:
        return "Neither run has a trial."
    several = frame.groupby("pipeline")["backend"].nunique().gt(1).any()
    cell = [name for name in CELL if name != "backend" or several]
    rows = [{**{name: row[name] for name in cell}, **_line(row)} for row in frame.to_dict("records")]
    counts = {metric: Counter(part["verdict"]) for metric, part in frame.groupby("metric", sort=False)}
    said = [
        f"{metric!s}: " + ", ".join(f"{count[verdict]} {verdict}" for verdict in VERDICTS if count[verdict])
        for metric, count in counts.items()
    ]
    return "\n".join([as_text(pd.DataFrame(rows)), "", *said, "", *comparison.remarks]).rstrip() + "\n"


def _line(row: dict[Any, Any]) -> dict[str, str]:
    share = row["metric"] == "accuracy"
    unit = MIB if row["metric"] == "peak memory" else 1
    shown = fixed if share else number
    a, b = (shown(row[side] / unit) for side in "ab")
    if share:
        change, low, high = (points(row[name]) for name in ("change", "low", "high"))
        smallest = "" if math.isnan(row["resolvable"]) else f"{100 * row['resolvable']:.2f} points"
    else:
        change, low, high = (number(row[name]) for name in ("change", "low", "high"))
        smallest = "" if math.isnan(row["resolvable"]) else f"{row['resolvable']:.1%}"
    if change:
        change += " points" if share else " times"
    units = {"accuracy": "", "peak memory": ", MiB", "fate": ""}.get(row["metric"], ", s")
    return {
        "metric": f"{row['metric']}{units}",
        "verdict": row["verdict"],
        "A": a,
        "B": b,
        "B against A": change,
        "95%": f"{low} to {high}" if low else "",
        "resolvable": smallest,
        "pairs": str(row["pairs"] or ""),
        "why": " ".join(filter(None, (row["why"], row["paired_by"] if "one seed" in row["paired_by"] else ""))),
    }


def as_json(comparison: Comparison) -> str:
    """Every number and the remarks; what is not known is null."""
    rows = json.loads(comparison.table.to_json(orient="records", double_precision=15))
    return json.dumps({"remarks": list(comparison.remarks), "cells": rows}, indent=2, ensure_ascii=False) + "\n"
