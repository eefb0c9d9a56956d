"""Disentanglement, completeness and informativeness of features with respect to nameable properties.

Eastwood and Williams, A framework for the quantitative evaluation of disentangled representations (ICLR 2018). Its
factors are here the properties, which, unlike the factors of a generator, depend on each other; so values of 1 are out
of reach, and only differences between representations say something.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LassoCV
from sklearn.preprocessing import StandardScaler

FOLDS = 3
PENALTIES = 8


class Dci(NamedTuple):
    """The three scores, 0 to 1."""

    disentanglement: float
    completeness: float
    informativeness: float


def dci(features: NDArray[Any], properties: NDArray[np.float64], seed: int) -> Dci:
    """Predict each property from the features with a lasso, as the paper does, and look at its coefficients.

    Parameters
    ----------
    features
        Codes, (n, d).
    properties
        Factors, (n, p); constant ones are left out.
    seed
        Decides which quarter of the images is held out.

    Returns
    -------
    Dci
        Disentanglement: whether a feature serves one property only, one minus the entropy of its row of absolute
        coefficients, weighted by the rows' sums. Completeness: whether a property is served by one feature, mean over
        the properties of one minus the entropy of its column. Informativeness: R2 of the predicted properties on images
        held out, negative ones as 0, mean (the paper's is a normalised error, lower for better). NaN where fewer than
        two features or properties vary.
    """
    order = np.random.default_rng(seed).permutation(len(features))
    held, fitted = np.split(order, [max(1, len(order) // 4)])
    codes, factors = features.astype(np.float64), properties
    codes = codes[:, codes[fitted].std(axis=0) > 0]
    factors = factors[:, factors[fitted].std(axis=0) > 0]
    if codes.shape[1] < 2 or factors.shape[1] < 2:
        return Dci(*[float("nan")] * 3)
    x, z = (StandardScaler().fit(matrix[fitted]).transform(matrix) for matrix in (codes, factors))
    weights, scores = np.zeros((codes.shape[1], factors.shape[1])), []
    for place in range(factors.shape[1]):
        model = LassoCV(alphas=PENALTIES, eps=1e-2, cv=FOLDS, precompute=True, tol=1e-2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x[fitted], z[fitted, place])
        weights[:, place] = np.abs(model.coef_)
        spread = float(np.var(z[held, place]))
        error = float(np.mean((z[held, place] - model.predict(x[held])) ** 2))
        scores.append(max(0.0, 1 - error / spread) if spread > 0 else 0.0)
    return Dci(*_specialised(weights), float(np.mean(scores)))


def _specialised(weights: NDArray[np.float64]) -> tuple[float, float]:
    """Disentanglement and completeness of importances, (d, p)."""
    total = float(weights.sum())
    if total == 0:
        return 0.0, 0.0
    rows, columns = weights.sum(axis=1), weights.sum(axis=0)
    disentangled = float(np.sum(rows / total * (1 - _entropy(weights))))
    # The mean over the properties; one that no feature serves counts as 0.
    complete = float(np.mean(np.where(columns > 0, 1 - _entropy(weights.T), 0)))
    return disentangled, complete


def _entropy(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entropy of each row's shares, to the base of their number."""
    shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
    logs = np.log(np.where(shares > 0, shares, 1))
    found: NDArray[np.float64] = -(shares * logs).sum(axis=1) / np.log(weights.shape[1])
    return found
