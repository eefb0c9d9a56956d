"""Similarities to small patches that k-means finds in the training images."""

import math
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import linalg
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from harness.features.base import FloatMatrix, Positive, Takes, cell_of_pixel, check_images, check_side, names_of_axes
from harness.features.codebook import Seed, encode_in_batches, learn

# Added to the variance of a patch of brightness 0 to 255, and to those of the whitened directions: Coates's own code.
CONTRAST = 10
WHITENING = 0.1
# Squared distances that are less than this share of the patch's squared length are computed again.
NEAR = 0.01
# Similarities computed at once, 2 MB, which stay near the processor.
BATCH = 2**19


class Patches(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Similarities to k-means centres of small patches, averaged over the cells of a grid (Coates, Lee and Ng).

    Patches drawn at random from the training images are set to mean 0 and variance 1 each, whitened together (ZCA), and
    k-means finds the centres. Of an image, every patch counts for each centre by as much as it is nearer to it than to
    the average centre (the paper's triangle activation); the paper sums where this averages. All channels of a colour
    image make one patch.

    Parameters
    ----------
    size
        Side of a patch.
    centres
        How many centres, or as many as there are patches sampled.
    step
        Pixels from one patch of an image to the next.
    grid
        Cells along each side of the image; the paper's quadrants are 2.
    whiten
        Whiten the patches.
    sample
        From how many patches k-means learns, at most.
    random_state
        Seed of the sampling and of k-means; the trial's seed where not given.

    References
    ----------
    Coates, Lee and Ng, An analysis of single-layer networks in unsupervised feature learning (AISTATS 2011).
    """

    takes: ClassVar[Takes] = "images"
    learned: ClassVar[bool] = True

    def __init__(
        self,
        *,
        size: Annotated[int, Field(ge=2)] = 6,
        centres: Annotated[int, Field(ge=2)] = 400,
        step: Positive = 1,
        grid: Positive = 2,
        whiten: bool = True,
        sample: Annotated[int, Field(ge=2)] = 100_000,
        random_state: Seed = None,
    ) -> None:
        self.size = size
        self.centres = centres
        self.step = step
        self.grid = grid
        self.whiten = whiten
        self.sample = sample
        self.random_state = random_state

    def fit(self, X: NDArray[np.uint8], y: Any = None) -> Self:  # noqa: N803
        """Learn the whitening and the centres from patches of the images, uint8 of (n, h, w) or (n, h, w, c).

        Raises
        ------
        TrialError
            If the images hold fewer patches along a side than the grid has cells.
        """
        shape = check_images(X)
        check_side(
            shape,
            self.size + (self.grid - 1) * self.step,
            f"patches: a grid of {self.grid}x{self.grid} cells of patches of {self.size}x{self.size} pixels",
            "make size, grid or step smaller",
        )
        self.image_shape_ = shape
        random = np.random.default_rng(self.random_state)
        windows = self._windows(X)
        total = math.prod(windows.shape[:3])
        chosen = random.choice(total, min(self.sample, total), replace=False, shuffle=False)
        samples = normalised(windows[np.unravel_index(chosen, windows.shape[:3])])
        self.mean_ = samples.mean(axis=0)
        self.whitening_ = zca(samples) if self.whiten else np.eye(samples.shape[1], dtype=np.float32)
        self.centres_ = learn(
            (samples - self.mean_) @ self.whitening_, self.centres, self.random_state, "patches: centres"
        )
        return self

    def transform(self, X: NDArray[np.uint8]) -> FloatMatrix:  # noqa: N803
        """Mean activations as float32 of (n, grid ** 2 * centres); the centre counts fastest."""
        check_is_fitted(self)
        check_images(X, self.image_shape_)
        rows, columns = self._windows(X[:1]).shape[1:3]
        return encode_in_batches(self._encode, X, max(1, BATCH // (rows * columns * len(self.centres_))))

    def _windows(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """All patches of the images, without a copy: (n, rows, columns, ...)."""
        view = np.lib.stride_tricks.sliding_window_view(images, (self.size, self.size), axis=(1, 2))
        return view[:, :: self.step, :: self.step]

    def _encode(self, images: NDArray[np.uint8]) -> FloatMatrix:
        windows = self._windows(images)
        m, rows, columns = windows.shape[:3]
        cell_row, cell_column = (cell_of_pixel(side, self.grid) for side in (rows, columns))
        first_columns = np.searchsorted(cell_column, np.arange(self.grid))
        sums = np.zeros((m, self.grid, self.grid, len(self.centres_)), np.float32)
        # A large image is taken a few rows of patches at a time.
        height = max(1, BATCH // (m * columns * len(self.centres_)))
        for top in range(0, rows, height):
            part = windows[:, top : top + height]
            patches = normalised(part.reshape(-1, *windows.shape[3:]))
            active = triangle((patches - self.mean_) @ self.whitening_, self.centres_)
            by_column = np.add.reduceat(active.reshape(m, -1, columns, active.shape[1]), first_columns, axis=2)
            for offset in range(by_column.shape[1]):
                sums[:, cell_row[top + offset]] += by_column[:, offset]
        counts = np.outer(np.bincount(cell_row), np.bincount(cell_column))
        sums /= counts[..., None].astype(np.float32)
        return sums.reshape(m, -1)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`patches_CELLROW_CELLCOLUMN_CENTRE`."""
        check_is_fitted(self)
        return names_of_axes("patches", (self.grid, self.grid, len(self.centres_)))


def normalised(patches: NDArray[np.uint8]) -> FloatMatrix:
    """Patches (n, ...) as rows of mean 0 and variance 1, of little contrast less."""
    rows = patches.reshape(len(patches), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.sqrt((rows**2).mean(axis=1, keepdims=True) + CONTRAST)
    return rows


def zca(samples: FloatMatrix) -> FloatMatrix:
    """The matrix (d, d) that makes the covariance of the samples near the identity, and turns them least."""
    variances, directions = linalg.eigh(np.cov(samples, rowvar=False, dtype=np.float64))
    whitening: FloatMatrix = (directions / np.sqrt(variances + WHITENING) @ directions.T).astype(np.float32)
    return whitening


def triangle(patches: FloatMatrix, centres: FloatMatrix) -> FloatMatrix:
    """By how much less than its mean distance to all centres a patch is away from each, or 0, as (n, k)."""
    # Squared distances as one product: (p, |p|^2, 1) by (-2 c, 1, |c|^2).
    table = np.concatenate([-2 * centres, np.ones((len(centres), 1)), (centres**2).sum(axis=1, keepdims=True)], axis=1)
    lengths = (patches**2).sum(axis=1, keepdims=True)
    distances = np.concatenate([patches, lengths, np.ones_like(lengths)], axis=1) @ table.astype(np.float32).T
    # Of what is near, the difference of such large numbers keeps few digits, and the root would blow up the error.
    near, centre = np.divmod(np.flatnonzero(distances < NEAR * lengths), len(centres))
    distances[near, centre] = ((patches[near] - centres[centre]) ** 2).sum(axis=1)
    # By rounding, a small patch's distance can come out negative.
    np.sqrt(np.maximum(distances, 0, out=distances), out=distances)
    np.subtract(distances.mean(axis=1, keepdims=True), distances, out=distances)
    return np.maximum(distances, 0, out=distances)
