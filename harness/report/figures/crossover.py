"""Best deep against best traditional pipeline."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from harness.analysis.families import Comparison, compare
from harness.analysis.frames import complete
from harness.report.figures import style

NAME = "crossover"
TITLE = "Best deep against best traditional pipeline"
DEEP, TRADITIONAL = "#d55e00", "#0173b2"
MINUS = "\N{MINUS SIGN}"
TICKS = (1, 2, 5, 10, 20, 50, 100)


class Facts(NamedTuple):
    """The comparison of each dataset that both families ran on."""

    panels: tuple[Comparison, ...]


def facts(trials: pd.DataFrame) -> Facts:
    """Compare the families on every dataset."""
    frame = complete(trials)
    found = [compare(frame, dataset) for dataset in sorted(set(frame["dataset"]))]
    return Facts(tuple(comparison for comparison in found if comparison is not None))


def caption(facts: Facts) -> str:
    """How the best were chosen, what the bars are, where the curves cross."""
    if not facts.panels:
        return "Nothing to draw: no dataset was completed by both families at a common size."
    methods = "; ".join(dict.fromkeys(point.method for panel in facts.panels for point in panel.points))
    return (
        "Test accuracy of the best deep pipeline minus that of the best traditional one, in percentage points. The "
        "best pipeline of a family is chosen at each size on one half of the test images and scored on the other, and "
        f"the halves are swapped; bars are 95% intervals ({methods}). n* is the size from which deep stays ahead, its "
        f"band the 95% interval of {_bootstrap(facts)}. The axis is linear between -1 and 1 point and logarithmic "
        "beyond."
    )


def _bootstrap(facts: Facts) -> str:
    """What the crossovers' intervals rest on, and how often deep stayed ahead nowhere."""
    drawn = [panel for panel in facts.panels if panel.crossover.method]
    if not drawn:
        return "a bootstrap, for which one seed is too few"
    methods = ", ".join(dict.fromkeys(panel.crossover.method for panel in drawn))
    none = ", ".join(f"{panel.dataset} {panel.crossover.probability_none:.0%}" for panel in drawn)
    several = ", ".join(f"{panel.dataset} {panel.crossover.probability_several:.0%}" for panel in drawn)
    return (
        f"a {methods}; share of its draws in which deep is not ahead at the largest size: {none}; in which the curves "
        f"cross more than once: {several}"
    )


def draw(facts: Facts) -> Figure:
    """One panel for each dataset."""
    with style.styled():
        figure, axes = style.panels(len(facts.panels))
        for axis, panel in zip(axes, facts.panels, strict=True):
            _panel(axis, panel)
        return figure


def _panel(axis: Axes, panel: Comparison) -> None:
    sizes = [float(point.n_train) for point in panel.points]
    differences = [point.difference.map(_points) for point in panel.points]
    values = np.array([difference.value for difference in differences])
    bars = np.nan_to_num([[each.value - each.low, each.high - each.value] for each in differences]).T
    style.size_axis(axis, sizes)
    furthest = max((abs(end) for each in differences for end in each if math.isfinite(end)), default=0.0)
    limit = min(max(1.5 * furthest, 1.5), 150.0)
    axis.set_yscale("symlog", linthresh=1)
    axis.set_ylim(-limit, limit)
    ticks = [tick for tick in TICKS if tick <= limit]
    both = [-tick for tick in ticks[::-1]] + [0] + ticks
    axis.yaxis.set_major_locator(FixedLocator(both))
    axis.yaxis.set_major_formatter(FixedFormatter([f"{tick:+d}".replace("-", MINUS) if tick else "0" for tick in both]))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.set_ylabel(f"accuracy, deep {MINUS} traditional (points)")
    axis.axhspan(0, limit, color=DEEP, alpha=0.06, linewidth=0)
    axis.axhspan(-limit, 0, color=TRADITIONAL, alpha=0.06, linewidth=0)
    axis.axhline(0, color=style.GREY, linewidth=1)
    for x, y, side, colour, text in (
        (0.02, 0.95, "left", DEEP, "deep is ahead"),
        (0.98, 0.05, "right", TRADITIONAL, "traditional is ahead"),
    ):
        paper = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
        axis.text(x, y, text, color=colour, transform=axis.transAxes, ha=side, va="center", fontsize=8, bbox=paper)
    axis.errorbar(sizes, values, yerr=bars, color="#222222", marker="o", markersize=5, linewidth=1.5, elinewidth=1.2)
    axis.set_title(f"{panel.dataset}: n* {_n_star(panel)}")
    n_star = panel.crossover.n_star
    left, right = axis.get_xlim()
    if n_star.known and n_star.low < n_star.high:
        axis.axvspan(max(n_star.low, left), min(n_star.high, right), color=style.GREY, alpha=0.15, linewidth=0)
    if 0 < n_star.value < math.inf:
        axis.axvline(n_star.value, color=style.GREY, linewidth=1, linestyle=":")


def _points(share: float) -> float:
    return 100 * share


def _n_star(panel: Comparison) -> str:
    value = panel.crossover.n_star.value
    if value == 0:
        return f"below {panel.points[0].n_train:,}"
    return f"above {panel.points[-1].n_train:,}" if math.isinf(value) else f"= {value:,.0f}"
