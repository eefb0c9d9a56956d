"""Which training images a trial sees: nested, stratified, and the same for every pipeline at a seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError

Indices = NDArray[np.int64]


def nested_order(y: NDArray[Any], seed: int) -> Indices:
    """Order all images so that every prefix is stratified: the first n of it are the subset of size n.

    Images are shuffled within their class, and the class of the next image is chosen by the Webster (Sainte-Laguë)
    method: the r-th image (from 0) of a class of N_c comes at (r + 1/2) / N_c, ties in random order.

    With N images in k classes, N_c of them in class c, the first n hold n·N_c/N images of class c, give or take at
    most (1 + k·N_c/N) / 2: at most one image where classes are equally frequent.

    Parameters
    ----------
    y
        Labels, (N,).
    seed
        0 to 2**32 - 1.

    Returns
    -------
    A permutation of 0..N-1, int64.

    References
    ----------
    Balinski and Young, Fair Representation (1982), on the Webster method.
    """
    # RandomState rather than a Generator: its streams are frozen, so a subset stays the same in every NumPy release.
    shuffled = np.random.RandomState(seed).permutation(len(y))
    _, classes, counts = np.unique(y[shuffled], return_inverse=True, return_counts=True)
    by_class = np.argsort(classes, kind="stable")
    rank = np.empty(len(y), dtype=np.int64)
    rank[by_class] = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    position = (rank + 0.5) / counts[classes]
    return shuffled[np.argsort(position, kind="stable")].astype(np.int64)


def training_subset(y: NDArray[Any], n: int, seed: int) -> Indices:
    """Indices of `n` training images; a larger subset at the same seed contains every smaller one.

    Raises
    ------
    DataError
        If there are fewer than `n` images.
    """
    if not 1 <= n <= len(y):
        raise DataError(f"{n} training images were asked for; expected 1 to {len(y)}, which is all there are")
    return nested_order(y, seed)[:n]


def validation_split(y: NDArray[Any], fraction: float, seed: int) -> tuple[Indices, Indices]:
    """Split a training subset into a part to train on and a stratified validation part.

    Parameters
    ----------
    y
        Labels of the training subset alone, (n,): what is validated on comes out of what would be trained on.
    fraction
        The validation part's share, between 0 and 1; rounded to whole images, at least one. One image of every class
        stays in the training part, at the cost of the share, as long as that leaves any image to validate on.
    seed
        0 to 2**32 - 1.

    Returns
    -------
    Indices into `y` to train on, and to validate on.

    Raises
    ------
    DataError
        If there are fewer than two images.
    """
    if len(y) < 2:
        raise DataError(f"{len(y)} training image cannot be split; a validation part needs at least 2 training images")
    order = nested_order(y, seed)
    kept = np.zeros(len(y), dtype=bool)
    # The last of its class in the order is the last that a validation part would take.
    kept[len(y) - 1 - np.unique(y[order][::-1], return_index=True)[1]] = True
    n_free = int(np.count_nonzero(~kept))
    n_validation = min(max(round(fraction * len(y)), 1), max(n_free, 1))
    queue = np.concatenate((order[~kept], order[kept]))
    return queue[n_validation:], queue[:n_validation]
