"""What more parameters bring: test error against parameters, a line for each series at its largest training size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from harness.analysis.frames import FAMILIES
from harness.analysis.intervals import t_interval
from harness.analysis.parameters import Series, gain, series
from harness.report.figures import style
from harness.report.figures.style import Line, Lines

NAME = "parameters"
TITLE = "Error against parameters"


class Panel(NamedTuple):
    """One dataset: test error (`y`, geometric mean over seeds) by parameters (`x`); `slopes` by label."""

    dataset: str
    lines: tuple[Line, ...]
    sizes: dict[str, int]
    slopes: dict[str, float]


class Facts(NamedTuple):
    """Every dataset that has a series."""

    panels: tuple[Panel, ...]
    lines: Lines


def facts(trials: pd.DataFrame) -> Facts:
    """The series of `parameters.series`, each at the most training images; `trials` as of `frames.complete`."""
    last: dict[str, dict[str, Series]] = {}
    for each in series(trials):
        last.setdefault(each.dataset, {})[each.name] = each
    panels = tuple(
        Panel(
            dataset,
            tuple(map(_line, of.values())),
            {name: each.n_train for name, each in of.items()},
            {name: gain(each).slope.value for name, each in of.items()},
        )
        for dataset, of in last.items()
    )
    shown = {line.label: line.family for panel in panels for line in panel.lines}
    return Facts(panels, tuple(sorted(shown.items(), key=lambda pair: (FAMILIES.index(pair[1]), pair[0]))))


def _line(of: Series) -> Line:
    intervals = [t_interval(np.log(errors)).map(np.exp) for errors in of.error]
    y, low, high = (tuple(float(part) for part in parts) for parts in zip(*intervals, strict=True))
    return Line(of.name, of.family, tuple(float(count) for count in of.parameters.mean(axis=1)), y, low, high)


def caption(facts: Facts) -> str:
    """What is shown, and the slope of each line."""
    if not facts.panels:
        return "Nothing to draw: no pipeline was run as a series of parameters (vary)."
    told = "; ".join(text for panel in facts.panels for text in _told(panel))
    return (
        "Test error by the number of parameters, both axes logarithmic: geometric means over seeds with 95% intervals, "
        f"each series at the most training images that have it. A straight line is a power law. {told}."
    )


def _told(panel: Panel) -> Iterator[str]:
    for line in panel.lines:
        yield (
            f"{panel.dataset}, {line.label} at {panel.sizes[line.label]:,} images: each doubling changes the error by "
            f"{2 ** panel.slopes[line.label] - 1:+.0%}"
        )


def draw(facts: Facts) -> Figure:
    """A panel for each dataset."""
    with style.styled():
        looks = style.looks(facts.lines)
        figure, axes = style.panels(len(facts.panels), style.legend_rows(facts.lines))
        for axis, panel in zip(axes, facts.panels, strict=True):
            for line in panel.lines:
                style.plot(axis, line, looks[line.label])
            style.log_axis(axis, axis.xaxis, [x for line in panel.lines for x in line.x], "parameters")
            errors = [value for line in panel.lines for value in (*line.y, *line.low, *line.high)]
            style.log_axis(axis, axis.yaxis, errors, "test error")
            axis.set_title(panel.dataset)
        style.legend(figure, facts.lines)
        return figure
