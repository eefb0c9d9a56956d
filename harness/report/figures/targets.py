"""Time to accuracy: the least training seconds with which each family reaches a target on the CPU, misses marked."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.analysis.frames import FAMILIES
from harness.analysis.targets import NEVER, time_to_accuracy
from harness.report.figures import style
from harness.report.figures.style import Line, Lines

# Times the least and the most seconds to which an interval's ends are shown.
FURTHEST = 30
NAME = "targets"
TITLE = "Time to accuracy"


class Missed(NamedTuple):
    """A target that a family did not reach; `above` is what it would take at the least, in seconds, NaN if unknown."""

    family: str
    target: float
    above: float


class Panel(NamedTuple):
    """One dataset: for each family a line of seconds (`y`) by target accuracy (`x`), and the targets that it missed."""

    dataset: str
    lines: tuple[Line, ...]
    missed: tuple[Missed, ...]


class Facts(NamedTuple):
    """Every dataset on which any family reaches any target."""

    panels: tuple[Panel, ...]
    lines: Lines


def facts(trials: pd.DataFrame) -> Facts:
    """The rows of `targets.time_to_accuracy`; `trials` as `frames.complete` gives them."""
    times = time_to_accuracy(trials)
    panels = []
    for dataset, rows in times.groupby("dataset", sort=True):
        reached = rows[rows["outcome"] == "reached"]
        lines = tuple(
            Line(
                str(family),
                str(family),
                *(tuple(of[name].astype(float)) for name in ("target", "train_s", "low", "high")),
            )
            for family, of in reached.groupby("family", sort=False)
        )
        lost = rows[rows["outcome"] != "reached"]
        missed = tuple(
            Missed(str(family), float(target), float(above))
            for family, target, above in zip(lost["family"], lost["target"], lost["above_s"], strict=True)
        )
        panels.append(Panel(str(dataset), lines, missed))
    shown = {family for panel in panels for family in (*(line.family for line in panel.lines), *_families(panel))}
    return Facts(tuple(panels), tuple((family, family) for family in FAMILIES if family in shown))


def _families(panel: Panel) -> tuple[str, ...]:
    return tuple(miss.family for miss in panel.missed)


def caption(facts: Facts) -> str:
    """What is shown, and what the marks of missed targets mean."""
    if not facts.panels:
        return "Nothing to draw: no family reached 30% on the CPU."
    return (
        "Seconds of training on the CPU, tuning included, of the cheapest pipeline and size of each family whose mean "
        "accuracy reaches the target, with 95% intervals (bootstrap over seeds). An arrow marks a target that a family "
        "did not reach: it stands at the seconds after which a trial was stopped by its time limit, if any was, "
        f"else at the right edge ({NEVER})."
    )


def draw(facts: Facts) -> Figure:
    """A panel for each dataset: target accuracy upwards, seconds to the right."""
    with style.styled():
        looks = style.looks(facts.lines)
        figure, axes = style.panels(len(facts.panels), style.legend_rows(facts.lines))
        for axis, panel in zip(axes, facts.panels, strict=True):
            stopped = [miss.above for miss in panel.missed]
            # Of an interval that spans the universe the ends are cut, so that the axis shows the values.
            middle = [value for line in panel.lines for value in line.y]
            least, most = min(middle, default=1.0) / FURTHEST, max(middle, default=1.0) * FURTHEST
            ends = [min(max(end, least), most) for line in panel.lines for end in (*line.y, *line.low, *line.high)]
            style.log_axis(axis, axis.xaxis, [*ends, *stopped], "training seconds on the CPU")
            edge = axis.get_xlim()[1]
            for line in panel.lines:
                look = looks[line.label]
                seconds, low, high = (np.array(part) for part in (line.y, line.low, line.high))
                bars = np.nan_to_num(np.array([seconds - low, np.minimum(high, edge) - seconds]), nan=0.0)
                axis.errorbar(
                    seconds,
                    line.x,
                    xerr=bars,
                    color=look.colour,
                    linestyle=look.dash,
                    linewidth=1.5,
                    elinewidth=1.1,
                    marker=look.marker,
                    markersize=5.5,
                    markeredgewidth=1.3,
                    markerfacecolor="white" if look.hollow else look.colour,
                )
            for miss in panel.missed:
                axis.add_line(
                    Line2D(
                        [edge if math.isnan(miss.above) else miss.above],
                        [miss.target],
                        color=looks[miss.family].colour,
                        marker=">",
                        markersize=8,
                        markerfacecolor="white",
                        markeredgewidth=1.3,
                        linestyle="none",
                        clip_on=False,
                    )
                )
            targets = [target for line in panel.lines for target in line.x]
            style.accuracy_axis(axis, targets, [miss.target for miss in panel.missed], "target accuracy")
            axis.set_title(panel.dataset)
        style.legend(figure, facts.lines)
        return figure
