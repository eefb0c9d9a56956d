"""Mean brightness of grid cells."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from harness.features.base import (
    FloatMatrix,
    Positive,
    Takes,
    cell_means,
    check_grid,
    check_images,
    describe_channels,
    names_of_axes,
    names_of_channels,
)


class Zoning(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
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

    takes: ClassVar[Takes] = "images"

    def __init__(self, *, grid: Positive = 7) -> None:
        self.grid = grid

    def fit(self, X: NDArray[np.uint8], y: Any = None) -> Self:  # noqa: N803
        """Note the shape of the images, uint8 of (n, h, w) or (n, h, w, c).

        Raises
        ------
        TrialError
            If a cell of the grid has no pixel.
        """
        shape = check_images(X)
        check_grid(shape, self.grid, "zoning")
        self.image_shape_ = shape
        return self

    def transform(self, X: NDArray[np.uint8]) -> FloatMatrix:  # noqa: N803
        """Means as float32 of (n, grid ** 2 * c)."""
        check_is_fitted(self)
        check_images(X, self.image_shape_)
        return describe_channels(lambda planes: cell_means(planes, self.grid).reshape(len(planes), -1) / 255, X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`zoning_CELLROW_CELLCOLUMN`, for colour images followed by `_CHANNEL`."""
        check_is_fitted(self)
        return names_of_channels(names_of_axes("zoning", (self.grid, self.grid)), self.image_shape_)
