"""Parameter counts against hand counts."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, GradientBoostingClassifier, RandomForestClassifier, StackingClassifier
from sklearn.feature_selection import RFE
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from harness.models import accelerators
from harness.models.estimators import n_parameters
from harness.models.estimators import n_support as counted
from harness.suite.model import Part

X, Y = load_digits(return_X_y=True)
X, Y = X[:200], Y[:200]
LINEAR = 64 * 10 + 10


def logistic() -> LogisticRegression:
    return LogisticRegression(C=1e-3)


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (logistic(), LINEAR),
        (KNeighborsClassifier(), 200 * (64 + 1)),
        (GaussianNB(), 2 * 64 * 10 + 10),
        (MLPClassifier((7,), max_iter=2), (64 + 1) * 7 + (7 + 1) * 10),
        (make_pipeline(PCA(5), logistic()), 5 * 64 + 64 + 5 * 10 + 10),
        (make_pipeline(Normalizer(), logistic()), LINEAR),
        (GridSearchCV(logistic(), {"C": [1e-3, 1e-4]}), LINEAR),
        (BaggingClassifier(make_pipeline(Normalizer(), GaussianNB()), 3, bootstrap=False), 3 * (2 * 64 * 10 + 10)),
        (GaussianProcessClassifier(max_iter_predict=1), None),
        (make_pipeline(PCA(5), GaussianProcessClassifier(max_iter_predict=1)), None),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_counts_by_hand(estimator: Any, expected: int | None) -> None:
    assert n_parameters(estimator.fit(X, Y)) == expected


def test_a_stump_has_one_threshold_on_one_feature() -> None:
    assert n_parameters(DecisionTreeClassifier(max_depth=1).fit(X, Y)) == 2 + 2 * 10


def test_a_forest_is_the_sum_of_its_trees() -> None:
    forest = RandomForestClassifier(4, random_state=0).fit(X, Y)
    trees = [n_parameters(tree) for tree in forest.estimators_]
    assert n_parameters(forest) == sum(tree or 0 for tree in trees)
    assert min(tree or 0 for tree in trees) > 2 + 2 * 10


def test_boosting_has_a_tree_per_round_and_class_with_one_value_per_leaf() -> None:
    boosting = GradientBoostingClassifier(n_estimators=3, max_depth=1).fit(X, Y)
    assert n_parameters(boosting) == 3 * 10 * (2 + 2)


def test_stacking_counts_its_final_estimator() -> None:
    stacking = StackingClassifier([("nb", GaussianNB())], logistic(), cv=2).fit(X, Y)
    assert n_parameters(stacking) == (2 * 64 * 10 + 10) + (10 * 10 + 10)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_a_kernel_machine_keeps_its_support_vectors(kernel: str) -> None:
    two = Y < 2
    svc = SVC(kernel=kernel).fit(X[two], Y[two])
    n_support = int(np.sum(svc.n_support_))
    assert n_parameters(svc) == n_support * (64 + 1) + 1
    for whole in (make_pipeline(Normalizer(), SVC()), GridSearchCV(SVC(), {"C": [1]}), SVC()):
        whole.fit(X[two], Y[two])
        last = getattr(whole, "best_estimator_", whole)
        last = last[-1] if hasattr(last, "steps") else last
        assert counted(whole) == len(last.support_vectors_)
    assert counted(LogisticRegression().fit(X[two], Y[two])) is None
    selected = make_pipeline(Normalizer(), RFE(logistic(), n_features_to_select=60, step=4)).fit(X[two], Y[two])
    assert counted(selected) is None


@pytest.mark.skipif(find_spec("sklearnex") is None, reason="scikit-learn-intelex is not installed")
def test_support_vectors_are_counted_where_sklearnex_computes() -> None:
    machine = accelerators.build(Part(name="sklearn.svm.SVC", params={"C": 10}), 0, "classifier", "sklearnex").fit(X, Y)
    assert counted(machine) == len(machine.estimator_.support_vectors_)
