"""Distribution of brightness or colour."""

from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from harness.features.base import (
    FloatMatrix,
    Takes,
    cell_histograms,
    check_images,
    describe_channels,
    names_of_channels,
)


class Colour(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Colour histograms and moments: of each channel, shares of pixels, mean, standard deviation and skewness.

    A grey image has one channel. Moments are of brightness 0 to 1; skewness is the cube root of the third central
    moment, which has the unit of the others.

    Parameters
    ----------
    bins
        Bins of a histogram, equally wide over the 256 values.

    References
    ----------
    Swain and Ballard, Color indexing (International Journal of Computer Vision 7, 1991); Stricker and Orengo,
    Similarity of color images (SPIE 2420, 1995).
    """

    takes: ClassVar[Takes] = "images"

    def __init__(self, *, bins: Annotated[int, Field(ge=1, le=256)] = 16) -> None:
        self.bins = bins

    def fit(self, X: NDArray[np.uint8], y: Any = None) -> Self:  # noqa: N803
        """Note the shape of the images, uint8 of (n, h, w) or (n, h, w, c)."""
        self.image_shape_ = check_images(X)
        return self

    def transform(self, X: NDArray[np.uint8]) -> FloatMatrix:  # noqa: N803
        """Histograms and moments as float32 of (n, (bins + 3) * c)."""
        check_is_fitted(self)
        check_images(X, self.image_shape_)
        return describe_channels(self._describe, X)

    def _describe(self, planes: NDArray[np.uint8]) -> NDArray[np.float64]:
        histograms = cell_histograms(planes.astype(np.intp) * self.bins >> 8, self.bins, grid=1)
        brightness = planes.reshape(len(planes), -1) / 255
        mean = brightness.mean(axis=1)
        centred = brightness - mean[:, None]
        squared = centred**2
        deviation, skewness = np.sqrt(squared.mean(axis=1)), np.cbrt((squared * centred).mean(axis=1))
        return np.column_stack([histograms.reshape(len(planes), -1), mean, deviation, skewness])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`colour_BIN`, then `colour_mean`, `colour_std`, `colour_skewness`, for colour images and `_CHANNEL`."""
        check_is_fitted(self)
        names = (f"colour_{what}" for what in (*range(self.bins), "mean", "std", "skewness"))
        return names_of_channels(names, self.image_shape_)
