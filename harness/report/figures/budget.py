"""The best of each family within equal budgets of training time and of energy."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.analysis.budget import COSTS, Budgets, Cost, everything
from harness.analysis.frames import complete
from harness.report.figures import style
from harness.report.figures.style import Line, Lines
from harness.report.text import told

NAME = "budget"
TITLE = "Accuracy within equal budgets of training time and energy"
UNITS: dict[Cost, str] = {"seconds": "CPU seconds of training", "joules": "joules of training"}
LINES: Lines = (("best traditional", "traditional"), ("best deep", "deep"))


class Panel(NamedTuple):
    """One kind of budget on one dataset; no lines, and None, where it was not measured for both families."""

    dataset: str
    cost: Cost
    lines: tuple[Line, ...]
    found: Budgets | None


class Facts(NamedTuple):
    """Panels dataset by dataset, seconds before joules."""

    panels: tuple[Panel, ...]


def facts(trials: pd.DataFrame) -> Facts:
    """Compare the families on every dataset that has seconds or joules of both."""
    found = {(each.dataset, each.cost): each for each in everything(complete(trials))}
    made = []
    for dataset in sorted({name for name, _ in found}):
        for cost in COSTS:
            each = found.get((dataset, cost))
            made.append(Panel(dataset, cost, _lines(each) if each else (), each))
    return Facts(tuple(made))


def _lines(found: Budgets) -> tuple[Line, ...]:
    budgets = tuple(point.budget for point in found.points)
    both = (
        [point.traditional for point in found.points],
        [point.deep for point in found.points],
    )
    return tuple(
        Line(label, family, budgets, *(tuple(part) for part in zip(*of_family, strict=True)))
        for (label, family), of_family in zip(LINES, both, strict=True)
    )


def caption(facts: Facts) -> str:
    """What a budget buys, and where the families cross."""
    if not facts.panels:
        return "Nothing to draw: no dataset has training times of both families on one machine's CPU."
    crossed = "; ".join(_crossing(panel.found) for panel in facts.panels if panel.found)
    energy = (
        ""
        if any(panel.found for panel in facts.panels if panel.cost == "joules")
        else " Energy was not measured: no counter told it for both families."
    )
    caveats = [caveat for panel in facts.panels if panel.found for caveat in panel.found.caveats]
    return (
        "Test accuracy of the best pipeline and number of training images whose training costs no more than the "
        "budget: features, fit and, where tuned, the search. Both are chosen on one half of the test images and "
        "scored on the other, and the halves are swapped; bands are 95% bootstrap intervals over seeds. Deep stays "
        f"ahead from: {crossed}.{energy}{told(tuple(dict.fromkeys(caveats)))}"
    )


def _crossing(found: Budgets) -> str:
    least, most = found.points[0].budget, found.points[-1].budget

    def amount(budget: float) -> str:
        if budget == 0:
            return f"below {least:,.3g}"
        return f"above {most:,.3g}" if math.isinf(budget) else f"{budget:,.3g}"

    n_star = found.crossover.n_star
    interval = f" (95% {amount(n_star.low)} to {amount(n_star.high)})" if n_star.known else ""
    return f"{found.dataset} {amount(n_star.value)} {found.cost}{interval}"


def draw(facts: Facts) -> Figure:
    """A row for each dataset, seconds left and joules right."""
    with style.styled():
        looks = style.looks(LINES)
        figure, axes = style.grid(len(facts.panels) // 2, 2, style.legend_rows(LINES))
        flat = [axis for row in axes for axis in row]
        for axis, panel in zip(flat, facts.panels, strict=True):
            axis.set_title(panel.dataset)
            if not panel.lines:
                axis.set_axis_off()
                axis.text(0.5, 0.5, f"{UNITS[panel.cost]}: not measured", ha="center", transform=axis.transAxes)
                continue
            for line in panel.lines:
                style.trace(axis, line, looks[line.label], "steps-post")
                _band(axis, line, looks[line.label].colour)
            values = [value for line in panel.lines for value in line.y if not math.isnan(value)]
            ends = [value for line in panel.lines for value in (*line.low, *line.high)]
            style.accuracy_axis(axis, values, ends, "test accuracy")
            style.log_axis(axis, axis.xaxis, [x for line in panel.lines for x in line.x], UNITS[panel.cost])
        style.legend(figure, LINES)
        return figure


def _band(axis: Axes, line: Line, colour: str) -> None:
    low, high = np.array(line.low), np.array(line.high)
    axis.fill_between(line.x, low, high, step="post", color=colour, alpha=0.15, linewidth=0)
