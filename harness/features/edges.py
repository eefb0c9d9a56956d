"""How many edges there are, and which way they run."""

from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import correlate1d
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from harness.features.base import (
    FloatMatrix,
    Positive,
    Takes,
    cell_histograms,
    cell_means,
    check_grid,
    check_images,
    describe_channels,
    names_of_axes,
    names_of_channels,
)

# The Sobel filter's weights add up to 4 on either side, so that a step from 0 to 255 has this gradient.
STEP = 4 * 255


class Edges(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
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

    takes: ClassVar[Takes] = "images"

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

    def fit(self, X: NDArray[np.uint8], y: Any = None) -> Self:  # noqa: N803
        """Note the shape of the images, uint8 of (n, h, w) or (n, h, w, c).

        Raises
        ------
        TrialError
            If a cell of the grid has no pixel.
        """
        shape = check_images(X)
        check_grid(shape, self.grid, "edges")
        self.image_shape_ = shape
        return self

    def transform(self, X: NDArray[np.uint8]) -> FloatMatrix:  # noqa: N803
        """Densities and histograms as float32 of (n, grid ** 2 * (1 + orientations) * c)."""
        check_is_fitted(self)
        check_images(X, self.image_shape_)
        return describe_channels(self._describe, X)

    def _describe(self, planes: NDArray[np.uint8]) -> NDArray[np.float64]:
        down, across = sobel(planes, 1), sobel(planes, 2)
        length = np.hypot(down, across) / STEP
        angle = np.degrees(np.arctan2(down, across)) % 180
        # Multiplied first: 45 degrees and other borders of bins stay exact.
        bins = (angle * self.orientations / 180).astype(np.intp)
        density = cell_means(length >= self.threshold, self.grid)
        histograms = cell_histograms(bins, self.orientations, self.grid, length)
        return np.concatenate([density[..., None], histograms], axis=-1).reshape(len(planes), -1)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`edges_CELLROW_CELLCOLUMN_density`, then `..._BIN`, for colour images followed by `_CHANNEL`."""
        check_is_fitted(self)
        cells = names_of_axes("edges", (self.grid, self.grid))
        names = (f"{cell}_{what}" for cell in cells for what in ("density", *range(self.orientations)))
        return names_of_channels(names, self.image_shape_)


def sobel(planes: NDArray[np.uint8], axis: int) -> NDArray[np.int32]:
    """The gradient along an axis of (m, h, w), smoothed along the other one; the border is repeated outside."""
    along = correlate1d(planes, [-1, 0, 1], axis, output=np.int32)
    gradient: NDArray[np.int32] = correlate1d(along, [1, 2, 1], 3 - axis)
    return gradient
