"""How well one small tree imitates a classifier."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from harness.features.base import FloatMatrix

# The number of leaves by which representations are compared.
LEAVES = 32


def fidelities(
    estimator: Any, train: FloatMatrix, held: FloatMatrix, leaves: Iterable[int], seed: int
) -> dict[int, float]:
    """Share of held-out images on which a CART tree says what the classifier says, for each number of leaves.

    The tree is fitted to the classifier's predictions of the training images, in the space of the features (global
    surrogate: Craven and Shavlik, NIPS 1995; trees: Breiman et al. 1984, by scikit-learn), leaf by leaf where that
    purifies most.

    Parameters
    ----------
    estimator
        A fitted classifier.
    train, held
        Features of training images and of others, (n, d) and (m, d).
    leaves
        How many leaves a tree may have, 2 or more.
    seed
        Decides between splits that are equally good.
    """
    told, truth = estimator.predict(train), estimator.predict(held)
    made = {}
    for count in sorted(set(leaves)):
        tree = DecisionTreeClassifier(max_leaf_nodes=count, random_state=seed).fit(train, told)
        made[count] = float(np.mean(tree.predict(held) == truth))
    return made
