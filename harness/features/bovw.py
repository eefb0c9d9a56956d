"""Bags of visual words."""

import importlib.util
import math
from itertools import product
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from pydantic import Field
from skimage.feature import daisy
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from harness.errors import TrialError
from harness.features.base import (
    FloatMatrix,
    Positive,
    Takes,
    cell_histograms,
    check_images,
    check_side,
)
from harness.features.codebook import Seed, encode_in_batches, learn

# Of one image at most this many descriptors, so that the codebook sees many images.
FROM_ONE_IMAGE = 100
# SIFT describes 4x4 cells, each 1.5 times as wide as its keypoint's size: OpenCV's SIFT_DESCR_SCL_FCTR, 3 for a radius.
SIFT_WIDTH = 6
# Values of histograms counted at once, 2 MB.
BATCH = 2**18


class Bovw(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Bag of visual words: histograms of local descriptors by their nearest k-means centre, in a spatial pyramid.

    Descriptors are taken at points of a regular grid, the image being continued by its border's pixels; k-means finds
    the words among those of the training images. Level l of the pyramid has 2 ** l cells along each side. Of a colour
    image, a point's descriptors of all channels together make one.

    Parameters
    ----------
    descriptor
        `daisy`, by scikit-image, or `sift`, by OpenCV, which the extra `opencv` installs; both of fixed size, upright.
    size
        Side of the square that a descriptor describes, in pixels.
    step
        Pixels from one point to the next.
    words
        How many words, or as many as there are descriptors sampled.
    levels
        Levels of the pyramid; 1 is the plain bag.
    norm
        `l1`: shares of the points of each cell, weighted by level as Lazebnik et al. do, 1 in all; `l2`: these set to
        length 1; `root`: the square roots of `l1`.
    sample
        From how many descriptors k-means learns, at most.
    random_state
        Seed of the sampling and of k-means; the trial's seed where not given.

    References
    ----------
    Csurka et al., Visual categorization with bags of keypoints (ECCV Workshop 2004); Lazebnik, Schmid and Ponce,
    Beyond bags of features: spatial pyramid matching (CVPR 2006). Descriptors: Tola, Lepetit and Fua, DAISY (IEEE TPAMI
    32, 2010); Lowe, Distinctive image features from scale-invariant keypoints (IJCV 60, 2004); of the channels
    together: van de Sande, Gevers and Snoek, Evaluating color descriptors (IEEE TPAMI 32, 2010). Square roots: Vedaldi
    and Zisserman, Efficient additive kernels (IEEE TPAMI 34, 2012).
    """

    takes: ClassVar[Takes] = "images"
    learned: ClassVar[bool] = True

    def __init__(
        self,
        *,
        descriptor: Literal["daisy", "sift"] = "daisy",
        size: Annotated[int, Field(ge=4)] = 10,
        step: Positive = 2,
        words: Annotated[int, Field(ge=2)] = 200,
        levels: Annotated[int, Field(ge=1, le=5)] = 3,
        norm: Literal["l1", "l2", "root"] = "root",
        sample: Annotated[int, Field(ge=2)] = 50_000,
        random_state: Seed = None,
    ) -> None:
        self.descriptor = descriptor
        self.size = size
        self.step = step
        self.words = words
        self.levels = levels
        self.norm = norm
        self.sample = sample
        self.random_state = random_state

    def fit(self, X: NDArray[np.uint8], y: Any = None) -> Self:  # noqa: N803
        """Learn the words from descriptors of the images, uint8 of (n, h, w) or (n, h, w, c).

        Raises
        ------
        TrialError
            If a cell of the pyramid has no point, or OpenCV is wanted and not installed.
        """
        shape = check_images(X)
        cells = 2 ** (self.levels - 1)
        check_side(
            shape,
            (cells - 1) * self.step + self.step // 2 + 1,
            f"bovw: {cells}x{cells} cells of points {self.step} pixels apart",
            "make levels or step smaller",
        )
        if self.descriptor == "sift" and importlib.util.find_spec("cv2") is None:
            raise TrialError(
                "bovw: descriptor sift needs OpenCV, which is not installed; pip install 'harness[opencv]'"
            )
        self.image_shape_ = shape
        random = np.random.default_rng(self.random_state)
        points = math.prod(len(range(self.step // 2, side, self.step)) for side in shape[:2])
        each = min(points, FROM_ONE_IMAGE)
        chosen = random.permutation(len(X))[: -(-self.sample // each)]
        found = Parallel()(
            delayed(self._some)(X[index], random.permutation(points)[:each]) for index in np.sort(chosen)
        )
        samples = np.concatenate(found)[: self.sample]
        self.words_ = learn(samples, self.words, self.random_state, "bovw: words")
        return self

    def transform(self, X: NDArray[np.uint8]) -> FloatMatrix:  # noqa: N803
        """Histograms as float32 of (n, cells of all levels * words); the word counts fastest."""
        check_is_fitted(self)
        check_images(X, self.image_shape_)
        return encode_in_batches(self._encode, X, max(1, BATCH // (len(self._cells()) * len(self.words_))))

    def _describe(self, image: NDArray[np.uint8]) -> FloatMatrix:
        """Descriptors (rows, columns, d) at the points of an image."""
        describe = daisies if self.descriptor == "daisy" else sifts
        planes = np.moveaxis(image, -1, 0) if image.ndim == 3 else image[None]
        return np.concatenate([describe(plane, self.size, self.step) for plane in planes], axis=-1)

    def _some(self, image: NDArray[np.uint8], points: NDArray[np.intp]) -> FloatMatrix:
        described = self._describe(image)
        return described.reshape(-1, described.shape[-1])[points]

    def _encode(self, images: NDArray[np.uint8]) -> FloatMatrix:
        # Half of the squared distance, less what is the same for all words. (scikit-learn's own function would, on
        # several threads at once, leave BLAS limited to one thread for good.)
        lengths = (self.words_**2).sum(axis=1) / 2
        nearest = np.stack([(lengths - self._describe(image) @ self.words_.T).argmin(axis=-1) for image in images])
        parts = []
        for level in range(self.levels):
            # Lazebnik et al.: half as much for each coarser level; the two coarsest alike, so that the sum is 1.
            weight = 2.0 ** (max(level, 1) - self.levels) if self.levels > 1 else 1
            histograms = cell_histograms(nearest, len(self.words_), 2**level)
            parts.append(histograms.reshape(len(images), -1) * weight / 4**level)
        shares = np.concatenate(parts, axis=1)
        if self.norm == "root":
            shares = np.sqrt(shares)
        elif self.norm == "l2":
            shares /= np.linalg.norm(shares, axis=1, keepdims=True)
        return shares.astype(np.float32)

    def _cells(self) -> list[str]:
        """`LEVEL_ROW_COLUMN` of each cell."""
        return [
            f"{level}_{row}_{column}"
            for level in range(self.levels)
            for row, column in product(range(2**level), repeat=2)
        ]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`bovw_LEVEL_CELLROW_CELLCOLUMN_WORD`."""
        check_is_fitted(self)
        words = range(len(self.words_))
        return np.array([f"bovw_{cell}_{word}" for cell in self._cells() for word in words], dtype=object)


def daisies(plane: NDArray[np.uint8], size: int, step: int) -> FloatMatrix:
    """DAISY descriptors (rows, columns, 136) of one channel, at every `step`-th pixel: a centre and two rings of 8."""
    radius = size // 2
    padded = np.pad(plane / np.float32(255), radius, mode="edge")[step // 2 :, step // 2 :]
    described: FloatMatrix = daisy(padded, step=step, radius=radius, rings=2, histograms=8, orientations=8)
    return described.astype(np.float32, copy=False)


def sifts(plane: NDArray[np.uint8], size: int, step: int) -> FloatMatrix:
    """SIFT descriptors (rows, columns, 128) of one channel, at every `step`-th pixel, upright, of length 1 or 0."""
    import cv2

    padded = np.pad(plane, size, mode="edge")
    rows, columns = (range(size + step // 2, size + side, step) for side in plane.shape)
    points = [cv2.KeyPoint(x=column, y=row, size=size / SIFT_WIDTH, angle=0) for row in rows for column in columns]
    # A keypoint's size is twice the deviation of the blur it was found at.
    sift: Any = cv2.SIFT_create(sigma=size / SIFT_WIDTH / 2)  # type: ignore[attr-defined]  # of which cv2 says nothing
    described: FloatMatrix = sift.compute(padded, points)[1] / np.float32(512)
    return described.reshape(len(rows), len(columns), -1)
