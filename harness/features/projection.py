"""Row and column profiles."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from harness.features.base import (
    FloatMatrix,
    Takes,
    check_images,
    describe_channels,
    names_of_axes,
    names_of_channels,
)


class Projection(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Projection profiles: the mean brightness, 0 to 1, of each row and of each column.

    Of a colour image, each channel is described by itself.

    References
    ----------
    Trier, Jain and Taxt, Feature extraction methods for character recognition (Pattern Recognition 29, 1996),
    section on projection histograms.
    """

    takes: ClassVar[Takes] = "images"

    def fit(self, X: NDArray[np.uint8], y: Any = None) -> Self:  # noqa: N803
        """Note the shape of the images, uint8 of (n, h, w) or (n, h, w, c)."""
        self.image_shape_ = check_images(X)
        return self

    def transform(self, X: NDArray[np.uint8]) -> FloatMatrix:  # noqa: N803
        """Profiles as float32 of (n, (h + w) * c), rows first."""
        check_is_fitted(self)
        check_images(X, self.image_shape_)
        return describe_channels(
            lambda planes: np.concatenate([planes.mean(axis=2), planes.mean(axis=1)], axis=1) / 255, X
        )

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`projection_row_ROW`, then `projection_column_COLUMN`, for colour images followed by `_CHANNEL`."""
        check_is_fitted(self)
        height, width = self.image_shape_[:2]
        rows, columns = names_of_axes("projection_row", (height,)), names_of_axes("projection_column", (width,))
        return names_of_channels([*rows, *columns], self.image_shape_)
