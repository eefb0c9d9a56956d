"""Raw pixels as features."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from harness.features.base import FloatMatrix, Takes, check_images, names_of_axes


class Pixels(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Every pixel value, as one row per image.

    Parameters
    ----------
    scale
        Divide by 255, which maps values to 0..1.
    """

    takes: ClassVar[Takes] = "images"

    def __init__(self, *, scale: bool = True) -> None:
        self.scale = scale

    def fit(self, X: NDArray[np.uint8], y: Any = None) -> Self:  # noqa: N803
        """Note the shape of the images, uint8 of (n, h, w) or (n, h, w, c)."""
        self.image_shape_ = check_images(X)
        return self

    def transform(self, X: NDArray[np.uint8]) -> FloatMatrix:  # noqa: N803
        """Images as float32 of (n, h * w * c)."""
        check_is_fitted(self)
        check_images(X, self.image_shape_)
        matrix = X.reshape(len(X), -1).astype(np.float32)
        if self.scale:
            matrix /= 255
        return matrix

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`pixel_ROW_COLUMN`, for colour images `pixel_ROW_COLUMN_CHANNEL`."""
        check_is_fitted(self)
        return names_of_axes("pixel", self.image_shape_)
