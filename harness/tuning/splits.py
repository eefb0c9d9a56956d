"""What settings are scored on: images out of the training subset, never of the test set."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from harness.data.subsets import Indices, validation_split


def holdout(y: NDArray[Any], fraction: float, seed: int) -> tuple[Indices, Indices]:
    """Split a training subset into a part to fit on and a part to score on, as `validation_split` does.

    Parameters
    ----------
    y
        Labels of the training subset, (n,).
    fraction
        The scored part's share, between 0 and 1; at least one image, and never the last one of a class.
    seed
        0 to 2**32 - 1.

    Returns
    -------
    Indices into `y` to fit on, and to score on, both ascending. Where no class has a second image none is left to score
    on: the second part is empty, and nothing can be tuned.
    """
    if len(np.unique(y)) == len(y):
        return np.arange(len(y)), np.arange(0)
    fitted, scored = validation_split(y, fraction, seed)
    return np.sort(fitted), np.sort(scored)


def folds(y: NDArray[Any], k: int, seed: int) -> list[tuple[Indices, Indices]]:
    """Split a training subset k times, so that each image is scored on once.

    An image that is the only one of its class is always fitted on and never scored. Of a class with fewer than k images
    some folds score none. There are no more folds than the largest class has images. So every class is fitted on in
    every fold, and every fold has an image to score on.

    Parameters
    ----------
    y
        Labels of the training subset, (n,).
    k
        Number of folds, at least 2.
    seed
        0 to 2**32 - 1.

    Returns
    -------
    For each fold the indices into `y` to fit on, and to score on, both ascending; no fold at all where no class has a
    second image.
    """
    _, classes, counts = np.unique(y, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(counts[classes] > 1)
    if len(shared) == 0:
        return []
    splitter = StratifiedKFold(min(k, int(counts.max())), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Told above: a class may have fewer images than there are folds.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        scored = [shared[chosen] for _, chosen in splitter.split(shared, classes[shared])]
    return [(np.setdiff1d(np.arange(len(y)), chosen), np.sort(chosen)) for chosen in scored]
