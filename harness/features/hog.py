"""Histograms of oriented gradients."""

import math
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from skimage.feature import hog
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from harness.errors import TrialError
from harness.features.base import FloatMatrix, Positive, Takes, check_images, names_of_axes


class Hog(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Histograms of oriented gradients (HOG), by scikit-image.

    Pixels at the right and bottom that fill no whole cell are left out. Of a colour image, each pixel counts with the
    channel whose gradient is largest.

    Parameters
    ----------
    orientations
        Bins of a histogram, over 0 to 180 degrees.
    pixels_per_cell
        Side of the square cell that one histogram describes.
    cells_per_block
        Side of the square block of cells that is normalised together; blocks overlap, one starts at every cell.
    block_norm
        How a block is normalised.
    transform_sqrt
        Take the square root of the pixel values first.

    References
    ----------
    Dalal and Triggs, Histograms of oriented gradients for human detection (CVPR 2005).
    """

    takes: ClassVar[Takes] = "images"

    def __init__(
        self,
        *,
        orientations: Positive = 9,
        pixels_per_cell: Positive = 7,
        cells_per_block: Positive = 2,
        block_norm: Literal["L1", "L1-sqrt", "L2", "L2-Hys"] = "L2-Hys",
        transform_sqrt: bool = False,
    ) -> None:
        self.orientations = orientations
        self.pixels_per_cell = pixels_per_cell
        self.cells_per_block = cells_per_block
        self.block_norm = block_norm
        self.transform_sqrt = transform_sqrt

    def fit(self, X: NDArray[np.uint8], y: Any = None) -> Self:  # noqa: N803
        """Note the shape of the images, uint8 of (n, h, w) or (n, h, w, c).

        Raises
        ------
        TrialError
            If the images are smaller than one block.
        """
        shape = check_images(X)
        cell, block = self.pixels_per_cell, self.cells_per_block
        if min(shape[:2]) < cell * block:
            raise TrialError(
                f"hog: a block of {block}x{block} cells of {cell}x{cell} pixels needs images of at least "
                f"{cell * block}x{cell * block} pixels, received {shape[0]}x{shape[1]}; "
                "make pixels_per_cell or cells_per_block smaller"
            )
        self.image_shape_ = shape
        blocks = [side // cell - block + 1 for side in shape[:2]]
        self.descriptor_shape_ = (*blocks, block, block, self.orientations)
        return self

    def transform(self, X: NDArray[np.uint8]) -> FloatMatrix:  # noqa: N803
        """Descriptors as float32 of (n, d), d = blocks * cells_per_block ** 2 * orientations."""
        check_is_fitted(self)
        check_images(X, self.image_shape_)
        matrix = np.empty((len(X), math.prod(self.descriptor_shape_)), dtype=np.float32)
        for row, image in zip(matrix, X, strict=True):
            row[:] = hog(
                image,
                orientations=self.orientations,
                pixels_per_cell=(self.pixels_per_cell, self.pixels_per_cell),
                cells_per_block=(self.cells_per_block, self.cells_per_block),
                block_norm=self.block_norm,
                transform_sqrt=self.transform_sqrt,
                channel_axis=-1 if len(self.image_shape_) == 3 else None,
            )
        return matrix

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`hog_BLOCKROW_BLOCKCOLUMN_CELLROW_CELLCOLUMN_BIN`, the cell counted inside its block."""
        check_is_fitted(self)
        return names_of_axes("hog", self.descriptor_shape_)
