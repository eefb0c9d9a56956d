"""What the figures share: colours and markers that tell lines apart without colour, axes, legends."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import matplotlib
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter, NullLocator

from harness.analysis.intervals import Floats

Lines: TypeAlias = tuple[tuple[str, str], ...]
Dash: TypeAlias = tuple[float, tuple[float, ...]]

# Okabe and Ito's colours as seaborn's "colorblind" palette has them, without its yellow (too pale on white), and three
# of Paul Tol's muted ones.
COLOURS = (
    "#0173b2", "#d55e00", "#029e73", "#cc78bc", "#de8f05", "#56b4e9", "#882255", "#949494", "#332288", "#ca9161",
    "#222222", "#999933",
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")
SOLID: Dash = (0, ())
BROKEN: tuple[Dash, ...] = ((0, (3.5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
GREY = "#555555"
INK = {
    "svg.fonttype": "none",
    "svg.hashsalt": "harness",
    "text.parse_math": False,  # names come from a suite: a dollar sign is a dollar sign
    # Comes with matplotlib: the layout is the same on every machine.
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.titlesize": 10.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "grid.color": "#e4e4e4",
    "axes.edgecolor": "#888888",
    "xtick.bottom": True,
    "ytick.left": True,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "axes.unicode_minus": True,
}
PANEL = (4.4, 3.5)
SINGLE = (6.4, 4.2)
LEGEND = 1.9


class Look(NamedTuple):
    """How one line is drawn.

    A broken line says that it is deep, a hollow marker that it learns features; colour and marker say which it is.
    """

    colour: str
    marker: str
    dash: Dash
    hollow: bool


class Line(NamedTuple):
    """One line of a panel; `low` and `high` are NaN where no interval can be given."""

    label: str
    family: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """seaborn's white grid with this project's sizes; figures must be made and saved inside."""
    rc: dict[Any, Any] = {**sns.axes_style("whitegrid"), **INK}
    with matplotlib.rc_context(rc):
        yield


def looks(lines: Lines) -> dict[str, Look]:
    """A look for every line, the same in all figures of a report.

    `vgg16/adam` takes its colour from the optimizer, its marker and dash from the network, so that many stay readable;
    where there are more optimizers than colours, they come again with other markers.
    """
    bases = list(dict.fromkeys(label.partition("/")[0] for label, _ in lines))
    networks = list(dict.fromkeys(label.partition("/")[0] for label, family in lines if family == "deep"))
    hues = list(dict.fromkeys(label.partition("/")[2] or label for label, _ in lines))
    made = {}
    for label, family in lines:
        base, _, variant = label.partition("/")
        again, hue = divmod(hues.index(variant or label), len(COLOURS))
        made[label] = Look(
            COLOURS[hue],
            MARKERS[(bases.index(base) + again * len(bases)) % len(MARKERS)],
            BROKEN[networks.index(base) % len(BROKEN)] if family == "deep" else SOLID,
            family != "traditional",
        )
    return made


def grid(rows: int, columns: int, legend_rows: int = 0) -> tuple[Figure, list[list[Axes]]]:
    """A figure of equal panels, with room on the right for a legend of so many rows (0: none)."""
    panel = SINGLE if rows == columns == 1 else PANEL
    width = columns * panel[0] + (LEGEND if legend_rows else 0)
    figure = Figure(figsize=(width, max(rows * panel[1], legend_rows * 0.19 + 0.4)), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    sns.despine(figure)
    return figure, [list(row) for row in axes]


def panels(count: int, legend_rows: int = 0) -> tuple[Figure, list[Axes]]:
    """Small multiples, two in a row; superfluous axes removed."""
    columns = min(count, 2)
    figure, axes = grid(math.ceil(count / columns), columns, legend_rows)
    flat = [axis for row in axes for axis in row]
    for axis in flat[count:]:
        axis.remove()
    return figure, flat[:count]


def plot(axes: Axes, line: Line, look: Look, *, joined: bool = True) -> None:
    """Draw a line with its intervals as bars, or its points only."""
    y, low, high = (np.array(part) for part in (line.y, line.low, line.high))
    bars = np.nan_to_num(np.array([y - low, high - y]), nan=0.0)
    axes.errorbar(
        line.x,
        y,
        yerr=bars if bars.any() else None,
        color=look.colour,
        linestyle=look.dash if joined else "none",
        linewidth=1.5,
        elinewidth=1.1,
        marker=look.marker,
        markersize=5.5,
        markeredgewidth=1.3,
        markerfacecolor="white" if look.hollow else look.colour,
    )


def trace(axes: Axes, line: Line, look: Look, drawstyle: str = "default") -> None:
    """Draw a line of many points, such as epochs, with a marker at some of them; it has no intervals."""
    axes.plot(
        line.x,
        line.y,
        drawstyle=drawstyle,
        color=look.colour,
        linestyle=look.dash,
        linewidth=1.4,
        marker=look.marker,
        markevery=max(1, len(line.x) // 8),
        markersize=4.5,
        markerfacecolor="white" if look.hollow else look.colour,
        markeredgewidth=1.1,
    )


def legend_rows(lines: Lines) -> int:
    """How many rows `legend` takes for these lines."""
    return len(lines) + len({family for _, family in lines})


def legend(figure: Figure, lines: Lines, notes: Mapping[str, str] | None = None, *, among: Lines = ()) -> None:
    """A legend right of the panels, one heading for each family; a label's note stands behind it.

    Where not all lines of a report are drawn, `among` are all of them, so that looks stay the same.
    """
    look_of = looks(among or lines)
    handles: list[Line2D] = []
    labels: list[str] = []
    headings: list[int] = []
    for family in dict.fromkeys(family for _, family in lines):
        headings.append(len(labels))
        handles.append(Line2D([], [], linestyle="none"))
        labels.append(family)
        for label in (name for name, of in lines if of == family):
            look = look_of[label]
            handles.append(
                Line2D(
                    [],
                    [],
                    color=look.colour,
                    linestyle=look.dash,
                    linewidth=1.5,
                    marker=look.marker,
                    markersize=5.5,
                    markeredgewidth=1.3,
                    markerfacecolor="white" if look.hollow else look.colour,
                )
            )
            labels.append(f"{shown(label)}  {(notes or {}).get(label, '')}".rstrip())
    made = figure.legend(handles, labels, loc="outside right upper", frameon=False, handlelength=3.2, labelspacing=0.4)
    for position in headings:
        made.get_texts()[position].set_fontweight("bold")


def shown(label: str, width: int = 26) -> str:
    """A name as a legend can hold it: long ones lose their middle (and matplotlib hides those that begin with `_`)."""
    half = (width - 1) // 2
    short = label if len(label) <= width else f"{label[:half]}…{label[-half:]}"
    return f" {short}" if short.startswith("_") else short


def size_axis(axes: Axes, sizes: Sequence[float], label: str = "training images") -> None:
    """A log axis with a tick at every measured size, and a label where there is room for one."""
    ordered = sorted(set(sizes))
    low, high = ordered[0], ordered[-1]
    pad = 1.25 if low < high else 2.0
    axes.set_xscale("log")
    axes.set_xlim(low / pad, high * pad)
    span = math.log(high * pad * pad / low)
    names: list[str] = []
    place = math.inf
    for size in reversed(ordered):
        here = math.log(size) / span
        # Labels are centred on their ticks: half of each must fit between two.
        room = 0.018 * len(f"{size:,.0f}") + 0.02
        fits = place - here >= room
        names.append(f"{size:,.0f}" if fits else "")
        place = here if fits else place
    axes.xaxis.set_major_locator(FixedLocator(ordered))
    axes.xaxis.set_major_formatter(FixedFormatter(names[::-1]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(f"{label} (log scale)")


def log_axis(axes: Axes, axis: Axis, values: Sequence[float], label: str) -> None:
    """A log axis over these values with ticks written out (0.1, 1, 10), and more of them where it spans little."""
    known = [value for value in values if value > 0 and math.isfinite(value)]
    low, high = min(known), max(known)
    pad = max(1.25, 2 / math.sqrt(high / low))
    low, high = low / pad, high * pad
    span = high / low
    steps = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if span < 10 else (1.0, 2.0, 5.0) if span < 300 else (1.0,)
    ticks = [
        step * 10.0**power
        for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for step in steps
        if low <= step * 10.0**power <= high
    ]
    scale, limits = (axes.set_xscale, axes.set_xlim) if axis is axes.xaxis else (axes.set_yscale, axes.set_ylim)
    scale("log")
    limits(low, high)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([f"{tick:,.10g}" for tick in ticks]))
    axis.set_minor_locator(NullLocator())
    axis.set_label_text(f"{label} (log scale)")


ACCURACIES = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998)


def accuracy_axis(axes: Axes, accuracies: Sequence[float], ends: Sequence[float], label: str) -> None:
    """An accuracy axis spaced by log error where the best exceed 0.9, else plain.

    From 0.90 to 0.99 then takes as much room as from 0.99 to 0.999: on a plain axis all good pipelines are one line.

    Parameters
    ----------
    accuracies, ends : sequence of float
        What is drawn, and the ends of its intervals (NaN are passed over).
    """
    values = [value for value in [*accuracies, *ends] if not math.isnan(value)]
    low, high = max(min(values), 0.0), min(max(values), 1.0)
    axes.set_ylabel(label)
    if max(accuracies) <= 0.9:
        room = max((high - low) * 0.06, 0.01)
        axes.set_ylim(max(low - room, 0), min(high + room, 1))
        return
    below_one = [1 - value for value in values if value < 1]
    least = min([*below_one, 0.01]) / (1.5 if high < 1 else 3)
    most = min(max([*below_one, 4 * least]) * 1.2, 1.0)

    def forward(accuracy: Floats) -> Floats:
        return np.asarray(-np.log10(np.maximum(1 - np.asarray(accuracy, dtype=float), least)))

    def inverse(height: Floats) -> Floats:
        return np.asarray(1 - 10.0 ** -np.asarray(height, dtype=float))

    axes.set_yscale("function", functions=(forward, inverse))
    axes.set_ylim(1 - most, 1 - least)
    room = 0.06 * math.log10(most / least)
    ticks: list[float] = []
    for tick in reversed(ACCURACIES):
        apart = not ticks or math.log10((1 - tick) / (1 - ticks[-1])) >= room
        if 1 - most <= tick <= 1 - least and apart:
            ticks.append(tick)
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel(f"{label} (spaced by log error)")
