"""Epochs that each optimizer took to a target accuracy, with Keras's learning rate and with a tuned one."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from harness.analysis import race
from harness.analysis.intervals import Interval
from harness.report.figures import style

NAME = "race"
TITLE = "Optimizers: epochs to a target accuracy"
METRICS = {"val_accuracy": "validation accuracy", "accuracy": "training accuracy"}


class Entrant(NamedTuple):
    """One optimizer's median epochs to the target, as the suite has it and tuned; None where it was not run so."""

    optimizer: str
    default: Interval | None
    tuned: Interval | None


class Panel(NamedTuple):
    """One network on one dataset at one size, the target, and the most epochs that any run was watched."""

    dataset: str
    network: str
    n_train: int
    metric: str
    target: float
    longest: float
    entrants: tuple[Entrant, ...]


class Facts(NamedTuple):
    """The networks with two optimizers or more."""

    panels: tuple[Panel, ...]


def facts(trials: pd.DataFrame, epochs: pd.DataFrame) -> Facts:
    """Of each network the highest target to which half of the medians are known, or else the lowest target."""
    runs, medians = race.runs(trials, epochs), race.targets(trials, epochs)
    made = []
    for key, group in medians.groupby(race.PROBLEM, sort=True):
        dataset, network, n_train = key
        known = group.groupby("target")["epochs"].agg(lambda values: values.map(math.isfinite).mean())
        target = max(known.index[known >= 0.5], default=known.index.min())
        rows = group[group["target"] == target]
        own = runs[(runs["dataset"] == dataset) & (runs["network"] == network) & (runs["n_train"] == n_train)]
        found = {
            (str(row["optimizer"]), str(row["setting"])): race.interval(row, "epochs") for _, row in rows.iterrows()
        }
        entrants = [
            Entrant(name, found.get((name, "default")), found.get((name, "tuned")))
            for name in sorted({name for name, _ in found})
        ]
        longest = float(own["epochs"].max())
        # The soonest on top; those that never got there last.
        entrants.sort(key=lambda entrant: (_soonest(entrant), entrant.optimizer))
        metric = str(rows["metric"].iloc[0])
        made.append(
            Panel(str(dataset), str(network), int(str(n_train)), metric, float(target), longest, tuple(entrants))
        )
    return Facts(tuple(made))


def _soonest(entrant: Entrant) -> float:
    return min(found.value for found in (entrant.default, entrant.tuned) if found is not None)


def caption(facts: Facts) -> str:
    """What a median is, and what stands for runs that did not get there."""
    if not facts.panels:
        return "Nothing to draw: no network ran with two optimizers."
    where = "; ".join(
        f"{panel.network} on {panel.dataset} ({panel.n_train:,} images): {METRICS[panel.metric]} of {panel.target:g}"
        for panel in facts.panels
    )
    return (
        f"Epochs until an accuracy was reached for the first time, soonest on top: {where}. Medians over seeds with "
        "their 95% interval; hollow with the suite's learning rate, filled with a tuned one, an arrow from the one to "
        "the other. A run that did not get there, diverged or was cut off is censored, not left out (Kaplan and "
        "Meier): where the median lies beyond all that was watched, a triangle stands at the right edge."
    )


def draw(facts: Facts) -> Figure:
    """A panel for each network, a line for each optimizer."""
    with style.styled():
        figure, axes = style.panels(len(facts.panels))
        for axis, panel in zip(axes, facts.panels, strict=True):
            edge = panel.longest * 1.12
            for height, entrant in enumerate(reversed(panel.entrants)):
                _entrant(axis, height, entrant, edge)
            axis.set_yticks(range(len(panel.entrants)), [style.shown(e.optimizer) for e in reversed(panel.entrants)])
            axis.set_ylim(-0.6, len(panel.entrants) - 0.4)
            axis.set_xlim(0, panel.longest * 1.18)
            axis.axvline(panel.longest, color=style.GREY, linewidth=0.8, linestyle=(0, (2, 2)))
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            axis.set_xlabel(f"epochs to {METRICS[panel.metric]} {panel.target:g}")
            axis.set_title(f"{panel.network}, {panel.dataset}, {panel.n_train:,} images")
        handles = [
            _marker("default", filled=False, beyond=False),
            _marker("tuned", filled=True, beyond=False),
            _marker("not reached", filled=False, beyond=True),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
        return figure


def _marker(label: str, *, filled: bool, beyond: bool) -> Line2D:
    face = style.COLOURS[0] if filled else "white"
    return Line2D([], [], color=style.COLOURS[0], marker=">" if beyond else "o", linestyle="none",
                  markerfacecolor=face, markeredgewidth=1.3, markersize=6, label=label)  # fmt: skip


def _entrant(axis: Axes, height: float, entrant: Entrant, edge: float) -> None:
    """One optimizer's two medians, a little apart, and the arrow between them."""
    places = {}
    for found, filled, apart in ((entrant.default, False, 0.14), (entrant.tuned, True, -0.14)):
        if found is None:
            continue
        beyond = not math.isfinite(found.value)
        x, y = edge if beyond else found.value, height + apart
        places[filled] = (x, y)
        if not beyond and math.isfinite(found.low):
            high = found.high if math.isfinite(found.high) else edge
            axis.plot([found.low, high], [y, y], color=style.COLOURS[0], linewidth=1.1)
        made = _marker("", filled=filled, beyond=beyond)
        made.set_data([x], [y])
        made.set_zorder(3)
        axis.add_line(made)
    if len(places) == 2 and places[True][0] != places[False][0]:
        axis.annotate("", places[True], places[False], arrowprops={"arrowstyle": "->", "color": style.GREY, "lw": 0.9})
