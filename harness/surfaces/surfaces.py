"""Four surfaces of two dimensions, each a difficulty of its own, with exact gradients and known minima."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Point: TypeAlias = tuple[float, float]


class Surface(NamedTuple):
    """A function of x and y.

    Attributes
    ----------
    name, difficulty, source
        What it is called, what is hard about it, and where it comes from.
    value
        `value(x, y)`, element by element.
    gradient
        `gradient(x, y)`, the derivatives by x and by y, each in the shape of x.
    start
        Where every optimizer starts.
    minima
        The points where it is least.
    least
        Its value there.
    traps
        Points other than these where the gradient is zero, and where an optimizer may end.
    x, y
        The part that is drawn.
    """

    name: str
    difficulty: str
    source: str
    value: Callable[[Array, Array], Array]
    gradient: Callable[[Array, Array], tuple[Array, Array]]
    start: Point
    minima: tuple[Point, ...]
    least: float
    traps: tuple[Point, ...]
    x: tuple[float, float]
    y: tuple[float, float]


def _saddle(x: Array, y: Array) -> Array:
    return x**2 / 2 + y**4 / 4 - y**2 / 2


def _saddle_gradient(x: Array, y: Array) -> tuple[Array, Array]:
    return x, y**3 - y


def _ravine(x: Array, y: Array) -> Array:
    return 100 * (y - x**2) ** 2 + (1 - x) ** 2


def _ravine_gradient(x: Array, y: Array) -> tuple[Array, Array]:
    across = y - x**2
    return -400 * x * across - 2 * (1 - x), 200 * across


def _plateau(x: Array, y: Array) -> Array:
    return 1 - np.exp(-(x**2 + y**2) / 2)


def _plateau_gradient(x: Array, y: Array) -> tuple[Array, Array]:
    bell = np.exp(-(x**2 + y**2) / 2)
    return x * bell, y * bell


def _camel(x: Array, y: Array) -> Array:
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2


def _camel_gradient(x: Array, y: Array) -> tuple[Array, Array]:
    return 8 * x - 8.4 * x**3 + 2 * x**5 + y, x + 16 * y**3 - 8 * y


SURFACES = (
    Surface(
        "saddle",
        "The start lies next to the ridge that leads into a saddle point, where the gradient vanishes.",
        "Nesterov, Introductory Lectures on Convex Optimization (2004), example 1.2.2: x^2/2 + y^4/4 - y^2/2",
        _saddle,
        _saddle_gradient,
        (1.0, 0.01),
        ((0.0, -1.0), (0.0, 1.0)),
        -0.25,
        ((0.0, 0.0),),
        (-1.1, 1.4),
        (-1.5, 1.5),
    ),
    Surface(
        "ravine",
        "A bent valley with steep walls and a bottom that hardly falls.",
        "Rosenbrock, The Computer Journal 3 (1960): 100 (y - x^2)^2 + (1 - x)^2",
        _ravine,
        _ravine_gradient,
        (-1.2, 1.0),
        ((1.0, 1.0),),
        0.0,
        (),
        (-1.8, 1.8),
        (-0.7, 2.2),
    ),
    Surface(
        "plateau",
        "Nearly flat at the start: the gradient there is a fiftieth of what it is in the well.",
        "made for this: a Gaussian well, 1 - exp(-(x^2 + y^2)/2)",
        _plateau,
        _plateau_gradient,
        (-3.0, 1.5),
        ((0.0, 0.0),),
        0.0,
        (),
        (-3.6, 1.8),
        (-2.2, 2.6),
    ),
    Surface(
        "local minima",
        "Six minima, two of them the least; the start lies in the basin of the highest.",
        "Dixon and Szego, Towards Global Optimisation 2 (1978), six-hump camel back: "
        "(4 - 2.1 x^2 + x^4/3) x^2 + x y + (4 y^2 - 4) y^2",
        _camel,
        _camel_gradient,
        (2.0, 0.9),
        ((0.0898420, -0.7126564), (-0.0898420, 0.7126564)),
        -1.0316285,
        ((1.6071048, 0.5686515), (-1.6071048, -0.5686515), (1.7036067, -0.7960836), (-1.7036067, 0.7960836)),
        (-2.2, 2.2),
        (-1.3, 1.3),
    ),
)
