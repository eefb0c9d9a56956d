"""Handcrafted and learned features under the same classifiers, and accuracy against handcrafted choices tried."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from harness.analysis import swap
from harness.analysis.frames import complete
from harness.analysis.intervals import Interval
from harness.report.figures import style
from harness.report.figures.style import Line, Lines

NAME = "swap"
TITLE = "Features by hand against learned ones"
NETWORK = "network on pixels"
ORIGINS = (*swap.ORIGINS, swap.NETWORK)
# What the table calls what the figure has no room for.
NAMES = {swap.NETWORK: "end to end"}


class Matrix(NamedTuple):
    """The best accuracy of every origin of features (columns) under every classifier (rows); NaN where not run."""

    dataset: str
    n_train: int
    classifiers: tuple[str, ...]
    origins: tuple[str, ...]
    accuracies: tuple[tuple[float, ...], ...]


class Tried(NamedTuple):
    """Accuracy of the best of k handcrafted features, a line for each classifier, and of the network with none."""

    dataset: str
    n_train: int
    lines: tuple[Line, ...]
    network: Interval


class Facts(NamedTuple):
    """The matrix at the size that decides, the choices at the size at which most were tried."""

    matrices: tuple[Matrix, ...]
    tried: tuple[Tried, ...]
    lines: Lines

    @property
    def panels(self) -> tuple[Matrix | Tried, ...]:
        """Everything that is drawn, in its order."""
        return (*self.matrices, *self.tried)


def facts(trials: pd.DataFrame) -> Facts:
    """Of each dataset: the untuned pipelines, or the tuned ones where the verdict had to use these."""
    frame = complete(trials)
    table = swap.matrix(frame)
    matrices = tuple(_matrix(table, each) for each in swap.swapped(frame))
    tried = tuple(_tried(each) for each in swap.choices(frame))
    labels = dict.fromkeys(line.label for each in tried for line in each.lines)
    return Facts(matrices, tried, tuple((label, "traditional") for label in labels))


def _matrix(table: pd.DataFrame, of: swap.Swap) -> Matrix:
    cells = table[
        (table["dataset"] == of.dataset)
        & (table["n_train"] == of.n_train)
        & (table["tuned"] == ("yes" if of.tuned else ""))
    ]
    found = {
        (classifier, origin): accuracy
        for classifier, origin, accuracy in zip(cells["classifier"], cells["origin"], cells["accuracy"], strict=True)
    }
    classifiers = (
        *sorted({name for name, _ in found} - {"network"}),
        *(["network"] * ("network" in set(cells["classifier"]))),
    )
    origins = tuple(origin for origin in ORIGINS if any(key[1] == origin for key in found))
    values = tuple(tuple(found.get((name, origin), math.nan) for origin in origins) for name in classifiers)
    return Matrix(of.dataset, of.n_train, classifiers, origins, values)


def _tried(choice: swap.Choice) -> Tried:
    lines = []
    for of in choice.by_classifier:
        y, low, high = (tuple(each[part] for each in of.expected) for part in range(3))
        lines.append(
            Line(of.classifier, "traditional", tuple(float(k) for k in range(1, choice.tried + 1)), y, low, high)
        )
    return Tried(choice.dataset, choice.n_train, tuple(lines), choice.network)


def caption(facts: Facts) -> str:
    """How the best were chosen, and what stands on the axes."""
    if not facts.panels:
        return "Nothing to draw: no handcrafted and learned features under the same classifier, nor several by hand."
    said = []
    if facts.matrices:
        said.append(
            "Test accuracy of the best pipeline of each origin of features under each classifier, mean over seeds; "
            "random and shuffled features are controls."
        )
    if facts.tried:
        said.append(
            "Accuracy of the best of k handcrafted features, the average over all ways of drawing k of those tried, "
            "mean over seeds with 95% t intervals; the broken line is the best network on raw pixels, which tries none."
        )
    said.append(
        "What is best is chosen on one half of the test images and scored on the other, and the halves are swapped."
    )
    return " ".join(said)


def draw(facts: Facts) -> Figure:
    """A panel with the matrix of each dataset, then one with its choices."""
    with style.styled():
        looks = style.looks(facts.lines)
        figure, axes = style.panels(len(facts.panels), style.legend_rows(facts.lines) if facts.lines else 0)
        for axis, panel in zip(axes, facts.panels, strict=True):
            if isinstance(panel, Matrix):
                _draw_matrix(axis, panel)
                continue
            for line in panel.lines:
                style.plot(axis, line, looks[line.label])
            _draw_network(axis, panel.network)
            values = [value for line in panel.lines for value in line.y]
            ends = [end for line in panel.lines for end in (*line.low, *line.high)]
            level = [value for value in panel.network if not math.isnan(value)]
            style.accuracy_axis(axis, [*values, *level[:1]], [*ends, *level], "accuracy")
            axis.set_xlabel("handcrafted features tried")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            axis.set_title(f"{panel.dataset}, {panel.n_train:,} images")
        if facts.lines:
            style.legend(figure, facts.lines)
        return figure


def _draw_network(axis: Axes, network: Interval) -> None:
    if math.isnan(network.value):
        return
    axis.axhline(network.value, color=style.COLOURS[1], linestyle=style.BROKEN[0], linewidth=1.4)
    if network.known:
        axis.axhspan(network.low, network.high, color=style.COLOURS[1], alpha=0.12, linewidth=0)
    axis.annotate(
        NETWORK,
        (1.0, network.value),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        color=style.COLOURS[1],
        fontsize=8,
    )


def _draw_matrix(axis: Axes, panel: Matrix) -> None:
    values = np.array(panel.accuracies)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    axis.imshow(
        values, cmap="Blues", vmin=low - 0.3 * (high - low) - 0.01, vmax=high + 0.3 * (high - low) + 0.01, aspect="auto"
    )
    axis.grid(visible=False)
    axis.set_xticks(
        range(len(panel.origins)), [NAMES.get(origin, origin) for origin in panel.origins], rotation=30, ha="right"
    )
    axis.set_yticks(range(len(panel.classifiers)), _short(panel.classifiers))
    for row, column in np.ndindex(*values.shape):
        if not np.isnan(values[row, column]):
            ink = "white" if 2 * values[row, column] > low + high else "#111111"
            axis.text(column, row, f"{values[row, column]:.3f}", ha="center", va="center", fontsize=8, color=ink)
    axis.set_title(f"{panel.dataset}, {panel.n_train:,} images")


def _short(classifiers: Sequence[str]) -> list[str]:
    """Their names without parameters where these tell none apart."""
    bare = [name.partition("(")[0] for name in classifiers]
    return [
        style.shown(short if bare.count(short) == 1 else name) for short, name in zip(bare, classifiers, strict=True)
    ]
