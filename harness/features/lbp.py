"""Local binary patterns."""

from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from skimage.feature import local_binary_pattern
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from harness.features.base import (
    FloatMatrix,
    Positive,
    Takes,
    cell_histograms,
    check_grid,
    check_images,
    check_side,
    describe_channels,
    names_of_channels,
)


class Lbp(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
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

    takes: ClassVar[Takes] = "images"

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

    def fit(self, X: NDArray[np.uint8], y: Any = None) -> Self:  # noqa: N803
        """Note the shape of the images, uint8 of (n, h, w) or (n, h, w, c).

        Raises
        ------
        TrialError
            If a circle of the largest radius fits nowhere into the images, or a cell of the grid has no pixel.
        """
        shape = check_images(X)
        check_grid(shape, self.grid, "lbp")
        check_side(shape, 2 * max(self.radii) + 1, f"lbp: a radius of {max(self.radii)}", "make radii smaller")
        self.image_shape_ = shape
        self.n_codes_ = self.n_points + 2 if self.method == "uniform" else self.n_points * (self.n_points - 1) + 3
        return self

    def transform(self, X: NDArray[np.uint8]) -> FloatMatrix:  # noqa: N803
        """Histograms as float32 of (n, radii * grid ** 2 * codes * c)."""
        check_is_fitted(self)
        check_images(X, self.image_shape_)
        return describe_channels(self._describe, X)

    def _describe(self, planes: NDArray[np.uint8]) -> NDArray[np.float64]:
        parts = []
        for radius in self.radii:
            # Image by image: where equal pixels meet, scikit-image's rounding depends on the place in the array.
            codes = [local_binary_pattern(plane, self.n_points, radius, method=self.method) for plane in planes]
            histograms = cell_histograms(np.array(codes, dtype=np.intp), self.n_codes_, self.grid)
            parts.append(histograms.reshape(len(planes), -1))
        return np.concatenate(parts, axis=1)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`lbp_RADIUS_CELLROW_CELLCOLUMN_CODE`, for colour images followed by `_CHANNEL`."""
        check_is_fitted(self)
        cells = range(self.grid)
        return names_of_channels(
            (
                f"lbp_{radius}_{row}_{column}_{code}"
                for radius in self.radii
                for row in cells
                for column in cells
                for code in range(self.n_codes_)
            ),
            self.image_shape_,
        )
