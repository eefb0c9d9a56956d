"""How many edges there are, and which way they run."""

from collections.abc import Iterable
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import correlate1d

from harness.features.base import ChannelFeature, Positive, cell_histograms, cell_means, check_grid, names_of_axes

# The Sobel filter's weights add up to 4 on either side, so that a step from 0 to 255 has this gradient.
STEP = 4 * 255


class Edges(ChannelFeature):
    """Density and directions of edges in each grid cell, by the Sobel filter.

    Density is the share of a cell's pixels that lie on an edge; beside it stands a histogram of the directions of the
    gradient, each pixel counting with the gradient's length (1 is a step from black to white), divided by the cell's
    pixels. Of a colour image, each channel is described by itself.

    Parameters
    ----------
    orientations
        Bins of a histogram, over 0 to 180 degrees.
    grid
        Cells along each side of the image.
    threshold
        Length of the gradient from which on a pixel lies on an edge.

    References
    ----------
    Sobel and Feldman, A 3x3 isotropic gradient operator for image processing (1968); edge histograms of cells as in
    Park, Jeon and Won, Efficient use of local edge histogram descriptor (ACM Multimedia Workshops 2000).
    """

    def __init__(
        self,
        *,
        orientations: Positive = 8,
        grid: Positive = 4,
        threshold: Annotated[float, Field(gt=0, le=1)] = 0.25,
    ) -> None:
        self.orientations = orientations
        self.grid = grid
        self.threshold = threshold

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse a grid with a cell that has no pixel."""
        check_grid(shape, self.grid, "edges")

    def describe(self, planes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Densities and histograms as (m, grid ** 2 * (1 + orientations))."""
        down, across = sobel(planes, 1), sobel(planes, 2)
        length = np.hypot(down, across) / STEP
        angle = np.degrees(np.arctan2(down, across)) % 180
        # Multiplied first: 45 degrees and other borders of bins stay exact.
        bins = (angle * self.orientations / 180).astype(np.intp)
        density = cell_means(length >= self.threshold, self.grid)
        histograms = cell_histograms(bins, self.orientations, self.grid, length)
        return np.concatenate([density[..., None], histograms], axis=-1).reshape(len(planes), -1)

    def names(self) -> Iterable[str]:
        """`edges_CELLROW_CELLCOLUMN_density`, then `..._BIN`."""
        cells = names_of_axes("edges", (self.grid, self.grid))
        return (f"{cell}_{what}" for cell in cells for what in ("density", *range(self.orientations)))


def sobel(planes: NDArray[np.uint8], axis: int) -> NDArray[np.int32]:
    """The gradient along an axis of (m, h, w), smoothed along the other one; the border is repeated outside."""
    along = correlate1d(planes, [-1, 0, 1], axis, output=np.int32)
    gradient: NDArray[np.int32] = correlate1d(along, [1, 2, 1], 3 - axis)
    return gradient
