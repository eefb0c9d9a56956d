"""Score against learning rate for each optimizer, from what tuning tried."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from harness.analysis import race
from harness.report.figures import style

NAME = "sensitivity"
TITLE = "Optimizers: score against learning rate"
COLUMNS = 3


class Panel(NamedTuple):
    """One optimizer of one network: for each seed the learning rates that were tried, ascending, and their scores."""

    dataset: str
    network: str
    n_train: int
    optimizer: str
    seeds: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]
    default_rate: float
    decades: float
    others: str


class Facts(NamedTuple):
    """The largest size of each network whose optimizers' learning rates were searched."""

    panels: tuple[Panel, ...]


def facts(trials: pd.DataFrame, tuning: pd.DataFrame) -> Facts:
    """What was tried at the largest size of each network, and the widths of `race.sensitivity`."""
    lines = race.tried(trials, tuning).dropna(subset=["learning_rate"])
    made = []
    for row in race.sensitivity(trials, tuning).itertuples():
        own = lines[
            (lines["dataset"] == row.dataset)
            & (lines["network"] == row.network)
            & (lines["optimizer"] == row.optimizer)
        ]
        if row.n_train != own["n_train"].max():
            continue
        seeds = tuple(
            (tuple(each["learning_rate"]), tuple(each["score"]))
            for _, each in own[own["n_train"] == row.n_train].sort_values("learning_rate").groupby("seed", sort=True)
        )
        made.append(
            Panel(
                str(row.dataset),
                str(row.network),
                int(str(row.n_train)),
                str(row.optimizer),
                seeds,
                float(str(row.default_rate)),
                float(str(row.decades)),
                str(row.others),
            )
        )
    return Facts(tuple(made))


def caption(facts: Facts) -> str:
    """What a point is, and what the width beside a name says."""
    if not facts.panels:
        return "Nothing to draw: no optimizer's learning rate was tuned."
    where = "; ".join(sorted({f"{one.network} on {one.dataset} ({one.n_train:,} images)" for one in facts.panels}))
    others = sorted({name for one in facts.panels for name in one.others.split(", ") if name})
    more = f" Searched besides, so that these are not scores of the rate alone: {', '.join(others)}." if others else ""
    return (
        f"Accuracy on held-out training images of each learning rate that tuning tried, a line for each seed: {where}. "
        "Dotted is the suite's own rate. The number says over how many powers of ten the score stays within "
        f"{race.WITHIN * 100:.0f} points of the best, mean over seeds. A setting that failed counts as 0.{more}"
    )


def draw(facts: Facts) -> Figure:
    """Small panels, three in a row, with common axes."""
    with style.styled():
        columns = min(COLUMNS, len(facts.panels))
        figure, rows = style.grid(math.ceil(len(facts.panels) / columns), columns)
        width, height = figure.get_size_inches()
        figure.set_size_inches(width * 0.75 if columns > 1 else width, height * 0.75 if columns > 1 else height)
        axes = [axis for row in rows for axis in row]
        rates = [rate for panel in facts.panels for tried, _ in panel.seeds for rate in tried]
        for axis in axes[len(facts.panels) :]:
            axis.remove()
        several = len({(panel.dataset, panel.network) for panel in facts.panels}) > 1
        for axis, panel in zip(axes, facts.panels, strict=False):
            for number, (tried, scores) in enumerate(panel.seeds):
                axis.plot(
                    tried,
                    scores,
                    color=style.COLOURS[number % len(style.COLOURS)],
                    marker=style.MARKERS[number % len(style.MARKERS)],
                    linewidth=1.1,
                    markersize=4.5,
                )
            if panel.default_rate > 0:
                axis.axvline(panel.default_rate, color=style.GREY, linewidth=1.0, linestyle=(0, (1, 1.5)))
            style.log_axis(axis, axis.xaxis, rates, "learning rate")
            axis.set_ylim(-0.03, 1.03)
            where = f"{panel.network}, {panel.dataset}: " if several else ""
            axis.set_title(f"{where}{style.shown(panel.optimizer)}, {panel.decades:.1f} decades", fontsize=9)
            axis.set_ylabel("held-out accuracy")
        return figure
