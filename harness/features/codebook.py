"""What the features that learn a codebook from the training images share."""

import warnings
from collections.abc import Callable
from typing import Annotated

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from pydantic import Field
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

from harness.features.base import FloatMatrix, in_batches

Seed = Annotated[int, Field(ge=0, lt=2**32)] | None

# Samples of one step, large enough to keep every core at work; ten passes as Coates and Ng, Learning feature
# representations with k-means (2012), find enough.
STEP = 4096
PASSES = 10


def learn(samples: FloatMatrix, size: int, random_state: int | None, what: str) -> FloatMatrix:
    """The centres that scikit-learn's mini-batch k-means finds.

    Parameters
    ----------
    samples
        What is to be represented, of (n, d).
    size
        How many centres; with fewer samples, lowered to their number with a warning, so that one pipeline serves small
        training sizes, too.
    random_state
        Seed.
    what
        The parameter's name, for the warning.

    Returns
    -------
    float32 of (size, d).
    """
    if size > len(samples):
        warnings.warn(f"{what} lowered from {size} to {len(samples)}, all the samples that there are", stacklevel=3)
        size = len(samples)
    # Centres of few samples stay: set anew, on MNIST a fifth of them went to the flat patches, most of which are equal.
    means = MiniBatchKMeans(
        size, batch_size=STEP, max_iter=PASSES, n_init=1, reassignment_ratio=0, random_state=random_state
    ).fit(samples)
    centres: FloatMatrix = means.cluster_centers_.astype(np.float32)
    return centres


def encode_in_batches(
    encode: Callable[[NDArray[np.uint8]], FloatMatrix], images: NDArray[np.uint8], size: int
) -> FloatMatrix:
    """Encode at most `size` images at a time, in the batches of `harness.features.base`.

    On several threads, BLAS has one thread for each: its own would come on top of them, and be slower than none.

    Parameters
    ----------
    encode
        Makes a matrix (m, d) of m images.
    images
        uint8 of (n, h, w) or (n, h, w, c).
    size
        How many images together keep within the memory.

    Returns
    -------
    float32 of (n, d).
    """
    if len(images) <= size:  # finding BLAS would cost a single image more than its encoding
        return encode(images)

    def batch(part: NDArray[np.uint8]) -> FloatMatrix:
        return np.concatenate([encode(part[start : start + size]) for start in range(0, len(part), size)])

    with threadpool_limits(1 if effective_n_jobs(None) > 1 else None, user_api="blas"):
        return in_batches(batch, images)
