"""How many edges there are, and which way they run."""

from collections.abc import Iterable
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

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
        down, across = sobel(planes)
        # In place where possible: new arrays cost more than the arithmetic. float32 has the squares exactly, as whole
        # numbers below 2 ** 24.
        length, other = down.astype(np.float32), across.astype(np.float32)
        length *= length
        other *= other
        length += other
        np.sqrt(length, out=length)
        length /= STEP
        angle = np.arctan2(down, across, dtype=np.float64)
        angle *= 180 / np.pi
        np.add(angle, 180, out=angle, where=angle < 0)
        # Multiplied first: 45 degrees and other borders of bins stay exact. 180 degrees are 0.
        angle *= self.orientations
        angle /= 180
        bins = angle.astype(np.intp)
        bins[bins == self.orientations] = 0
        density = cell_means(length >= self.threshold, self.grid)
        histograms = cell_histograms(bins, self.orientations, self.grid, length)
        return np.concatenate([density[..., None], histograms], axis=-1).reshape(len(planes), -1)

    def names(self) -> Iterable[str]:
        """`edges_CELLROW_CELLCOLUMN_density`, then `..._BIN`."""
        cells = names_of_axes("edges", (self.grid, self.grid))
        return (f"{cell}_{what}" for cell in cells for what in ("density", *range(self.orientations)))


def sobel(planes: NDArray[np.uint8]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """The gradients down and across of (m, h, w), each smoothed along the other axis; the border repeated outside."""
    padded = np.pad(planes.astype(np.int16), ((0, 0), (1, 1), (1, 1)), mode="edge")
    by_rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    by_columns = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    return by_columns[:, 2:] - by_columns[:, :-2], by_rows[:, :, 2:] - by_rows[:, :, :-2]
