"""Differences of the brightness of neighbouring rectangles."""

from collections.abc import Iterable
from typing import Annotated, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.features.base import ChannelFeature, Positive, check_side

Type: TypeAlias = Literal["type-2-x", "type-2-y", "type-3-x", "type-3-y", "type-4"]

# How the rectangles count, down and across, as in scikit-image: with a pattern's first rectangle negative.
SIGNS: dict[Type, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "type-2-x": ((1,), (-1, 1)),
    "type-2-y": ((-1, 1), (1,)),
    "type-3-x": ((1,), (-1, 1, -1)),
    "type-3-y": ((-1, 1, -1), (1,)),
    "type-4": ((-1, 1), (1, -1)),
}


class Pattern(NamedTuple):
    """Rectangles of `height` x `width` pixels side by side, laid with their top left corner at each row and column."""

    type: Type
    height: int
    width: int
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]


class Haar(ChannelFeature):
    """Haar-like features: brightness of some rectangles less that of their neighbours, at a grid of places and sizes.

    Each pattern of two, three or four equal rectangles is laid onto the image in windows of several sizes. A value is
    the sum of the bright rectangles' brightness, 0 to 1, less that of the dark ones', divided by the pixels of one
    rectangle: unlike Viola and Jones' many thousands, of which boosting chooses some, these are few enough for any
    classifier. Of a colour image, each channel is described by itself.

    Parameters
    ----------
    types
        Patterns, as scikit-image calls them: two, three or four (2 x 2) rectangles along x or y.
    sizes
        Sides of the windows, as shares of the image's. Each is rounded down to a multiple of the pattern's rectangles,
        which have at least one pixel.
    grid
        Places along each side, spread evenly from one edge to the other; fewer where there are not so many.

    References
    ----------
    Viola and Jones, Rapid object detection using a boosted cascade of simple features (CVPR 2001).
    """

    def __init__(
        self,
        *,
        types: Annotated[tuple[Type, ...], Field(min_length=1)] = (
            "type-2-x",
            "type-2-y",
            "type-3-x",
            "type-3-y",
            "type-4",
        ),
        sizes: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1)] = (0.25, 0.5),
        grid: Positive = 7,
    ) -> None:
        self.types = types
        self.sizes = sizes
        self.grid = grid

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse images into which a pattern of rectangles of one pixel does not fit."""
        longest = max(self.types, key=lambda name: max(map(len, SIGNS[name])))
        check_side(shape, max(map(len, SIGNS[longest])), f"haar: {longest}", "leave it out of types")

    def describe(self, planes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Differences as (m, patterns * places)."""
        m, height, width = planes.shape
        integral = np.zeros((m, height + 1, width + 1), np.int64)
        planes.cumsum(axis=1, dtype=np.int64).cumsum(axis=2, out=integral[:, 1:, 1:])
        parts = []
        for pattern in self.patterns(height, width):
            down, across = SIGNS[pattern.type]
            rows = weigh_edges(integral, 1, pattern.rows, pattern.height, down)
            values = weigh_edges(rows, 2, pattern.columns, pattern.width, across)
            parts.append(values.reshape(m, -1) / (255 * pattern.height * pattern.width))
        return np.concatenate(parts, axis=1)

    def names(self) -> Iterable[str]:
        """`haar_TYPE_HEIGHTxWIDTH_ROW_COLUMN`, of one rectangle and of the top left corner, in pixels."""
        return (
            f"haar_{pattern.type}_{pattern.height}x{pattern.width}_{row}_{column}"
            for pattern in self.patterns(*self.image_shape_[:2])
            for row in pattern.rows
            for column in pattern.columns
        )

    def patterns(self, height: int, width: int) -> list[Pattern]:
        """Every pattern once, and where it lies in images of that size."""
        found: dict[tuple[Type, int, int], Pattern] = {}
        for name in self.types:
            for size in self.sizes:
                counts = [len(signs) for signs in SIGNS[name]]
                tall, wide = (
                    max(1, int(side * size) // count) for side, count in zip((height, width), counts, strict=True)
                )
                rows, columns = (self._places(height - counts[0] * tall), self._places(width - counts[1] * wide))
                found[name, tall, wide] = Pattern(name, tall, wide, rows, columns)
        return list(found.values())

    def _places(self, room: int) -> NDArray[np.intp]:
        return np.unique(np.linspace(0, room, self.grid).round().astype(np.intp))


def weigh_edges(
    integral: NDArray[np.int64], axis: int, starts: NDArray[np.intp], length: int, signs: tuple[int, ...]
) -> NDArray[np.int64]:
    """Signed sums of the stretches of `length` that begin at each start, from sums of all before each place."""
    # The sum over a stretch is the entry at its end less that at its start; neighbours share an edge.
    weights = -np.diff([0, *signs, 0])
    total: NDArray[np.int64] = integral.take(starts, axis) * weights[0]
    for index in range(1, len(weights)):
        total += integral.take(starts + index * length, axis) * weights[index]
    return total
