"""How many numbers a fitted estimator has learned, and how many training images it keeps."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np

from harness.models.accelerated import Accelerated

LEARNED = (
    "coef_", "intercept_", "coefs_", "intercepts_",  # linear models, discriminants, perceptrons
    "theta_", "var_", "class_prior_", "feature_log_prob_", "class_log_prior_", "centroids_",  # naive Bayes, centroids
    "components_", "mean_", "scale_",  # PCA, scalers
)  # fmt: skip


def n_parameters(estimator: Any) -> int | None:
    """Count the numbers that fitting has set and prediction needs.

    ======================================== =====================================================================
    estimator                                counted
    ======================================== =====================================================================
    network                                  all weights
    kernel SVM                               support vectors, dual coefficients and intercepts
    decision tree                            feature and threshold of each inner node, class values of each leaf
    forest, bagging, boosting, one-vs-rest   the sum over its estimators
    k nearest neighbours                     the stored images' features and labels
    xgboost, lightgbm                        as decision trees, each with one value per leaf
    explainable boosting machine             cuts between the bins, the bins' scores of each term, intercepts
    linear, naive Bayes, perceptron, PCA     coefficients, intercepts, means and so on (`LEARNED`)
    pipeline                                 the sum over its steps; a transformer with none of these counts as 0
    search                                   the best estimator
    accelerated                              as scikit-learn's own
    ======================================== =====================================================================

    Parameters
    ----------
    estimator
        A fitted scikit-learn estimator, accelerated or not, or a fitted `NetworkClassifier`.

    Returns
    -------
    int or None
        None for an estimator that this table does not cover.
    """
    if isinstance(estimator, Accelerated):
        # A copy, because asking a forest of sklearnex for its trees makes it keep them, which doubles its size.
        return n_parameters(copy.copy(estimator.estimator_))
    if hasattr(estimator, "n_parameters_"):
        return int(estimator.n_parameters_)
    if hasattr(estimator, "best_estimator_"):
        return n_parameters(estimator.best_estimator_)
    if hasattr(estimator, "get_booster"):
        trees = estimator.get_booster().get_dump()
        return _nodes(sum(tree.count("leaf=") for tree in trees), len(trees))
    if hasattr(estimator, "booster_"):
        trees = estimator.booster_.dump_model()["tree_info"]
        return _nodes(sum(tree["num_leaves"] for tree in trees), len(trees))
    if hasattr(estimator, "term_scores_"):
        cuts = sum(len(level) for levels in estimator.bins_ for level in levels)
        return cuts + _size(estimator, ("term_scores_", "intercept_"))
    if hasattr(estimator, "steps"):
        *transformers, (_, last) = estimator.steps
        final = n_parameters(last)
        return None if final is None else final + sum(n_parameters(step) or 0 for _, step in transformers)
    if hasattr(estimator, "estimators_"):
        return _total(estimator)
    if hasattr(estimator, "tree_"):
        tree = estimator.tree_
        return int(2 * (tree.node_count - tree.n_leaves) + tree.n_leaves * tree.value[0].size)
    if hasattr(estimator, "support_vectors_"):
        return _size(estimator, ("support_vectors_", "dual_coef_", "intercept_"))
    if hasattr(estimator, "support_"):
        return None  # cuML tells which images support a machine of several classes, but not their vectors.
    if hasattr(estimator, "n_samples_fit_"):
        return int(estimator.n_samples_fit_ * (estimator.n_features_in_ + 1))
    return _size(estimator, LEARNED) or None


def n_support(estimator: Any) -> int | None:
    """Count the support vectors of a kernel SVM: training images that its decisions are made of.

    Parameters
    ----------
    estimator
        A fitted scikit-learn estimator, accelerated or not; of a pipeline its last step counts, of a search its best.

    Returns
    -------
    int or None
        None for anything else.
    """
    if isinstance(estimator, Accelerated):
        return n_support(estimator.estimator_)
    if hasattr(estimator, "best_estimator_"):
        return n_support(estimator.best_estimator_)
    if hasattr(estimator, "steps"):
        return n_support(estimator.steps[-1][1])
    support = getattr(estimator, "support_", None)
    # Feature selection has a `support_`, too, and no dual coefficients.
    if support is None or not hasattr(estimator, "dual_coef_"):
        return None
    return int(np.shape(support)[0])


def _nodes(leaves: int, trees: int) -> int:
    """Numbers of binary trees: a feature and a threshold of each inner node, one value of each leaf."""
    return 2 * (leaves - trees) + leaves


def _total(ensemble: Any) -> int | None:
    """The sum over an ensemble's members; None if one of them is unknown."""
    members = ensemble.estimators_
    members = list(members.ravel() if isinstance(members, np.ndarray) else members)
    if hasattr(ensemble, "final_estimator_"):
        members.append(ensemble.final_estimator_)
    counts = [n_parameters(member) for member in members]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _size(estimator: Any, names: tuple[str, ...]) -> int:
    """Numbers held in those of the attributes that are there, each an array or a list of arrays."""
    held = [getattr(estimator, name) for name in names if getattr(estimator, name, None) is not None]
    arrays = [array for value in held for array in (value if isinstance(value, list) else [value])]
    return sum(math.prod(np.shape(array)) for array in arrays)
