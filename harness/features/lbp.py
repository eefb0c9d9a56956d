"""Local binary patterns."""

from collections.abc import Iterable
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from skimage.feature import local_binary_pattern

from harness.features.base import ChannelFeature, Positive, cell_histograms, check_grid, check_side


class Lbp(ChannelFeature):
    """Local binary patterns (LBP), the uniform ones, as histograms of grid cells, by scikit-image.

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
        method: Literal["uniform", "nri_uniform"] = "uniform",
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
            # Image by image: where equal pixels meet, scikit-image's rounding depends on the place in the array.
            codes = [local_binary_pattern(plane, self.n_points, radius, method=self.method) for plane in planes]
            histograms = cell_histograms(np.array(codes, dtype=np.intp), self.n_codes, self.grid)
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
