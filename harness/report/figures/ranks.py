"""Average ranks of the pipelines, under bars that join those not told apart: a critical-difference diagram."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from harness.analysis import ranks
from harness.analysis.frames import complete, lines_of
from harness.report.figures import style
from harness.report.figures.style import Lines

NAME = "ranks"
TITLE = "Average ranks"


class Panel(NamedTuple):
    """All ranked pipelines, the best first; `groups` are the first and last positions of those not told apart."""

    ranks: tuple[tuple[str, float], ...]
    groups: tuple[tuple[int, int], ...]
    critical_difference: float


class Facts(NamedTuple):
    """One panel, or none where nothing can be ranked; what the ranking says; whether it is more than a description."""

    panels: tuple[Panel, ...]
    lines: Lines
    sentence: str
    sufficient: bool


def facts(trials: pd.DataFrame) -> Facts:
    """The ranking of `harness.analysis.ranks`; groups are given where datasets suffice for a test."""
    frame = complete(trials)
    found = ranks.ranking(frame)
    if found is None:
        return Facts((), (), "", False)
    order = list(found.ranks.index)
    groups = tuple((order.index(group[0]), order.index(group[-1])) for group in found.groups)
    panel = Panel(
        tuple((str(label), float(value)) for label, value in found.ranks.items()),
        groups if found.sufficient else (),
        found.critical_difference,
    )
    family = frame.drop_duplicates("label").set_index("label")["family"]
    drawn = tuple(pair for pair in lines_of(frame) if pair[0] in order)
    failed = tuple((label, str(family[label])) for label in order if label not in dict(drawn))
    return Facts((panel,), drawn + failed, ranks.sentence(found), found.sufficient)


def caption(facts: Facts) -> str:
    """What is shown, and whether it is a test or a description."""
    if not facts.panels:
        return "Nothing to draw: fewer than two pipelines were run on two common datasets or sizes."
    bars = (
        "Each grey bar spans pipelines whose ranks are nearer than the critical difference. "
        if facts.sufficient
        else "No bars are drawn, for there are too few datasets to tell ranks apart. "
    )
    return (
        f"{facts.sentence} Rank 1 is the most accurate; a pipeline that failed in a block is last in it. {bars}"
        "Left out are pipelines that were run in fewer than half of the blocks, and blocks that lack one of the others."
    )


def draw(facts: Facts) -> Figure:
    """A row for each pipeline, the best on top, its average rank as a point."""
    with style.styled():
        looks = style.looks(facts.lines)
        panel = facts.panels[0]
        count = len(panel.ranks)
        figure = Figure(figsize=(style.SINGLE[0], 1.2 + 0.26 * count + 0.13 * len(panel.groups)), layout="constrained")
        axes = figure.subplots()
        for position, (label, value) in enumerate(panel.ranks):
            look = looks[label]
            axes.plot(
                [value],
                [position],
                color=look.colour,
                marker=look.marker,
                markersize=7,
                markeredgewidth=1.3,
                markerfacecolor="white" if look.hollow else look.colour,
                zorder=3,
            )
        # Above the rows, as Demsar 2006 draws them over an axis of ranks: best groups nearest to the rows.
        for level, (best, worst) in enumerate(panel.groups):
            ends = [panel.ranks[best][1], panel.ranks[worst][1]]
            axes.plot(ends, [-1 - 0.5 * level] * 2, color=style.GREY, linewidth=3, solid_capstyle="butt")
        axes.set_yticks(range(count), [style.shown(label) for label, _ in panel.ranks])
        axes.set_ylim(count - 0.5, -0.5 - 0.5 * (len(panel.groups) + bool(panel.groups)))
        axes.set_xlim(0.7, count + 0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("average rank (1 is best)" + ("" if facts.sufficient else ", descriptive"))
        return figure
