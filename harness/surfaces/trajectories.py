"""Runs Keras's optimizers on the surfaces, at its learning rates, at the papers' and at the best of a grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness import registry
from harness.models.quiet import import_keras
from harness.surfaces.surfaces import SURFACES, Surface

OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamax", "nadam")
# Learning rates of the optimizers' sources, where Keras has another by default (docs/optimizers.md).
SOURCE_RATES = {"adagrad": 0.01, "adadelta": 1.0, "adamax": 0.002, "nadam": 0.002}
STEPS = 150
# Half powers of ten; sgd needs the low end in the ravine, adadelta and adagrad the high one.
GRID = tuple(float(f"{10**power:.3g}") for power in np.arange(-3, 1.01, 0.5))
# A path is given up here: what comes after it is overflow.
FAR = 1e3
RULES = ("default", "source", "best")

Path: TypeAlias = NDArray[np.float64]


def default_rate(optimizer: str) -> float:
    """The learning rate that a suite gets which names only the optimizer: Keras's."""
    return float(registry.parameters("optimizers", optimizer).model_fields["learning_rate"].default)


def run(optimizer: str, learning_rate: float, surfaces: Sequence[Surface], steps: int) -> Path:
    """The way of one of Keras's optimizers from each surface's start.

    The points of all surfaces are the rows of one variable. The nine compute element by element, so each goes as it
    would alone, and one step of Keras's, which takes milliseconds, serves all.

    Returns
    -------
    array of float64, shape (surfaces, steps + 1, 2)
        The points, the start first, in the float32 of Keras's variables; NaN after a point beyond `FAR`.
    """
    import_keras()
    import keras

    points = keras.Variable(np.array([surface.start for surface in surfaces], dtype=np.float32), name="points")
    keras_optimizer = registry.build("optimizers", optimizer, {"learning_rate": learning_rate}, steps)
    keras_optimizer.build([points])
    ways = np.full((len(surfaces), steps + 1, 2), np.nan)
    ways[:, 0] = at = keras.ops.convert_to_numpy(points.value).astype(np.float64)
    gone = np.zeros(len(surfaces), dtype=bool)
    for step in range(1, steps + 1):
        keras_optimizer.apply([keras.ops.convert_to_tensor(_gradients(surfaces, at, gone))], [points])
        at = keras.ops.convert_to_numpy(points.value).astype(np.float64)
        ways[~gone, step] = at[~gone]
        gone |= ~(np.abs(at) <= FAR).all(axis=1)
    return ways


def _gradients(surfaces: Sequence[Surface], at: Path, gone: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The gradient of each surface at its point, zero where the path has been given up."""
    found = np.zeros(at.shape, dtype=np.float32)
    for row, surface in enumerate(surfaces):
        if not gone[row]:
            found[row] = surface.gradient(at[row, 0], at[row, 1])
    return found


def trajectories(
    surfaces: Sequence[Surface] = SURFACES,
    optimizers: Sequence[str] = OPTIMIZERS,
    steps: int = STEPS,
    grid: Iterable[float] = GRID,
) -> pd.DataFrame:
    """The optimizers' ways on the surfaces by three rules for the learning rate.

    `default` is Keras's; `source` that of the optimizer's source, only where it is another; `best` that of the grid,
    the default and the source's whose way ends lowest, for each optimizer on each surface. So every optimizer has the
    same number of steps and as many tries.

    Returns
    -------
    DataFrame
        `surface`, `optimizer`, `rule`, `learning_rate`, `step` from 0, `x`, `y`, `value`. A way that left for infinity
        ends with the last point before that.
    """
    rows: list[pd.DataFrame] = []
    for optimizer in optimizers:
        default, source = default_rate(optimizer), SOURCE_RATES.get(optimizer)
        rates = sorted({*grid, default, *([source] if source else [])})
        ways = {rate: run(optimizer, rate, surfaces, steps) for rate in rates}
        for number, surface in enumerate(surfaces):
            ended = {rate: _value(surface, way[number, -1]) for rate, way in ways.items()}
            best = min(rates, key=lambda rate, ended=ended: ended[rate])  # type: ignore[misc]
            for rule, rate in zip(RULES, (default, source, best), strict=True):
                if rate is not None:
                    rows.append(_frame(surface, optimizer, rule, rate, ways[rate][number]))
    return pd.concat(rows, ignore_index=True)


def _value(surface: Surface, point: Path) -> float:
    """The surface's value where a way ended; infinite where it left."""
    return float(surface.value(point[0], point[1])) if np.isfinite(point).all() else float("inf")


def _frame(surface: Surface, optimizer: str, rule: str, rate: float, way: Path) -> pd.DataFrame:
    kept = way[(np.abs(way) <= FAR).all(axis=1)]
    columns: dict[str, Any] = {
        "surface": surface.name,
        "optimizer": optimizer,
        "rule": rule,
        "learning_rate": rate,
        "step": np.arange(len(kept)),
        "x": kept[:, 0],
        "y": kept[:, 1],
        "value": surface.value(kept[:, 0], kept[:, 1]),
    }
    return pd.DataFrame(columns)


def ends(paths: pd.DataFrame, surfaces: Sequence[Surface] = SURFACES) -> pd.DataFrame:
    """Where each way ended.

    Returns
    -------
    DataFrame
        `surface`, `optimizer`, `rule`, `learning_rate`, `steps`, `x`, `y`, `value`, `above` (the surface's least value
        taken off), and `place`: `minimum`, `trap` (within 0.1 of one, or of a trap), or `on the way`; `left` where it
        went to infinity.
    """
    last = paths.groupby(["surface", "optimizer", "rule"], sort=False).tail(1).rename(columns={"step": "steps"})
    of = {surface.name: surface for surface in surfaces}
    asked = paths["step"].max()
    places = [
        "left" if row.steps < asked else _place(of[str(row.surface)], float(row.x), float(row.y))  # type: ignore[arg-type]
        for row in last.itertuples()
    ]
    above = last["value"] - last["surface"].map({name: surface.least for name, surface in of.items()})
    return last.assign(above=above, place=places).reset_index(drop=True)


def _place(surface: Surface, x: float, y: float) -> str:
    for place, points in (("minimum", surface.minima), ("trap", surface.traps)):
        if any(np.hypot(x - a, y - b) < 0.1 for a, b in points):
            return place
    return "on the way"
