"""Accuracy against training size."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from harness.analysis.curves import over_seeds
from harness.analysis.frames import complete, lines_of
from harness.report.figures import style
from harness.report.figures.style import Line, Lines

NAME = "accuracy"
TITLE = "Accuracy against training size"


class Panel(NamedTuple):
    """The learning curves of one dataset."""

    dataset: str
    lines: tuple[Line, ...]


class Facts(NamedTuple):
    """All learning curves; `seeds` are the fewest and the most that a point rests on."""

    panels: tuple[Panel, ...]
    lines: Lines
    seeds: tuple[int, int]


def facts(trials: pd.DataFrame) -> Facts:
    """Mean test accuracy with t intervals over seeds."""
    frame = complete(trials)
    table = over_seeds(frame, "accuracy")
    made = []
    for dataset, of_dataset in table.groupby("dataset", sort=True):
        lines = [
            Line(str(label), str(family), *(tuple(part[column]) for column in ("n_train", "value", "low", "high")))
            for (label, family), part in of_dataset.groupby(["label", "family"], sort=True)
        ]
        made.append(Panel(str(dataset), tuple(lines)))
    seeds = (int(table["seeds"].min()), int(table["seeds"].max())) if len(table) else (0, 0)
    return Facts(tuple(made), lines_of(frame), seeds)


def caption(facts: Facts) -> str:
    """What the figure shows, intervals included."""
    if not facts.panels:
        return "Nothing to draw: no trial was completed."
    fewest, most = facts.seeds
    if most < 2:
        bars = "One seed only, so no interval is drawn."
    else:
        count = f"{most}" if fewest == most else f"{fewest} to {most}"
        bars = (
            f"Points are means, bars 95% t intervals over {count} seeds: what another training subset and another "
            "initialisation would change, not what other test images would."
        )
        bars += " Points of one seed have no bar." if fewest < 2 else ""
    return (
        "Accuracy on the fixed test set against the number of training images; the subsets are nested, stratified and "
        f"the same for every pipeline. {bars} Traditional pipelines have solid lines and filled markers, deep ones "
        "broken lines and hollow markers."
    )


def draw(facts: Facts) -> Figure:
    """One panel for each dataset."""
    with style.styled():
        looks = style.looks(facts.lines)
        figure, axes = style.panels(len(facts.panels), style.legend_rows(facts.lines))
        for axis, panel in zip(axes, facts.panels, strict=True):
            for line in panel.lines:
                style.plot(axis, line, looks[line.label])
            values = [value for line in panel.lines for value in line.y]
            ends = [value for line in panel.lines for value in (*line.low, *line.high)]
            style.size_axis(axis, [size for line in panel.lines for size in line.x])
            style.accuracy_axis(axis, values, ends, "test accuracy")
            axis.set_title(panel.dataset)
        style.legend(figure, facts.lines)
        return figure
