"""Moments that do not change under shift, scale and rotation."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from skimage.measure import moments_hu
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from harness.features.base import FloatMatrix, Takes, check_images, describe_channels, names_of_channels

# Moments nearer to 0 than this are noise of float64; the logarithm is linear there and keeps their sign.
FLOOR = 1e-12


class Hu(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Hu's seven moments, which keep their values under shift, scale and rotation, on a logarithmic scale.

    A moment h becomes sign(h) * log10(1 + |h| / 1e-12): unlike the usual logarithm, it goes through 0 for h = 0, as
    the moments of symmetrical shapes are, and of an image that is all 0. Of a colour image, each channel is described
    by itself.

    References
    ----------
    Hu, Visual pattern recognition by moment invariants (IRE Transactions on Information Theory 8, 1962).
    """

    takes: ClassVar[Takes] = "images"

    def fit(self, X: NDArray[np.uint8], y: Any = None) -> Self:  # noqa: N803
        """Note the shape of the images, uint8 of (n, h, w) or (n, h, w, c)."""
        self.image_shape_ = check_images(X)
        return self

    def transform(self, X: NDArray[np.uint8]) -> FloatMatrix:  # noqa: N803
        """Moments as float32 of (n, 7 * c)."""
        check_is_fitted(self)
        check_images(X, self.image_shape_)
        return describe_channels(_describe, X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`hu_1` to `hu_7`, for colour images followed by `_CHANNEL`."""
        check_is_fitted(self)
        return names_of_channels([f"hu_{index}" for index in range(1, 8)], self.image_shape_)


def _describe(planes: NDArray[np.uint8]) -> NDArray[np.float64]:
    moments = np.array([moments_hu(normalised) for normalised in normalised_moments(planes)])
    logarithms: NDArray[np.float64] = np.sign(moments) * np.log10(1 + np.abs(moments) / FLOOR)
    return logarithms


def normalised_moments(planes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Normalised central moments of brightness 0 to 1, (m, h, w) to (m, 4, 4); all 0 where an image is all 0."""
    brightness = planes / 255
    total = brightness.sum(axis=(1, 2))
    total[total == 0] = 1
    powers = np.arange(4)[:, None]
    weighted = []
    for axis in (1, 2):
        # The profile along an axis has the centre of mass of the image.
        profile, places = brightness.sum(axis=3 - axis), np.arange(planes.shape[axis])
        centre = (profile * places).sum(axis=1) / total
        weighted.append((places - centre[:, None])[:, None] ** powers)
    central = weighted[0] @ brightness @ weighted[1].transpose(0, 2, 1)
    normalised: NDArray[np.float64] = central / total[:, None, None] ** ((powers + powers.T) / 2 + 1)
    return normalised
