"""Histograms of oriented gradients."""

import math
from functools import cache
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from harness.errors import TrialError
from harness.features.base import FloatMatrix, Positive, Takes, check_images, in_batches, names_of_axes

Norm = Literal["L1", "L1-sqrt", "L2", "L2-Hys"]
Floats = NDArray[np.floating[Any]]

# What scikit-image adds to a block's length, so that an empty block stays empty, and where Dalal and Triggs clip.
EPSILON = np.float32(1e-5)
CLIP = np.float32(0.2)


class Hog(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Histograms of oriented gradients (HOG), as scikit-image defines them, of many images at a time.

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
        block_norm: Norm = "L2-Hys",
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
        return in_batches(self.describe, X)

    def describe(self, images: NDArray[np.uint8]) -> FloatMatrix:
        """Descriptors of a batch of images, as (m, d)."""
        height, width = (side // self.pixels_per_cell * self.pixels_per_cell for side in images.shape[1:3])
        if images.ndim == 4 or self.transform_sqrt:
            down, across, length = largest_gradients(images, self.transform_sqrt)
            bins = bins_of(down[:, :height, :width], across[:, :height, :width], self.orientations)
        else:
            down, across = gradients(images, np.float32)
            length = np.sqrt(down * down + across * across)
            # Whole numbers below 2 ** 24, so that float32 is exact; the table's middle is the gradient of 0.
            place = (down * 511 + (across + 255 * 512))[:, :height, :width].astype(np.intp)
            bins = table_of_bins(self.orientations)[place]
        cells = cell_sums(bins, length[:, :height, :width], self.orientations, self.pixels_per_cell)
        return blocks_of(cells, self.cells_per_block, self.block_norm).reshape(
            len(images), math.prod(self.descriptor_shape_)
        )

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`hog_BLOCKROW_BLOCKCOLUMN_CELLROW_CELLCOLUMN_BIN`, the cell counted inside its block."""
        check_is_fitted(self)
        return names_of_axes("hog", self.descriptor_shape_)


def gradients(images: NDArray[Any], dtype: type[np.floating[Any]]) -> tuple[Floats, Floats]:
    """What the next pixel has more than the one before, down and across; 0 at the border of (m, h, w, ...)."""
    values = images.astype(dtype)
    down, across = np.zeros_like(values), np.zeros_like(values)
    np.subtract(values[:, 2:], values[:, :-2], out=down[:, 1:-1])
    np.subtract(values[:, :, 2:], values[:, :, :-2], out=across[:, :, 1:-1])
    return down, across


def largest_gradients(images: NDArray[np.uint8], root: bool) -> tuple[Floats, Floats, Floats]:
    """The gradients and their length, float64 of (m, h, w), in the channel where the length is largest.

    As in scikit-image: of equal ones the first channel, by `hypot`, whose rounding decides which are equal.
    """
    down, across = gradients(np.sqrt(images, dtype=np.float64) if root else images, np.float64)
    length = np.hypot(down, across)
    if images.ndim == 3:
        return down, across, length
    largest = length.argmax(axis=-1)[..., None]
    first, second, third = (np.take_along_axis(each, largest, axis=-1)[..., 0] for each in (down, across, length))
    return first, second, third


def bins_of(down: Floats, across: Floats, orientations: int) -> NDArray[np.integer[Any]]:
    """The bin of each gradient's direction; as in scikit-image, the borders of the bins are float32."""
    borders = (180 / orientations * np.arange(1, orientations)).astype(np.float32).astype(np.float64)
    return np.searchsorted(borders, np.rad2deg(np.arctan2(down, across)) % 180, side="right")


@cache
def table_of_bins(orientations: int) -> NDArray[np.integer[Any]]:
    """The bins of all gradients of 8-bit pixels, down and across from -255 to 255, raveled; few, so they stay near."""
    sides = np.arange(-255, 256, dtype=np.float64)
    bins = bins_of(sides[:, None], sides, orientations)
    return bins.astype(np.min_scalar_type(orientations - 1)).ravel()


def cell_sums(bins: NDArray[np.integer[Any]], length: Floats, orientations: int, cell: int) -> NDArray[np.float64]:
    """Histograms of lengths, (m, rows, columns, orientations), of cells of cell x cell pixels, divided by these."""
    m, height, width = bins.shape
    rows, columns = height // cell, width // cell
    of_image = np.arange(height)[:, None] // cell * columns + np.arange(width) // cell
    place = (np.arange(m)[:, None, None] * (rows * columns) + of_image) * orientations
    place += bins
    n_places = m * rows * columns * orientations
    sums = np.bincount(place.ravel(), length.ravel(), minlength=n_places)
    return sums.reshape(m, rows, columns, orientations) / cell**2


def blocks_of(cells: NDArray[np.float64], block: int, norm: Norm) -> FloatMatrix:
    """Normalised blocks as float32 of (m * blocks, block ** 2 * orientations)."""
    windows = sliding_window_view(cells, (block, block), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    values = windows.astype(np.float32).reshape(-1, block**2 * cells.shape[-1])
    if norm.startswith("L1"):
        values /= values.sum(axis=1, keepdims=True) + EPSILON
        return np.sqrt(values) if norm == "L1-sqrt" else values
    divide_by_length(values)
    if norm == "L2-Hys":
        divide_by_length(np.minimum(values, CLIP, out=values))
    return values


def divide_by_length(values: FloatMatrix) -> None:
    """Divide each row by its length, in place."""
    values /= np.sqrt(np.einsum("ij,ij->i", values, values) + EPSILON**2)[:, None]
