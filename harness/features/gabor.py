"""Responses to a bank of Gabor filters."""

import math
from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import fft
from skimage.filters import gabor_kernel

from harness.features.base import ChannelFeature, Positive, cell_means, check_grid

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
        kernels = bank(tuple(self.frequencies), self.orientations)
        m, height, width = planes.shape
        sides = [
            fft.next_fast_len(side + max(kernel.shape[axis] for kernel in kernels) - 1)
            for axis, side in enumerate((height, width))
        ]
        spectrum = fft.fft2(planes / np.float32(255), sides)
        parts = []
        for kernel in kernels:
            response = fft.ifft2(spectrum * fft.fft2(kernel, sides).astype(spectrum.dtype))
            top, left = (side // 2 for side in kernel.shape)
            magnitude = np.abs(response[:, top : top + height, left : left + width]).astype(np.float64)
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


@cache
def bank(frequencies: tuple[float, ...], orientations: int) -> tuple[NDArray[np.complexfloating[Any]], ...]:
    """The kernels, those of one frequency together; kept, because each batch of images asks for them."""
    return tuple(
        gabor_kernel(frequency, math.pi * index / orientations)
        for frequency in frequencies
        for index in range(orientations)
    )
