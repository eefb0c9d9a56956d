"""How few features a classifier can do with."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from harness.features.base import FloatMatrix

ENOUGH = 0.95


class Sparsity(NamedTuple):
    """Accuracy with the k most important features, and how many carry 95% of that with all."""

    counts: tuple[int, ...]
    accuracies: tuple[float, ...]
    needed: float


def sparsity(
    estimator: Any,
    order: NDArray[np.intp],
    train: FloatMatrix,
    y_train: NDArray[np.int64],
    held: FloatMatrix,
    y_held: NDArray[np.int64],
) -> Sparsity:
    """Fit the same classifier anew on the 1, 2, 4, ... most important features of the training images.

    Parameters
    ----------
    estimator
        A classifier, whose settings are taken.
    order
        All d features, the most important first.
    train, y_train
        What it is fitted on.
    held, y_held
        Images that neither it nor the features were fitted on: a network that has learned its training images by heart
        would seem to need few features on them.

    Returns
    -------
    Sparsity
        `needed` is interpolated on the logarithm of k between the last count that falls short and the next.
    """
    d = len(order)
    counts = sorted({min(2**power, d) for power in range(math.ceil(math.log2(max(d, 1))) + 1)})
    accuracies = []
    for count in counts:
        chosen = order[:count]
        fitted = clone(estimator).fit(np.ascontiguousarray(train[:, chosen]), y_train)
        accuracies.append(float(np.mean(fitted.predict(np.ascontiguousarray(held[:, chosen])) == y_held)))
    return Sparsity(tuple(counts), tuple(accuracies), needed(counts, accuracies))


def needed(counts: list[int], accuracies: list[float]) -> float:
    """Where accuracy first reaches 95% of the last, on a line over log k."""
    target = ENOUGH * accuracies[-1]
    reached = next(place for place, accuracy in enumerate(accuracies) if accuracy >= target)
    if reached == 0:
        return float(counts[0])
    (below, above), (few, many) = accuracies[reached - 1 : reached + 1], counts[reached - 1 : reached + 1]
    return float(few * (many / few) ** ((target - below) / (above - below)))
