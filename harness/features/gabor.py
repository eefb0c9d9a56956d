"""Responses to a bank of Gabor filters."""

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from skimage.filters import gabor_kernel

from harness.features.base import ChannelFeature, Positive, cell_means, check_grid

# Rows or columns of the answer that are computed together: more would meet more zeros of the band matrix.
STRIP = 32

# Lower frequencies would make kernels of hundreds of pixels.
Frequency = Annotated[float, Field(ge=0.02, le=0.5)]


class Gabor(ChannelFeature):
    """Magnitudes of a bank of Gabor filters: mean and standard deviation of each grid cell; kernels by scikit-image.

    Brightness is taken as 0 to 1, and as 0 outside the image. Of a colour image, each channel is described by itself.

    Parameters
    ----------
    frequencies
        Frequencies of the filters, in waves per pixel; a filter's bandwidth is one octave.
    orientations
        Orientations of each frequency, evenly over 180 degrees.
    grid
        Cells along each side of the image.

    References
    ----------
    Manjunath and Ma, Texture features for browsing and retrieval of image data (IEEE TPAMI 18, 1996).
    """

    def __init__(
        self,
        *,
        frequencies: Annotated[tuple[Frequency, ...], Field(min_length=1)] = (0.1, 0.2, 0.3),
        orientations: Positive = 4,
        grid: Positive = 4,
    ) -> None:
        self.frequencies = frequencies
        self.orientations = orientations
        self.grid = grid

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse a grid with a cell that has no pixel."""
        check_grid(shape, self.grid, "gabor")

    def describe(self, planes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Means and deviations as (m, frequencies * orientations * grid ** 2 * 2)."""
        m, height, width = planes.shape
        brightness = planes / np.float32(255)
        half, response = np.empty((2, m, height, width), np.complex64)
        parts = []
        for across, down in bank(tuple(self.frequencies), self.orientations, height, width):
            for strip in across:
                # A real image times a complex matrix, as real matrices: the complex numbers lie as pairs.
                pairs = np.s_[..., 2 * strip.given.start : 2 * strip.given.stop]
                np.matmul(
                    brightness[..., strip.taken], strip.band.T.copy().view(np.float32), half.view(np.float32)[pairs]
                )
            for strip in down:
                np.matmul(strip.band, half[:, strip.taken], response[:, strip.given])
            magnitude = np.abs(response).astype(np.float64)
            mean = cell_means(magnitude, self.grid)
            # By rounding, a variance of 0 can come out negative.
            deviation = np.sqrt(np.maximum(cell_means(magnitude**2, self.grid) - mean**2, 0))
            parts.append(np.stack([mean, deviation], axis=-1).reshape(m, -1))
        return np.concatenate(parts, axis=1)

    def names(self) -> Iterable[str]:
        """`gabor_FREQUENCY_ORIENTATION_CELLROW_CELLCOLUMN_mean` and `_std`."""
        cells = range(self.grid)
        return (
            f"gabor_{frequency}_{orientation}_{row}_{column}_{what}"
            for frequency in self.frequencies
            for orientation in range(self.orientations)
            for row in cells
            for column in cells
            for what in ("mean", "std")
        )


class Strip(NamedTuple):
    """Some rows or columns of the answer: which, of which ones of the image, by which part of the band matrix."""

    given: slice
    taken: slice
    band: NDArray[np.complex64]


@lru_cache(maxsize=16)
def bank(
    frequencies: tuple[float, ...], orientations: int, height: int, width: int
) -> tuple[tuple[tuple[Strip, ...], tuple[Strip, ...]], ...]:
    """Each filter, across and down, those of one frequency together; kept, because each batch of images asks for them.

    A filter whose Gaussian is round, as all are here, is a column times a row.
    """
    filters = []
    for frequency in frequencies:
        for index in range(orientations):
            kernel = gabor_kernel(frequency, math.pi * index / orientations)
            middle, centre = kernel[kernel.shape[0] // 2], kernel[:, kernel.shape[1] // 2]
            filters.append((strips(middle, width), strips(centre / middle[len(middle) // 2], height)))
    return tuple(filters)


def strips(kernel: NDArray[np.complexfloating[Any]], side: int) -> tuple[Strip, ...]:
    """The convolution of `side` numbers with a kernel of odd length, 0 outside, as band matrices."""
    reach = len(kernel) // 2
    found = []
    for start in range(0, side, STRIP):
        given = slice(start, min(start + STRIP, side))
        taken = slice(max(0, given.start - reach), min(side, given.stop + reach))
        place = reach + np.arange(given.start, given.stop)[:, None] - np.arange(taken.start, taken.stop)
        inside = (place >= 0) & (place < len(kernel))
        band = np.where(inside, kernel.take(place, mode="clip"), 0).astype(np.complex64)
        found.append(Strip(given, taken, band))
    return tuple(found)
