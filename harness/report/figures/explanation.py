"""How easily each representation is explained: handcrafted and learned features, pixels and controls."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from harness.analysis.explanation import ORIGINS
from harness.analysis.intervals import Interval
from harness.report.explained import representations
from harness.report.figures import style

NAME = "explanation"
TITLE = "How easily features are explained"
# Measure and its axis; all but the last read: further right is easier to explain.
MEASURES = (
    ("explained_r2", "R2 from nameable properties"),
    ("surrogate_fidelity", "fidelity of a tree"),
    ("faithfulness", "insertion + deletion area\nabove random order"),
    ("features_needed", "features for 95%\nof the accuracy"),
)
NAMES = {
    "hand": "handcrafted",
    "learned": "learned",
    "transferred": "learned elsewhere",
    "pixels": "pixels",
    "random": "random (control)",
    "shuffled": "shuffled labels (control)",
}
MARKS = {origin: style.MARKERS[place] for place, origin in enumerate(ORIGINS)}
ROW = 0.26


class Entry(NamedTuple):
    """One representation: a pipeline, where its features come from, and the measures with their intervals."""

    pipeline: str
    origin: str
    values: tuple[Interval, ...]


class Panel(NamedTuple):
    """One dataset at its largest explained size."""

    dataset: str
    n_train: int
    seeds: int
    entries: tuple[Entry, ...]


class Facts(NamedTuple):
    """All datasets that have explained pipelines."""

    panels: tuple[Panel, ...]


def facts(trials: pd.DataFrame, explanations: pd.DataFrame) -> Facts:
    """Every explained pipeline of the largest size of each dataset; the lines of the explanations are not needed."""
    table = representations(trials)
    made = []
    for dataset, rows in table.groupby("dataset", sort=True) if len(table) else ():
        largest = rows[rows["n_train"] == rows["n_train"].max()]
        entries = tuple(
            Entry(str(row["pipeline"]), str(row["origin"]), tuple(_interval(row, name) for name, _ in MEASURES))
            for row in largest.to_dict("records")
        )
        made.append(Panel(str(dataset), int(largest["n_train"].max()), int(largest["seeds"].max()), entries))
    return Facts(tuple(made))


def _interval(row: dict[str, float], name: str) -> Interval:
    value, half = row[name], row[f"{name}_half_width"]
    return Interval(value, value - half, value + half)


def caption(facts: Facts) -> str:
    """What is shown, and what it does not show."""
    if not facts.panels:
        return "Nothing to draw: no pipeline was explained."
    where = "; ".join(f"{panel.dataset} ({panel.n_train:,} images, {panel.seeds} seeds)" for panel in facts.panels)
    bars = "with 95% t intervals over the seeds" if max(panel.seeds for panel in facts.panels) > 1 else "of one seed"
    return (
        f"Means {bars}: {where}. Further right is easier to explain, but for the number of features, where further "
        "left is. The procedure is the same for every representation; random features and labels are controls. These "
        "are proxies: no people were asked."
    )


def draw(facts: Facts) -> Figure:
    """A row for each dataset, a column for each measure, a line for each representation."""
    with style.styled():
        heights = [max(len(panel.entries), 3) * ROW + 0.9 for panel in facts.panels]
        figure = Figure(figsize=(12.6, sum(heights) + 0.4), layout="constrained")
        axes = figure.subplots(len(heights), len(MEASURES), squeeze=False, height_ratios=heights)
        for row, panel in zip(axes, facts.panels, strict=True):
            for column, (axis, (name, label)) in enumerate(zip(row, MEASURES, strict=True)):
                _draw(axis, panel, column)
                axis.set_xlabel(label)
                if name == "features_needed" and any(entry.values[column].value > 0 for entry in panel.entries):
                    drawn_at = [part for entry in panel.entries for part in entry.values[column]]
                    style.log_axis(axis, axis.xaxis, drawn_at, label)
                else:
                    axis.xaxis.set_major_locator(MaxNLocator(5))
                axis.set_ylabel("features and classifier")
                axis.yaxis.label.set_visible(column == 0)
                if column == 0:
                    axis.set_title(f"{panel.dataset}, {panel.n_train:,} images", loc="left")
        drawn = {entry.origin for panel in facts.panels for entry in panel.entries}
        handles = [
            Line2D([], [], linestyle="none", marker=MARKS[origin], color=_colour(origin), label=NAMES[origin])
            for origin in ORIGINS
            if origin in drawn
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
        return figure


def _draw(axis: Axes, panel: Panel, column: int) -> None:
    for place, entry in enumerate(panel.entries):
        value, low, high = entry.values[column]
        if math.isnan(value):
            continue
        known = entry.values[column].known
        axis.errorbar(
            [value],
            [place],
            xerr=[[value - low], [high - value]] if known else None,
            color=_colour(entry.origin),
            marker=MARKS[entry.origin],
            markersize=5.5,
            elinewidth=1.1,
        )
    # The first is drawn at the top.
    axis.set_ylim(len(panel.entries) - 0.4, -0.6)
    names = [style.shown(entry.pipeline) if column == 0 else "" for entry in panel.entries]
    axis.set_yticks(range(len(panel.entries)), names)


def _colour(origin: str) -> str:
    return style.COLOURS[ORIGINS.index(origin)]
