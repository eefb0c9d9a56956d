"""Responses to a bank of Gabor filters."""

import math
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import fft
from skimage.filters import gabor_kernel
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
    names_of_channels,
)

# Lower frequencies would make kernels of hundreds of pixels.
Frequency = Annotated[float, Field(ge=0.02, le=0.5)]


class Gabor(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Magnitudes of a bank of Gabor filters: mean and standard deviation of each grid cell; kernels by scikit-image.

    Brightness is taken as 0 to 1, and as 0 outside the image. Of a colour image, each channel is described by itself.

    Parameters
    ----------
    frequencies
        Frequencies of the filters, in waves per pixel; a filter's bandwidth is one octave.
    orientations
        Orientations of each frequency, evenly over 180 degrees.
    grid
        Cells along each side of the image.

    References
    ----------
    Manjunath and Ma, Texture features for browsing and retrieval of image data (IEEE TPAMI 18, 1996).
    """

    takes: ClassVar[Takes] = "images"

    def __init__(
        self,
        *,
        frequencies: Annotated[tuple[Frequency, ...], Field(min_length=1)] = (0.1, 0.2, 0.3),
        orientations: Positive = 4,
        grid: Positive = 4,
    ) -> None:
        self.frequencies = frequencies
        self.orientations = orientations
        self.grid = grid

    def fit(self, X: NDArray[np.uint8], y: Any = None) -> Self:  # noqa: N803
        """Note the shape of the images, uint8 of (n, h, w) or (n, h, w, c).

        Raises
        ------
        TrialError
            If a cell of the grid has no pixel.
        """
        shape = check_images(X)
        check_grid(shape, self.grid, "gabor")
        self.image_shape_ = shape
        return self

    def transform(self, X: NDArray[np.uint8]) -> FloatMatrix:  # noqa: N803
        """Means and deviations as float32 of (n, frequencies * orientations * grid ** 2 * 2 * c)."""
        check_is_fitted(self)
        check_images(X, self.image_shape_)
        kernels = [
            gabor_kernel(frequency, math.pi * index / self.orientations)
            for frequency in self.frequencies
            for index in range(self.orientations)
        ]
        return describe_channels(lambda planes: self._describe(planes, kernels), X)

    def _describe(
        self, planes: NDArray[np.uint8], kernels: list[NDArray[np.complexfloating[Any]]]
    ) -> NDArray[np.float64]:
        m, height, width = planes.shape
        sides = [
            fft.next_fast_len(side + max(kernel.shape[axis] for kernel in kernels) - 1)
            for axis, side in enumerate((height, width))
        ]
        spectrum = fft.fft2(planes / np.float32(255), sides)
        parts = []
        for kernel in kernels:
            response = fft.ifft2(spectrum * fft.fft2(kernel, sides).astype(spectrum.dtype))
            top, left = (side // 2 for side in kernel.shape)
            magnitude = np.abs(response[:, top : top + height, left : left + width]).astype(np.float64)
            mean = cell_means(magnitude, self.grid)
            # By rounding, a variance of 0 can come out negative.
            deviation = np.sqrt(np.maximum(cell_means(magnitude**2, self.grid) - mean**2, 0))
            parts.append(np.stack([mean, deviation], axis=-1).reshape(m, -1))
        return np.concatenate(parts, axis=1)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`gabor_FREQUENCY_ORIENTATION_CELLROW_CELLCOLUMN_mean` and `_std`, for colour images and `_CHANNEL`."""
        check_is_fitted(self)
        cells = range(self.grid)
        return names_of_channels(
            (
                f"gabor_{frequency}_{orientation}_{row}_{column}_{what}"
                for frequency in self.frequencies
                for orientation in range(self.orientations)
                for row in cells
                for column in cells
                for what in ("mean", "std")
            ),
            self.image_shape_,
        )
