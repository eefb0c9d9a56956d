"""How well nameable properties predict each feature."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import PolynomialFeatures, QuantileTransformer, SplineTransformer, StandardScaler

FOLDS = 5
KNOTS = 5
ALPHAS = np.logspace(0, 4, 5)


class Predicted(NamedTuple):
    """Cross-validated R2 of each feature, (d,), and how much of it falls without each property, (d, p)."""

    r2: NDArray[np.float64]
    fall: NDArray[np.float64]


def predict_features(
    properties: NDArray[np.float64], features: NDArray[Any], seed: int, *, falls: bool = False
) -> Predicted:
    """Predict features from properties, on images that the prediction was not fitted on.

    One ridge regression for all features on a fixed expansion of the properties: cubic splines of each one's rank
    (Eilers and Marx 1996 for penalised splines) and all products of two, standardised; the penalty of each feature is
    chosen inside the fitted images by leave-one-out (Golub, Heath and Wahba 1979, by scikit-learn's RidgeCV). Thus any
    smooth dependence on one property and the simplest interactions count as explained, and no more than those: a person
    could not follow them either.

    Parameters
    ----------
    properties
        (n, p), as `properties.bank` gives them.
    features
        (n, d), none of them constant.
    seed
        Decides the 5 folds.
    falls
        Whether to tell what each property contributes: R2 less R2 with that property permuted between the images of a
        fold. Zeros without it.

    Returns
    -------
    Predicted
        R2 of the pooled predictions, against the mean; below 0 (worse than the mean) it is given as 0.
    """
    n, p = properties.shape
    y = StandardScaler().fit_transform(features.astype(np.float64))
    errors = np.zeros(y.shape[1])
    without = np.zeros((y.shape[1], p))
    random = np.random.default_rng(seed)
    for fitted, held in KFold(min(FOLDS, n), shuffle=True, random_state=seed).split(properties):
        model = _regression(p, len(fitted))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(properties[fitted], y[fitted])
        errors += _squares(y[held] - model.predict(properties[held]).reshape(len(held), -1))
        for place in range(p if falls else 0):
            permuted = properties[held].copy()
            permuted[:, place] = random.permutation(permuted[:, place])
            without[:, place] += _squares(y[held] - model.predict(permuted).reshape(len(held), -1))
    r2 = np.clip(1 - errors / n, 0, 1)
    fall = np.clip((without - errors[:, None]) / n, 0, None) if falls else without
    # What is not explained cannot be explained by one of them.
    return Predicted(r2, np.minimum(fall, r2[:, None]))


def shuffled(properties: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """The control: every image with the properties of another."""
    return np.random.default_rng(seed).permutation(properties)


def _regression(p: int, n: int) -> Any:
    knots = np.repeat(np.linspace(0, 1, KNOTS)[:, None], p, axis=1)
    splines = make_pipeline(QuantileTransformer(n_quantiles=min(n, 200)), SplineTransformer(knots=knots))
    products = make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False))
    return make_pipeline(make_union(splines, products), StandardScaler(), RidgeCV(ALPHAS, alpha_per_target=True))


def _squares(residuals: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = (residuals**2).sum(axis=0)
    return found
