"""Optimizers of one network against epochs and seconds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from harness.analysis.frames import complete, complete_epochs
from harness.analysis.timing import comparable
from harness.report.figures import style
from harness.report.figures.style import Line, Lines
from harness.report.text import told

NAME = "optimizers"
TITLE = "Optimizers of one network"
METRICS = {"val_accuracy": "validation accuracy", "loss": "training loss"}


class Panel(NamedTuple):
    """One network on one dataset at one size: means over seeds against epochs, and against seconds."""

    dataset: str
    model: str
    n_train: int
    metric: str
    by_epoch: tuple[Line, ...]
    by_second: tuple[Line, ...]


class Facts(NamedTuple):
    """All networks with two optimizers or more, learning rates by line, and trials of theirs that did not end well.

    `caveats` say what was left out of the times, or not checked.
    """

    panels: tuple[Panel, ...]
    lines: Lines
    rates: dict[str, str]
    lost: tuple[tuple[str, int], ...]
    caveats: tuple[str, ...] = ()


def facts(trials: pd.DataFrame, epochs: pd.DataFrame) -> Facts:
    """Training histories at the largest size at which a network ran with two optimizers or more."""
    times = comparable(complete(trials))
    frame, history = times.rows, complete_epochs(epochs)
    deep = frame[(frame["status"] != "skipped") & (frame["optimizer"] != "")]
    good = deep[deep["status"] == "ok"].set_index("trial_id")
    history = history[history["trial_id"].isin(good.index)]
    history = history.assign(line=history["trial_id"].map(good["label"]).astype(object))
    made: list[Panel] = []
    rates: dict[str, str] = {}
    lost: dict[str, int] = {}
    for (dataset, model), of_model in history.groupby(["dataset", "model"], sort=True):
        optimizers = of_model.groupby("n_train")["optimizer"].nunique()
        if optimizers.empty or optimizers.max() < 2:
            continue
        n_train = optimizers[optimizers > 1].index.max()
        part = of_model[of_model["n_train"] == n_train]
        metric = "val_accuracy" if part["val_accuracy"].notna().any() else "loss"
        lines = [_lines(str(label), rows, metric) for label, rows in part.groupby("line", sort=True)]
        lines = [pair for pair in lines if pair[0].x]
        made.append(
            Panel(
                str(dataset),
                str(model),
                int(n_train),
                metric,
                tuple(pair[0] for pair in lines),
                tuple(pair[1] for pair in lines),
            )
        )
        planned = deep[(deep["dataset"] == dataset) & (deep["model"] == model) & (deep["n_train"] == n_train)]
        for label, rows in good[good.index.isin(part["trial_id"])].groupby("label"):
            rates[str(label)] = _rate(rows["learning_rate"])
        for label, rows in planned[planned["status"] != "ok"].groupby("label"):
            lost[str(label)] = lost.get(str(label), 0) + len(rows)
    drawn = tuple((label, "deep") for label in sorted(rates))
    return Facts(tuple(made), drawn, rates, tuple(sorted(lost.items())), times.left_behind)


def _rate(rates: pd.Series) -> str:
    known = rates.dropna()
    if known.empty:
        return ""
    low, high = known.min(), known.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _lines(label: str, rows: pd.DataFrame, metric: str) -> tuple[Line, Line]:
    means = rows.dropna(subset=[metric]).groupby("epoch")[[metric, "seconds"]].mean()
    # Seeds that stopped early would leave the mean to the others: end where the first one does.
    common = rows.groupby("trial_id")["epoch"].max().min()
    means = means[means.index <= common]
    y = tuple(means[metric])
    nothing = (np.nan,) * len(y)
    epoch = Line(label, "deep", tuple(float(number) for number in means.index), y, nothing, nothing)
    return epoch, epoch._replace(x=tuple(means["seconds"]))


def caption(facts: Facts) -> str:
    """What is shown of each network, and what is missing."""
    if not facts.panels:
        return "Nothing to draw: no network ran with two optimizers."
    networks = "; ".join(
        f"{panel.model} on {panel.dataset} ({panel.n_train:,} images): {METRICS[panel.metric]}"
        for panel in facts.panels
    )
    lost = ""
    if facts.lost:
        counts = ", ".join(f"{label} ({count})" for label, count in facts.lost)
        lost = f" Left out are trials that did not end well: {counts}; the list of failures says why."
    return (
        "Means over seeds after each epoch, left against epochs and right against seconds since the fit began: "
        f"{networks}. The number behind a name is its learning rate. "
        f"A line ends where the first of its seeds stopped.{lost}{told(facts.caveats)}"
    )


def draw(facts: Facts) -> Figure:
    """A row for each network, epochs left and seconds right."""
    with style.styled():
        looks = style.looks(facts.lines)
        figure, axes = style.grid(len(facts.panels), 2, style.legend_rows(facts.lines))
        for row, panel in zip(axes, facts.panels, strict=True):
            values = [value for line in panel.by_epoch for value in line.y]
            for axis, lines in zip(row, (panel.by_epoch, panel.by_second), strict=True):
                for line in lines:
                    style.trace(axis, line, looks[line.label])
                if panel.metric == "loss":
                    style.log_axis(axis, axis.yaxis, values, METRICS["loss"])
                else:
                    style.accuracy_axis(axis, values, [], METRICS["val_accuracy"])
                axis.set_xlim(left=0)
                axis.set_title(f"{panel.model}, {panel.dataset}, {panel.n_train:,} images")
            row[0].set_xlabel("epochs")
            row[0].xaxis.set_major_locator(MaxNLocator(integer=True))
            row[1].xaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
            row[1].set_xlabel("seconds since the fit began")
        style.legend(figure, facts.lines, facts.rates)
        return figure
