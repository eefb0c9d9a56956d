"""Images without their slant."""

import math
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from harness.features.base import BATCH_PIXELS, Takes, check_images
from harness.features.hu import normalised_moments
from harness.features.zernike import centres_of_mass


class Deskew(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Deskewed images: sheared sideways, so that what is written upright stands upright.

    Rows are shifted against each other until rows and columns of the brightness are uncorrelated; the centre of mass
    stays. Between pixels, brightness is interpolated linearly, and is 0 outside the image. The channels of a colour
    image are sheared alike, by the moments of their mean.

    Parameters
    ----------
    limit
        Largest shear, in columns per row; a wide, flat object would be torn apart by its own without one.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition (Proc. IEEE 86, 1998),
    section III.A, on deslanted images by moments of inertia.
    """

    takes: ClassVar[Takes] = "images"
    gives: ClassVar[Takes] = "images"

    def __init__(self, *, limit: Annotated[float, Field(gt=0)] = 1.0) -> None:
        self.limit = limit

    def fit(self, X: NDArray[np.uint8], y: Any = None) -> Self:  # noqa: N803
        """Note the shape of the images, uint8 of (n, h, w) or (n, h, w, c)."""
        self.image_shape_ = check_images(X)
        return self

    def transform(self, X: NDArray[np.uint8]) -> NDArray[np.uint8]:  # noqa: N803
        """Upright images, of the shape and type of X."""
        check_is_fitted(self)
        check_images(X, self.image_shape_)
        size = max(1, BATCH_PIXELS // max(1, math.prod(self.image_shape_)))
        upright = np.empty_like(X)
        for start in range(0, len(X), size):
            upright[start : start + size] = self._deskew(X[start : start + size])
        return upright

    def _deskew(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        brightness = images.astype(np.float64) if images.ndim == 3 else images.mean(axis=3)
        moments = normalised_moments(brightness)
        # An image whose brightness lies in one row has no slant.
        shear = moments[:, 1, 1] / np.where(moments[:, 2, 0] > 0, moments[:, 2, 0], np.inf)
        rows = np.arange(images.shape[1]) - centres_of_mass(brightness)[:, :1]
        return shift_rows(images, np.clip(shear, -self.limit, self.limit)[:, None] * rows)


def shift_rows(images: NDArray[np.uint8], shifts: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Shift each row of each image to the left.

    Parameters
    ----------
    images
        uint8 of (m, h, w) or (m, h, w, c).
    shifts
        By how many columns, of (m, h); linear interpolation between columns, 0 beyond the edges.

    Returns
    -------
    uint8 of the shape of `images`.
    """
    stack = images.reshape(*images.shape[:3], -1)
    width = stack.shape[2]
    padded = np.pad(stack, ((0, 0), (0, 0), (1, 1), (0, 0)))
    whole = np.floor(shifts)
    columns = np.arange(width) + whole[..., None].astype(np.intp)
    # Column -1 and column `width` are the padding; all beyond is as black.
    left, right = (
        np.take_along_axis(padded, np.clip(columns + step, 0, width + 1)[..., None], axis=2) for step in (1, 2)
    )
    share = (shifts - whole)[..., None, None]
    shifted = left * (1 - share) + right * share
    return np.rint(shifted).astype(np.uint8).reshape(images.shape)
