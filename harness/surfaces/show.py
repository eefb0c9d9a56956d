"""The ways of the optimizers as a figure, an animation, a table, and a page that says what they are."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from harness.errors import MisuseError
from harness.files import write_atomic, write_text
from harness.report.figures import style
from harness.report.tables import as_text
from harness.surfaces.surfaces import SURFACES, Surface
from harness.surfaces.trajectories import OPTIMIZERS, STEPS, ends, trajectories

TITLES = {
    "default": "Keras's learning rate",
    "source": "the source's, where another",
    "best": "the best of a grid",
}
# Drawn in the animation: the source's learning rates are few, and the figure has them.
MOVING = ("default", "best")
FRAMES = 40
DPI = 110
MOVING_DPI = 90
# How long a frame stands, and the last one before it all begins again; colours of the animation.
FRAME_MS, REST_MS = 120, 2000
COLOURS = 256


def write(folder: Path, steps: int = STEPS, learning_rate: float | None = None) -> Path:
    """Run the optimizers and write `trajectories.csv`, `surfaces.png`, `.svg`, `.gif` and `surfaces.md`.

    Parameters
    ----------
    folder
        Where to; made where it is missing.
    steps
        Of each way.
    learning_rate
        The only one that is tried besides Keras's and the source's; a grid where not given.

    Returns
    -------
    Path
        Of `surfaces.md`.

    Raises
    ------
    MisuseError
        If the number of steps or the learning rate is not above zero.
    """
    if steps < 1:
        raise MisuseError(f"a way needs at least one step, not {steps}")
    if learning_rate is not None and not 0 < learning_rate < np.inf:
        raise MisuseError(f"the learning rate {learning_rate:g} is not a number above 0")
    paths = trajectories(steps=steps) if learning_rate is None else trajectories(steps=steps, grid=(learning_rate,))
    # Nine digits hold a float32 exactly.
    write_text(folder / "trajectories.csv", paths.to_csv(index=False, float_format="%.9g", lineterminator="\n"))
    with style.styled():
        drawing = draw(paths)
        for kind in ("png", "svg"):
            data = io.BytesIO()
            drawing.savefig(data, format=kind, dpi=DPI, metadata={"Date": None} if kind == "svg" else None)
            write_atomic(folder / f"surfaces.{kind}", lambda beside, data=data: beside.write_bytes(data.getvalue()))  # type: ignore[misc]
        write_atomic(folder / "surfaces.gif", lambda beside: animate(paths, beside))
    page = folder / "surfaces.md"
    write_text(page, as_page(paths, learning_rate))
    return page


def draw(paths: pd.DataFrame) -> Figure:
    """A row for each rule for the learning rate, a column for each surface, the whole ways."""
    figure, rows = _panels(tuple(TITLES), 2.6, filled=True)
    for rule, axes in rows.items():
        for surface, axis in zip(SURFACES, axes, strict=True):
            for optimizer, line in _lines(axis).items():
                way = _way(paths, surface, optimizer, rule)
                line.set_data(way["x"], way["y"])
                # Where it is at the end.
                line.set_markevery([len(way) - 1] if len(way) else [])
    return figure


def animate(paths: pd.DataFrame, file: Path) -> None:
    """The ways step by step, as a GIF that repeats; the same bytes from the same ways."""
    # Shades of grey would make the file five times as large.
    figure, rows = _panels(MOVING, 2.3, filled=False)
    last = int(paths["step"].max())
    moving = [
        (line, _way(paths, surface, optimizer, rule)[["x", "y"]].to_numpy())
        for rule, axes in rows.items()
        for surface, axis in zip(SURFACES, axes, strict=True)
        for optimizer, line in _lines(axis).items()
    ]
    # More frames at first, when most happens.
    shown = np.unique(np.round(last * np.linspace(0, 1, FRAMES) ** 1.5).astype(int))
    told = figure.text(0.995, 0.01, "", fontsize=9, ha="right")
    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(MOVING_DPI)
    frames = []
    for step in shown:
        told.set_text(f"step {step} of {last}")
        for line, way in moving:
            line.set_data(*way[: step + 1].T)
            # The marker goes with the last point.
            line.set_markevery([min(int(step) + 1, len(way)) - 1] if len(way) else [])
        canvas.draw()  # type: ignore[no-untyped-call]
        # Where everything lies is found once.
        figure.set_layout_engine("none")
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        frames.append(Image.fromarray(pixels).convert("RGB"))
    # One palette without dithering: the ground is the same in all frames, so that only what moves is stored.
    palette = frames[-1].quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
    first, *rest = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in frames]
    times = [FRAME_MS] * len(rest) + [REST_MS]
    first.save(file, save_all=True, append_images=rest, duration=times, loop=0)


def _panels(rules: tuple[str, ...], side: float, *, filled: bool) -> tuple[Figure, dict[str, list[Axes]]]:
    """Contours of the surfaces for each rule, with a line without points for each optimizer and a legend."""
    figure = Figure(figsize=(len(SURFACES) * side + 1.2, len(rules) * side + 0.2), layout="constrained")
    grid = figure.subplots(len(rules), len(SURFACES), squeeze=False)
    for rule, row in zip(rules, grid, strict=True):
        for surface, axis in zip(SURFACES, row, strict=True):
            _ground(axis, surface, filled=filled)
            for number, optimizer in enumerate(OPTIMIZERS):
                axis.plot(
                    [],
                    [],
                    label=optimizer,
                    color=style.COLOURS[number],
                    marker=style.MARKERS[number],
                    linewidth=1.3,
                    markersize=5,
                    markeredgecolor="white",
                    markeredgewidth=0.6,
                )
        row[0].set_ylabel(TITLES[rule])
    for surface, axis in zip(SURFACES, grid[0], strict=True):
        axis.set_title(surface.name)
    lines = _lines(grid[0][0])
    figure.legend(lines.values(), lines.keys(), loc="outside right upper", frameon=False)
    return figure, {rule: list(row) for rule, row in zip(rules, grid, strict=True)}


def _ground(axis: Axes, surface: Surface, *, filled: bool) -> None:
    """Height as lines and, filled, as grey, the start as a ring, the lowest points as stars, traps as crosses."""
    x, y = np.meshgrid(np.linspace(*surface.x, 121), np.linspace(*surface.y, 121))
    height = surface.value(x, y) - surface.least
    # Evenly by the root: of a ravine's walls less is seen, of its ground more.
    levels = np.linspace(0, np.sqrt(np.quantile(height, 0.97)), 14) ** 2
    if filled:
        axis.contourf(x, y, height, levels=levels, cmap="Greys_r", extend="max", alpha=0.55, zorder=0)
    axis.contour(x, y, height, levels=levels, colors="#999999", linewidths=0.4, zorder=0)
    # As lines they would make a vector graphic of three megabytes.
    axis.set_rasterization_zorder(0.5)
    axis.plot(*surface.start, "o", markersize=8, markerfacecolor="none", markeredgecolor="black", zorder=3)
    for points, marker in ((surface.minima, "*"), (surface.traps, "x")):
        for point in points:
            axis.plot(*point, marker, color="black", markersize=7, zorder=3)
    axis.set(xlim=surface.x, ylim=surface.y, xticks=[], yticks=[])
    axis.grid(visible=False)


def _lines(axis: Axes) -> dict[str, Line2D]:
    return {name: line for line in axis.lines if (name := str(line.get_label())) in OPTIMIZERS}


def _way(paths: pd.DataFrame, surface: Surface, optimizer: str, rule: str) -> pd.DataFrame:
    own = (paths["surface"] == surface.name) & (paths["optimizer"] == optimizer) & (paths["rule"] == rule)
    return paths[own]


def as_page(paths: pd.DataFrame, learning_rate: float | None = None) -> str:
    """What is shown, at which learning rates, and where each way ended, as Markdown."""
    ended = ends(paths)
    steps = int(paths["step"].max())
    tried = "a grid of half powers of ten from 0.001 to 10" if learning_rate is None else f"{learning_rate:g}"
    lines = [
        "# Nine optimizers on four surfaces",
        "",
        "![The ways of the optimizers](surfaces.png)",
        "",
        "![The same, step by step](surfaces.gif)",
        "",
        f"Keras's own optimizers, each from the same start for {steps} steps with exact gradients (no noise, which "
        "training on batches has). A ring is the start, stars are the lowest points, crosses other points without a "
        "slope; a marker is where a way ends. Learning rates by three rules: Keras's default; the one of the "
        "optimizer's source, where that is another ([docs/optimizers.md](../../docs/optimizers.md)); and, of those "
        f"two and {tried}, the one whose way ends lowest, for each optimizer on each surface. All other options are "
        "Keras's defaults, but momentum's 0.9. A surface of two dimensions says how an optimizer moves, not which one "
        "trains a network best: the report of the suite `race` is about that. What the best of many learning rates "
        "does may be luck, as a long first step over all hills.",
        "",
        "The same files come from `harness surfaces --output DIR`.",
        "",
    ]
    for surface in SURFACES:
        own = ended[ended["surface"] == surface.name]
        table = own[["optimizer", "rule", "learning_rate", "steps", "x", "y", "above", "place"]]
        lines += [
            f"## {surface.name.capitalize()}",
            "",
            f"{surface.difficulty} {surface.source[0].upper()}{surface.source[1:]}. Start at "
            f"({surface.start[0]:g}, {surface.start[1]:g}); `above` is how far above the lowest point a way ended, "
            "`place` where: within 0.1 of a minimum or of a trap, on the way, or `left` for infinity.",
            "",
            "```text",
            as_text(_rounded(table)),
            "```",
            "",
        ]
    return "\n".join(lines)


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    formats: dict[str, Callable[[float], str]] = {
        "learning_rate": "{:g}".format,
        "x": "{:.3f}".format,
        "y": "{:.3f}".format,
        "above": "{:.2g}".format,
    }
    return table.assign(**{name: table[name].map(written) for name, written in formats.items()})
