"""What the handcrafted features have in common.

A feature is a scikit-learn transformer whose keyword-only constructor only stores its parameters. Its class says what
it `takes`: `images` (where it does not say), uint8 of (n, h, w) or (n, h, w, c), or a `matrix`, (n, d), which an
earlier feature made; and what it `gives`: a `matrix` (where it does not say), float32 of (n, d), whose d columns
`get_feature_names_out` names, or `images` again, for the next feature or for a network. Where it says `learned = True`,
what it gives of an image depends on the images it was fitted on; where it does not, only on the image itself. A
`random_state` parameter receives the trial's seed.
"""

import math
from collections.abc import Callable, Iterable
from itertools import product
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import NDArray
from pydantic import Field
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from harness.errors import TrialError

Takes: TypeAlias = Literal["images", "matrix"]
FloatMatrix: TypeAlias = NDArray[np.float32]
Positive = Annotated[int, Field(ge=1)]

# A batch's float64 copies, 1 MB each, stay near the processor, and large images do not fill the memory.
BATCH_PIXELS = 2**17

# glibc gives freed memory back and asks for it again page by page, which can take longer than a batch's arithmetic.
# Once it has freed a block of this size, more than a batch has, it keeps up to twice as much.
KEPT_BYTES = 2**23
# Of a thread.
SHARES = 4


def check_images(images: Any, shape: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """The shape of one image, having made sure that these are images of `shape`.

    Raises
    ------
    TrialError
        If they are not.
    """
    if not isinstance(images, np.ndarray) or images.ndim not in (3, 4) or images.dtype != np.uint8:
        found = f"{images.dtype} of {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise TrialError(f"expected images as uint8 of (n, h, w) or (n, h, w, c), received {found}")
    received: tuple[int, ...] = images.shape[1:]
    if shape is not None and received != shape:
        raise TrialError(f"fitted on images of shape {shape}, received images of shape {received}")
    return received


def check_side(shape: tuple[int, ...], least: int, what: str, remedy: str) -> None:
    """Make sure that height and width are at least `least`, which `what` needs.

    Raises
    ------
    TrialError
        If one is not; the message ends with the remedy.
    """
    if min(shape[:2]) < least:
        raise TrialError(
            f"{what} needs images of at least {least}x{least} pixels, received {shape[0]}x{shape[1]}; {remedy}"
        )


def check_grid(shape: tuple[int, ...], grid: int, name: str) -> None:
    """Make sure that every cell of a grid has a pixel.

    Raises
    ------
    TrialError
        If one has none.
    """
    check_side(shape, grid, f"{name}: a grid of {grid}x{grid} cells", "make grid smaller")


def in_batches(
    describe: Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]]], images: NDArray[np.uint8]
) -> FloatMatrix:
    """Describe images in batches, on the threads of the surrounding `joblib.parallel_config`.

    Parameters
    ----------
    describe
        Makes a matrix (m, d) of m images.
    images
        uint8 of (n, h, w) or (n, h, w, c).

    Returns
    -------
    float32 of (n, d).
    """
    n, size = len(images), max(1, BATCH_PIXELS // max(1, math.prod(images.shape[1:])))

    def batch(start: int) -> FloatMatrix:
        return describe(images[start : start + size]).astype(np.float32, copy=False)

    if n <= size:  # starting threads would cost a single image more than its description
        return batch(0)
    np.empty(KEPT_BYTES, np.uint8)
    starts = range(0, n, size)
    # Handing work to a thread costs as much as a cheap batch, so each gets several; more shares than threads, so that
    # none waits long for the last one.
    shares = np.array_split(starts, min(len(starts), SHARES * effective_n_jobs(None)))
    made = Parallel()(delayed(lambda share: [batch(start) for start in share])(share) for share in shares)
    return np.concatenate([matrix for share in made for matrix in share])


def describe_channels(
    describe: Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]]], images: NDArray[np.uint8]
) -> FloatMatrix:
    """Describe each channel by itself, in batches as `in_batches` makes them.

    Parameters
    ----------
    describe
        Makes a matrix (m, k) of a stack (m, h, w) of single channels.
    images
        uint8 of (n, h, w) or (n, h, w, c).

    Returns
    -------
    float32 of (n, k * c); the channel counts fastest.
    """
    height, width, channels = images.shape[1:] if images.ndim == 4 else (*images.shape[1:], 1)

    def batch(part: NDArray[np.uint8]) -> FloatMatrix:
        stack = part.reshape(-1, height, width, channels)
        planes = np.ascontiguousarray(np.moveaxis(stack, -1, 1)).reshape(-1, height, width)
        described = describe(planes).astype(np.float32).reshape(len(part), channels, -1)
        return described.transpose(0, 2, 1).reshape(len(part), -1)

    return in_batches(batch, images)


