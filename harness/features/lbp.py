"""Local binary patterns."""

import math
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from skimage.feature import local_binary_pattern

from harness.features.base import ChannelFeature, Positive, cell_histograms, check_grid, check_side

Method = Literal["uniform", "nri_uniform"]

# For fewer images scikit-image, which takes one at a time, is faster.
FEW = 4
# So many images at a time stay in the processor's second cache.
CHUNK = 64


class Lbp(ChannelFeature):
    """Local binary patterns (LBP), the uniform ones, as histograms of grid cells; codes as of scikit-image.

    A pixel's pattern says which of the points on a circle around it are at least as bright as it. A pattern with at
    most two changes along the circle is called uniform; all others share one code. Outside the image all is 0. Of a
    colour image, each channel is described by itself.

    Parameters
    ----------
    radii
        Radii of the circles in pixels; each gives histograms of its own.
    n_points
        Points on each circle.
    method
        `uniform`: the number of its bright points is the code of a uniform pattern, so that turning it does not matter,
        n_points + 2 codes; `nri_uniform`: each uniform pattern has a code of its own, n_points * (n_points - 1) + 3.
    grid
        Cells along each side of the image; each has a histogram, the shares of its pixels, per radius.

    References
    ----------
    Ojala, Pietikäinen and Mäenpää, Multiresolution gray-scale and rotation invariant texture classification with local
    binary patterns (IEEE TPAMI 24, 2002); `nri_uniform` and the grid: Ahonen, Hadid and Pietikäinen, Face description
    with local binary patterns (IEEE TPAMI 28, 2006).
    """

    def __init__(
        self,
        *,
        radii: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1, 2),
        n_points: Annotated[int, Field(ge=3)] = 8,
        method: Method = "uniform",
        grid: Positive = 4,
    ) -> None:
        self.radii = radii
        self.n_points = n_points
        self.method = method
        self.grid = grid

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse images into which a circle of the largest radius fits nowhere, or a grid with an empty cell."""
        check_grid(shape, self.grid, "lbp")
        check_side(shape, 2 * max(self.radii) + 1, f"lbp: a radius of {max(self.radii)}", "make radii smaller")

    @property
    def n_codes(self) -> int:
        """How many codes a pattern can have."""
        return self.n_points + 2 if self.method == "uniform" else self.n_points * (self.n_points - 1) + 3

    def describe(self, planes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Histograms as (m, radii * grid ** 2 * codes)."""
        parts = []
        for radius in self.radii:
            found = codes(planes, radius, self.n_points, self.method, np.min_scalar_type(self.n_codes))
            histograms = cell_histograms(found, self.n_codes, self.grid)
            parts.append(histograms.reshape(len(planes), -1))
        return np.concatenate(parts, axis=1)

    def names(self) -> Iterable[str]:
        """`lbp_RADIUS_CELLROW_CELLCOLUMN_CODE`."""
        cells = range(self.grid)
        return (
            f"lbp_{radius}_{row}_{column}_{code}"
            for radius in self.radii
            for row in cells
            for column in cells
            for code in range(self.n_codes)
        )


def codes(
    planes: NDArray[np.uint8], radius: int, n_points: int, method: Method, dtype: np.dtype[Any]
) -> NDArray[np.integer[Any]]:
    """The code of each pixel of (m, h, w), as scikit-image numbers them, in a dtype that holds them all."""
    m, height, width = planes.shape
    if m < FEW:
        return np.array([local_binary_pattern(plane, n_points, radius, method) for plane in planes], dtype=dtype)
    found = np.empty((m, height, width), dtype)
    chunk = -(-m // -(-m // CHUNK))  # all of about one size: a small rest would lie scattered in arrays too wide for it
    padding = radius + 1
    # The image counts fastest: then a weight of a row or column meets a long run of numbers. These arrays are used
    # again for each chunk, because new ones of this size cost more than the arithmetic.
    padded = np.zeros((height + 2 * padding, width + 2 * padding, chunk))
    bright = np.empty((n_points, height, width, chunk), dtype=bool)
    work = [np.empty((padded.shape[0], width, chunk)) for _ in range(3)]
    for start in range(0, m, chunk):
        part = planes[start : start + chunk]
        k = len(part)
        padded[padding:-padding, padding:-padding, :k] = part.reshape(k, -1).T.reshape(height, width, k)
        mark_bright(bright[..., :k], padded[..., :k], radius, [array[..., :k] for array in work])
        found[start : start + k] = numbered(bright[..., :k], method, dtype).transpose(2, 0, 1)
    return found


def mark_bright(
    bright: NDArray[np.bool_], padded: NDArray[np.float64], radius: int, work: list[NDArray[np.float64]]
) -> None:
    """Say in (n_points, h, w, m) which points are at least as bright as the pixel in the middle of their circle.

    Between pixels the brightness is interpolated in both directions, by the very steps of scikit-image: where all
    pixels around are equal, rounding decides, and that differs from place to place.
    """
    n_points, height, width = bright.shape[:3]
    padding = radius + 1
    angles = 2 * np.pi * np.arange(n_points) / n_points
    rows, columns = np.round(-radius * np.sin(angles), 5), np.round(radius * np.cos(angles), 5)
    centre = padded[padding:-padding, padding:-padding]
    across, down, second = work[0], work[1][:height], work[2]
    for column in np.unique(columns):
        left, right_share = split(column, width)
        strip = padded[:, padding + left :]
        if right_share.any():
            np.multiply(strip[:, :width], (1 - right_share)[:, None], out=across)
            across += np.multiply(strip[:, 1 : width + 1], right_share[:, None], out=second)
        for point in np.flatnonzero(columns == column):
            top, lower_share = split(rows[point], height)
            band = (across if right_share.any() else strip[:, :width])[padding + top :]
            if lower_share.any():
                np.multiply(band[:height], (1 - lower_share)[:, None, None], out=down)
                down += np.multiply(band[1 : height + 1], lower_share[:, None, None], out=second[:height])
            np.greater_equal(down if lower_share.any() else band[:height], centre, out=bright[point])


def split(offset: float, side: int) -> tuple[int, NDArray[np.float64]]:
    """The whole pixels of an offset, and what is left of it at each of `side` places, as rounded there."""
    places = np.arange(side) + offset
    return math.floor(offset), places - np.floor(places)


def numbered(bright: NDArray[np.bool_], method: Method, dtype: np.dtype[Any]) -> NDArray[np.integer[Any]]:
    """The code of each pattern of (n_points, ...)."""
    n_points = len(bright)
    ones: NDArray[np.integer[Any]] = bright.sum(axis=0, dtype=dtype)
    mixed = (bright[1:] != bright[:-1]).sum(axis=0, dtype=dtype) > 2
    if method == "uniform":
        return np.where(mixed, dtype.type(n_points + 1), ones)
    # A uniform pattern has one run of bright points, and where it starts tells those of the same length apart.
    turns = np.zeros_like(ones)
    for point in range(1, n_points):
        turns += (bright[point] > bright[point - 1]) * dtype.type(n_points - point)
    found: NDArray[np.integer[Any]] = (ones - 1) * dtype.type(n_points) + 1 + turns
    found[ones == 0] = 0
    found[mixed] = n_points * (n_points - 1) + 2
    return found
