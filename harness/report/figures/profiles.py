"""Performance profiles: the share of problems that each solver solves within a factor of the fastest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from harness.analysis.profiles import profile
from harness.report.figures import style
from harness.report.figures.style import Line, Lines

NAME = "profiles"
TITLE = "Performance profiles"
# How far right of its last step a profile goes on.
BEYOND = 1.3


class Panel(NamedTuple):
    """The profiles of all solvers: shares of problems (y) by factor of the fastest (x), as steps."""

    profiles: tuple[Line, ...]
    problems: int


class Facts(NamedTuple):
    """One panel, or none where no problem was given to two solvers; what was left out."""

    panels: tuple[Panel, ...]
    lines: Lines
    left_out: int
    solvers_left_out: tuple[str, ...]


def facts(costs: pd.DataFrame) -> Facts:
    """Profiles of a frame of `problem`, `solver`, `cost`, `censored`, and `family` if solvers belong to families.

    For pipelines the frame is that of `harness.analysis.profiles.to_target`.
    """
    found = profile(costs)
    families = dict(zip(costs["solver"], costs["family"], strict=True)) if "family" in costs.columns else {}
    if found.ratios.shape[1] < 2 or found.ratios.empty:
        return Facts((), (), found.left_out, found.solvers_left_out)
    finite = found.ratios.to_numpy()[np.isfinite(found.ratios.to_numpy())]
    last = float(finite.max(initial=1.0)) * BEYOND
    lines = []
    for solver in found.ratios.columns:
        factors, shares = found.steps(solver)
        at_once = float(shares[0]) if len(shares) and factors[0] <= 1 else 0.0
        later = factors > 1
        x = (1.0, *map(float, factors[later]), last)
        y = (at_once, *map(float, shares[later]), float(shares[-1]) if len(shares) else 0.0)
        nothing = (np.nan,) * len(x)
        lines.append(Line(str(solver), str(families.get(solver, "solvers")), x, y, nothing, nothing))
    pairs = sorted(
        ((line.label, line.family) for line in lines), key=lambda pair: (pair[1] == "deep", pair[1], pair[0])
    )
    return Facts((Panel(tuple(lines), len(found.ratios)),), tuple(pairs), found.left_out, found.solvers_left_out)


def caption(facts: Facts) -> str:
    """How to read it, and what is not in it."""
    gone = ""
    if facts.left_out:
        gone += f" Left out, for not all of them were given it: {facts.left_out:,} more."
    if facts.solvers_left_out:
        gone += f" Given to fewer than half of the problems, and left out: {', '.join(facts.solvers_left_out)}."
    if not facts.panels:
        return f"Nothing to draw: no problem was given to two of those compared.{gone}"
    return (
        f"Share of the {facts.panels[0].problems:,} problems that each solves within a factor of the fastest on that "
        "problem (Dolan and Moré 2002). At factor 1: how often it is the fastest; far right: how often it succeeds. "
        "Failures, timeouts and misses of the target count as never. Of two that are not the fastest, the order can "
        f"depend on which others are compared.{gone}"
    )


def draw(facts: Facts) -> Figure:
    """One panel of steps over a log axis of factors."""
    with style.styled():
        looks = style.looks(facts.lines)
        figure, axes = style.grid(1, 1, style.legend_rows(facts.lines))
        axis, panel = axes[0][0], facts.panels[0]
        for line in panel.profiles:
            style.trace(axis, line, looks[line.label], "steps-post")
        style.log_axis(
            axis, axis.xaxis, [x for line in panel.profiles for x in line.x], "times the cost of the fastest"
        )
        axis.set_xlim(left=1)
        axis.set_ylim(-0.03, 1.03)
        axis.set_ylabel("share of problems")
        style.legend(figure, facts.lines)
        return figure
