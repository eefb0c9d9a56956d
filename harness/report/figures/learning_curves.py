"""Learning curves fitted and continued to ten times the data."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.extrapolation import TIMES, Curve, curves, promise
from harness.analysis.frames import FAMILIES, complete, lines_of
from harness.analysis.intervals import Floats, t_interval
from harness.analysis.learning_curves import LAST, choose, fit
from harness.report.figures import style
from harness.report.figures.style import Line, Lines, Look

NAME = "learning-curves"
TITLE = "Learning curves, fitted and continued to ten times the data"
# More lines with bands than two for each family cannot be told apart.
EACH = 2
STEPS = 40


class Fitted(NamedTuple):
    """One line, in errors.

    Attributes
    ----------
    form
        Chosen by the held-out sizes; "" with one size, which has no continuation.
    measured
        Means with t intervals over seeds.
    fit
        The form fitted to all sizes, to ten times the largest; `low` and `high`, its band, beyond the largest only.
    held_out
        The measured sizes that it was chosen by.
    unseen
        The same form fitted without these.
    """

    form: str
    measured: Line
    fit: Line
    held_out: Line
    unseen: Line


class Panel(NamedTuple):
    """The best lines of each family on one dataset."""

    dataset: str
    lines: tuple[Fitted, ...]


class Facts(NamedTuple):
    """All panels; `lines` are those of the whole report, from which looks come, `drawn` the ones in a panel."""

    panels: tuple[Panel, ...]
    lines: Lines
    drawn: Lines


def facts(trials: pd.DataFrame) -> Facts:
    """The two lines of each family with the least error at their largest size, on every dataset."""
    frame = complete(trials)
    found = curves(frame)
    made = []
    for dataset in sorted({curve.dataset for curve in found}):
        best: list[Curve] = []
        for family in FAMILIES:
            of_family = [curve for curve in found if (curve.dataset, curve.family) == (dataset, family)]
            best += sorted(of_family, key=lambda curve: (-curve.sizes[-1], curve.mean[-1]))[:EACH]
        made.append(Panel(dataset, tuple(_fitted(curve) for curve in best)))
    made = [panel for panel in made if panel.lines]
    lines = lines_of(frame)
    labels = {line.measured.label for panel in made for line in panel.lines}
    return Facts(tuple(made), lines, tuple(pair for pair in lines if pair[0] in labels))


def _fitted(curve: Curve) -> Fitted:
    # Half an image: an error of 0 has no place on a log axis.
    least = 0.5 / curve.n_test

    def line(x: Floats, y: Floats, low: Floats, high: Floats) -> Line:
        numbers = [tuple(float(value) for value in np.maximum(part, least)) for part in (y, low, high)]
        return Line(curve.label, curve.family, tuple(float(size) for size in x), numbers[0], numbers[1], numbers[2])

    def plain(x: Floats, y: Floats) -> Line:
        return line(x, y, np.full(len(x), np.nan), np.full(len(x), np.nan))

    nothing = plain(np.empty(0), np.empty(0))
    over_seeds = np.array([t_interval(column) for column in curve.errors.T]).T
    measured = line(curve.sizes, curve.mean, over_seeds[1], over_seeds[2])
    if len(curve.sizes) < 2:
        return Fitted("", measured, nothing, nothing, nothing)
    largest = float(curve.sizes[-1])
    choice = choose(curve.sizes, curve.mean, curve.weights)
    x = np.unique([*np.geomspace(curve.sizes[0], TIMES[-1] * largest, STEPS), largest])
    if choice.form == LAST:
        x = x[x >= largest]
    promised = np.array(promise(curve, x).errors).T
    band = np.where(x >= largest, promised[1:], np.nan)
    continued = line(x, promised[0], band[0], band[1])
    out = np.isin(curve.sizes, choice.held_out)
    held_out = plain(curve.sizes[out], curve.mean[out])
    if choice.form == LAST or not out.any():
        return Fitted(choice.form, measured, continued, held_out, nothing)
    small = curve.up_to(float(curve.sizes[~out][-1]))
    again = np.geomspace(small.sizes[-1], largest, STEPS // 2)
    return Fitted(choice.form, measured, continued, held_out, plain(again, _again(choice.form, small, again)))


def _again(form: str, curve: Curve, at: Floats) -> Floats:
    found = fit(form, curve.sizes, curve.mean, curve.weights)
    return np.full(len(at), np.nan) if found is None else found.predict(at)[0]


def caption(facts: Facts) -> str:
    """How the forms were chosen, and what the marks mean."""
    if not facts.panels:
        return "Nothing to draw: no trial was completed."
    told = [
        f"{panel.dataset}: " + ", ".join(f"{line.measured.label} {line.form}" for line in panel.lines if line.form)
        for panel in facts.panels
        if any(line.form for line in panel.lines)
    ]
    chosen = f" ({'; '.join(told)})" if told else ""
    return (
        "Test error against the number of training images, both on log scales: the two best lines of each family. "
        "Marks are means with 95% t intervals over seeds. Of pow3, pow4, mmf4, wbl4 and the last value, the one was "
        f"chosen that best predicted the ringed sizes from the smaller ones{chosen}; the dotted line is that "
        "prediction. Then it was fitted to all sizes and continued to ten times the largest; the band is a 95% "
        "bootstrap interval over seeds that chooses the form anew. With fewer than four sizes the last value is "
        "carried on. What was never measured is a guess: the table of predictions that could be checked says how good "
        "such guesses were."
    )


def draw(facts: Facts) -> Figure:
    """One panel for each dataset."""
    with style.styled():
        looks = style.looks(facts.lines)
        figure, axes = style.panels(len(facts.panels), style.legend_rows(facts.drawn))
        for axis, panel in zip(axes, facts.panels, strict=True):
            for line in panel.lines:
                _draw(axis, line, looks[line.measured.label])
            sizes = {size for line in panel.lines for size in line.measured.x}
            furthest = max([*sizes, *(size for line in panel.lines for size in line.fit.x)])
            style.size_axis(axis, [*sizes, furthest])
            drawn = [each for line in panel.lines for each in (line.measured, line.fit)]
            values = [value for each in drawn for value in (*each.y, *each.low) if not math.isnan(value)]
            style.log_axis(axis, axis.yaxis, values, "test error")
            axis.set_title(panel.dataset)
        style.legend(figure, facts.drawn, among=facts.lines)
        return figure


def _draw(axis: Axes, line: Fitted, look: Look) -> None:
    style.plot(axis, line.measured, look, joined=False)
    axis.plot(line.fit.x, line.fit.y, color=look.colour, linestyle=look.dash, linewidth=1.3)
    axis.fill_between(line.fit.x, line.fit.low, line.fit.high, color=look.colour, alpha=0.15, linewidth=0)
    axis.plot(line.unseen.x, line.unseen.y, color=look.colour, linestyle=":", linewidth=1.1)
    axis.plot(
        line.held_out.x,
        line.held_out.y,
        color=look.colour,
        linestyle="none",
        marker="o",
        markersize=10.5,
        markerfacecolor="none",
        markeredgewidth=0.9,
    )
