"""Mean brightness of grid cells."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from harness.features.base import ChannelFeature, Positive, cell_means, check_grid, names_of_axes


class Zoning(ChannelFeature):
    """Zoning: the mean brightness, 0 to 1, of each cell of a grid.

    The grid covers the whole image; where its sides are no multiple of `grid`, cells differ by a pixel. Of a colour
    image, each channel is described by itself.

    Parameters
    ----------
    grid
        Cells along each side of the image.

    References
    ----------
    Trier, Jain and Taxt, Feature extraction methods for character recognition (Pattern Recognition 29, 1996),
    section on zoning.
    """

    def __init__(self, *, grid: Positive = 7) -> None:
        self.grid = grid

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse a grid with a cell that has no pixel."""
        check_grid(shape, self.grid, "zoning")

    def describe(self, planes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Means as (m, grid ** 2)."""
        return cell_means(planes, self.grid).reshape(len(planes), -1) / 255

    def names(self) -> Iterable[str]:
        """`zoning_CELLROW_CELLCOLUMN`."""
        return names_of_axes("zoning", (self.grid, self.grid))
