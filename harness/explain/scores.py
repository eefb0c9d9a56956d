"""What a fitted classifier says of features, as probabilities, whatever the classifier; and which features it heeds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.feature_selection import f_classif

from harness.features.base import FloatMatrix

PERMUTED_IMAGES = 100
PERMUTED_FEATURES = 512
# Entries of a matrix of permuted copies, 64 MB of them.
CHUNK = 2**24


def probabilities(estimator: Any, matrix: FloatMatrix) -> NDArray[np.float64]:
    """Probability of each of the estimator's classes, (n, k).

    An estimator without `predict_proba` gives the softmax of its `decision_function` (of minus and plus half of it
    where there are two classes, which is the logistic function), one without that 1 for the class that it predicts.
    """
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(matrix), dtype=np.float64)
    if hasattr(estimator, "decision_function"):
        decision = np.asarray(estimator.decision_function(matrix), dtype=np.float64)
        if decision.ndim == 1:
            decision = np.stack([-decision / 2, decision / 2], axis=1)
        return np.asarray(softmax(decision, axis=1))
    return np.asarray(estimator.predict(matrix)[:, None] == estimator.classes_, dtype=np.float64)


def importances(estimator: Any, matrix: FloatMatrix, seed: int) -> NDArray[np.float64]:
    """How much of a classifier's output hangs on each feature; the same rule for every classifier.

    The permutation importance (Breiman 2001; as reliance of a model, Fisher, Rudin and Dominici, JMLR 20, 2019) of the
    output: the values of one feature are permuted between images, and the importance is how far this moves the
    probabilities, in total variation distance, mean over images. Not the fall of accuracy, which is 0 for every feature
    where a classifier is sure, and needs labels that a network may have learned by heart. Of more than
    `PERMUTED_FEATURES` features, those that differ least between the predicted classes (F statistic) are not tried and
    count as 0.

    Parameters
    ----------
    estimator
        A fitted classifier.
    matrix
        Features of images that nothing was fitted on, (n, d); up to `PERMUTED_IMAGES` of them are used.
    seed
        Decides the permutation.

    Returns
    -------
    float64 of (d,), not negative, 0 for constant features.
    """
    n, d = matrix.shape
    found = np.zeros(d)
    tried = np.flatnonzero(varying(matrix))
    if len(tried) > PERMUTED_FEATURES:
        predicted = estimator.predict(matrix)
        several = len(np.unique(predicted)) > 1
        strength = np.nan_to_num(f_classif(matrix[:, tried], predicted)[0]) if several else np.zeros(len(tried))
        tried = np.sort(tried[np.argsort(-strength, kind="stable")[:PERMUTED_FEATURES]])
    used = matrix[np.linspace(0, n - 1, min(n, PERMUTED_IMAGES)).astype(int)]
    before = probabilities(estimator, used)
    # One rotation of a random order: no image keeps its own value.
    order = np.random.default_rng(seed).permutation(len(used))
    others = np.empty_like(order)
    others[order] = np.roll(order, 1)
    size = max(1, CHUNK // max(1, used.size))
    for start in range(0, len(tried), size):
        part = tried[start : start + size]
        copies = np.repeat(used[None], len(part), axis=0)
        copies[np.arange(len(part)), :, part] = used[others][:, part].T
        after = probabilities(estimator, copies.reshape(-1, d)).reshape(len(part), *before.shape)
        found[part] = np.abs(after - before).sum(axis=2).mean(axis=1) / 2
    return found


def varying(matrix: FloatMatrix) -> NDArray[np.bool_]:
    """Which features differ between images, beyond what rounding does."""
    spread = matrix.std(axis=0, dtype=np.float64)
    return np.asarray(spread > 1e-6 * np.maximum(np.abs(matrix).max(axis=0), 1e-6))


def weights(importance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Importances as shares; equal ones where nothing matters to the classifier."""
    total = float(importance.sum())
    return importance / total if total > 0 else np.full(len(importance), 1 / max(len(importance), 1))
