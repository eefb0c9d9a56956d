"""Accuracy against training time, with the Pareto front."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from harness.analysis.curves import LINE, over_seeds, pareto_front
from harness.analysis.frames import complete, lines_of
from harness.analysis.timing import comparable
from harness.report.figures import style
from harness.report.figures.style import Line, Lines
from harness.report.text import told

NAME = "pareto"
TITLE = "Accuracy against training time"


class Best(NamedTuple):
    """A point on the front."""

    label: str
    n_train: int
    train_s: float
    accuracy: float


class Panel(NamedTuple):
    """One dataset: a point for each pipeline and size, and those on the front, fastest first."""

    dataset: str
    lines: tuple[Line, ...]
    front: tuple[Best, ...]


class Facts(NamedTuple):
    """All datasets; `caveats` say what was left out of the times, or not checked."""

    panels: tuple[Panel, ...]
    lines: Lines
    caveats: tuple[str, ...] = ()


def facts(trials: pd.DataFrame) -> Facts:
    """Mean accuracy and mean seconds of every pipeline and size."""
    times = comparable(complete(trials))
    frame = times.rows
    key = [*LINE, "n_train"]
    table = over_seeds(frame, "accuracy").merge(over_seeds(frame, "train_s"), on=key, suffixes=("", "_s"))
    table = table[table["value_s"] > 0]
    made = []
    for dataset, of_dataset in table.groupby("dataset", sort=True):
        lines = [
            Line(str(label), str(family), *(tuple(part[column]) for column in ("value_s", "value", "low", "high")))
            for (label, family), part in of_dataset.groupby(["label", "family"], sort=True)
        ]
        best = of_dataset[pareto_front(of_dataset["value_s"], of_dataset["value"])].sort_values("value_s")
        front = [
            Best(str(row["label"]), int(row["n_train"]), float(row["value_s"]), float(row["value"]))
            for row in best.to_dict("records")
        ]
        made.append(Panel(str(dataset), tuple(lines), tuple(front)))
    return Facts(tuple(made), lines_of(frame), times.caveats)


def caption(facts: Facts) -> str:
    """What a point and the front are."""
    if not facts.panels:
        return "Nothing to draw: no trial was completed."
    fronts = "; ".join(
        f"{panel.dataset}: " + ", ".join(f"{label} ({sizes})" for label, sizes in _runs(panel.front))
        for panel in facts.panels
    )
    return (
        "Each point is a pipeline at one training size (means over seeds), joined in order of size; up and to the left "
        "is better. Along the grey front no other point is at once as fast and as accurate. It describes these "
        f"accuracies and was picked on them, so it proves nothing about other images. On the front, fastest first: "
        f"{fronts}.{told(facts.caveats)}"
    )


def _runs(front: tuple[Best, ...]) -> list[tuple[str, str]]:
    """Neighbours of one pipeline on the front, with their sizes."""
    return [
        (label, " · ".join(f"{best.n_train:,}" for best in run))
        for label, run in groupby(front, key=lambda best: best.label)
    ]


def draw(facts: Facts) -> Figure:
    """One panel for each dataset, the front as grey steps behind the points."""
    with style.styled():
        looks = style.looks(facts.lines)
        figure, axes = style.panels(len(facts.panels), style.legend_rows(facts.lines))
        for axis, panel in zip(axes, facts.panels, strict=True):
            seconds = [value for line in panel.lines for value in line.x]
            values = [value for line in panel.lines for value in line.y]
            for line in panel.lines:
                # Bars would hide the front; the figure of the learning curves has them.
                style.plot(axis, line._replace(low=line.y, high=line.y), looks[line.label])
            style.log_axis(axis, axis.xaxis, seconds, "training time, seconds")
            style.accuracy_axis(axis, values, [], "test accuracy")
            if panel.front:
                right = axis.get_xlim()[1]
                axis.step(
                    [*(best.train_s for best in panel.front), right],
                    [*(best.accuracy for best in panel.front), panel.front[-1].accuracy],
                    where="post",
                    color="#bbbbbb",
                    linewidth=5,
                    zorder=1,
                    solid_joinstyle="miter",
                )
            axis.set_title(panel.dataset)
        style.legend(figure, facts.lines)
        return figure