class ChannelFeature(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """What describes each channel of an image by itself: a subclass has parameters, `describe` and `names`."""

    takes: ClassVar[Takes] = "images"

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise a TrialError where images of that shape are too small; any will do where this is not overridden."""

    def describe(self, planes: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
        """A matrix (m, k) of a stack (m, h, w) of single channels."""
        raise NotImplementedError

    def names(self) -> Iterable[str]:
        """Names of the k columns of a grey image, once fitted."""
        raise NotImplementedError

    def fit(self, X: NDArray[np.uint8], y: Any = None) -> Self:  # noqa: N803
        """Note the shape of the images, uint8 of (n, h, w) or (n, h, w, c).

        Raises
        ------
        TrialError
            If they are no images, or too small; see `check`.
        """
        shape = check_images(X)
        self.check(shape)
        self.image_shape_ = shape
        return self

    def transform(self, X: NDArray[np.uint8]) -> FloatMatrix:  # noqa: N803
        """Descriptions as float32 of (n, k * c); the channel counts fastest."""
        check_is_fitted(self)
        check_images(X, self.image_shape_)
        return describe_channels(self.describe, X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The names of `names`, for colour images each followed by `_CHANNEL`."""
        check_is_fitted(self)
        return names_of_channels(self.names(), self.image_shape_)


def cell_of_pixel(side: int, grid: int) -> NDArray[np.intp]:
    """In which of `grid` cells each of `side` pixels lies; sizes of cells differ by at most one pixel."""
    return np.repeat(np.arange(grid), np.diff(np.arange(grid + 1) * side // grid))


def cell_means(values: NDArray[Any], grid: int) -> NDArray[np.float64]:
    """Mean of each cell of a grid over (m, h, w), as (m, grid, grid)."""
    # Sums by matrices of zeros and ones are several times faster than `np.add.reduceat`, and as exact.
    rows, columns = (
        (cell_of_pixel(side, grid) == np.arange(grid)[:, None]).astype(np.float64) for side in values.shape[1:]
    )
    sums: NDArray[np.float64] = rows @ values.astype(np.float64, copy=False) @ columns.T
    return sums / np.outer(rows.sum(axis=1), columns.sum(axis=1))


def cell_histograms(
    bins: NDArray[np.integer[Any]], n_bins: int, grid: int, weights: NDArray[np.floating[Any]] | None = None
) -> NDArray[np.float64]:
    """Histogram of each cell of a grid, divided by the cell's pixels.

    Parameters
    ----------
    bins
        The bin of each pixel, of (m, h, w).
    n_bins
        How many bins there are.
    grid
        Cells along each side.
    weights
        What each pixel counts, of (m, h, w); 1 where not given.

    Returns
    -------
    float64 of (m, grid, grid, n_bins).
    """
    m, height, width = bins.shape
    cell = cell_of_pixel(height, grid)[:, None] * grid + cell_of_pixel(width, grid)
    place = (np.arange(m)[:, None, None] * grid**2 + cell) * n_bins + bins
    counts = np.bincount(
        place.ravel(), None if weights is None else weights.ravel(), minlength=m * grid**2 * n_bins
    ).reshape(m, grid, grid, n_bins)
    return counts / np.bincount(cell.ravel()).reshape(grid, grid, 1)


def names_of_axes(prefix: str, shape: tuple[int, ...]) -> NDArray[np.object_]:
    """Names of a raveled array's entries by their indices: `prefix_0_0`, `prefix_0_1`, ..."""
    return np.array([f"{prefix}_" + "_".join(map(str, index)) for index in product(*map(range, shape))], dtype=object)


def names_of_channels(names: Iterable[str], shape: tuple[int, ...]) -> NDArray[np.object_]:
    """The names, and for images of a colour shape each followed by `_CHANNEL`, in the order of `describe_channels`."""
    tails = [f"_{channel}" for channel in range(shape[2])] if len(shape) == 3 else [""]
    return np.array([f"{name}{tail}" for name in names for tail in tails], dtype=object)
