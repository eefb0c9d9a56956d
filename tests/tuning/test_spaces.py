from __future__ import annotations

import warnings

import numpy as np
import pytest
import threadpoolctl
from sklearn.datasets import make_classification

from harness import registry, sklearn_parts
from harness.suite.domains import KINDS, Range, settable
from harness.suite.model import Part, Pipeline, Tuning
from harness.suite.parts import check_part
from harness.tuning.search import tune
from harness.tuning.settings import space_of_pipeline, with_params
from harness.tuning.spaces import ESTIMATORS, SHIPPED, space_of

ALL = [
    (piece, name)
    for piece, spaces in SHIPPED.items()
    for name in spaces
    if name.startswith("sklearn.") or name in registry.BUILT_IN[KINDS[piece]]
]
FORESTS = [f"sklearn.ensemble.{name}Classifier" for name in ("RandomForest", "ExtraTrees", "GradientBoosting")]
# For the test's speed.
FEW = {
    **{name: {"n_estimators": 5} for name in FORESTS},
    "sklearn.ensemble.HistGradientBoostingClassifier": {"max_iter": 3},
    "sklearn.neural_network.MLPClassifier": {"max_iter": 3},
    "sklearn.linear_model.LogisticRegression": {"max_iter": 20},
}
SCIKIT_LEARN = {name: FEW.get(name, {}) for name in ESTIMATORS if name.startswith("sklearn.")}
# Whose space depends on a setting, and other values of that setting.
VARIANTS = [
    ("estimator", "sklearn.svm.SVC", {"kernel": "poly"}, {"C", "gamma", "degree", "coef0"}),
    ("estimator", "sklearn.svm.SVC", {"kernel": "linear"}, {"C"}),
    ("estimator", "sklearn.svm.SVC", {"kernel": "sigmoid", "C": 1}, {"gamma"}),
    ("estimator", FORESTS[0], {"bootstrap": False}, {"max_features", "min_samples_leaf"}),
    ("estimator", FORESTS[1], {"bootstrap": True}, {"max_features", "min_samples_leaf", "max_samples"}),
    ("estimator", "sklearn.discriminant_analysis.LinearDiscriminantAnalysis", {"solver": "eigen"}, {"shrinkage"}),
    ("estimator", "sklearn.discriminant_analysis.LinearDiscriminantAnalysis", {"solver": "svd"}, set()),
    ("estimator", "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis", {"solver": "eigen"}, {"shrinkage"}),
    ("network", "vgg16", {"head": "pooled", "weights": "imagenet"}, set()),
    ("network", "vgg16", {"dropout": 0.5}, {"initializer", "batch_norm"}),
    ("network", "autoencoder", {}, {"code", "fine_tune"}),
    ("network", "autoencoder", {"kind": "denoising"}, {"code", "fine_tune", "noise"}),
    ("network", "autoencoder", {"kind": "variational"}, {"code", "fine_tune", "beta"}),
    ("network", "autoencoder", {"kind": "sparse", "code": 9}, {"fine_tune", "sparsity", "sparsity_weight"}),
]


@pytest.mark.parametrize(("piece", "name"), ALL, ids=[name for _, name in ALL])
def test_every_part_takes_all_that_is_tried_for_it(piece, name):
    for key, domain in space_of(Part(name=name), piece).items():
        for value in domain.probes():
            assert list(check_part(KINDS[piece], {name: {key: value}}, ())) == []


@pytest.mark.parametrize(("piece", "name", "params", "keys"), VARIANTS)
def test_a_space_may_depend_on_what_the_suite_sets(piece, name, params, keys):
    space = space_of(Part(name=name, params=params), piece)

    assert set(space) == keys
    assert keys <= set(settable(piece, name))


@pytest.mark.parametrize("kind", ["estimators", "networks", "optimizers"])
def test_every_built_in_part_has_a_space(kind):
    assert set(registry.BUILT_IN[kind]) <= set(SHIPPED[kind[:-1]])


def test_every_optimizer_is_given_a_learning_rate_over_four_powers_of_ten():
    for name in SHIPPED["optimizer"]:
        rate = space_of(Part(name=name), "optimizer")["learning_rate"]
        assert isinstance(rate, Range)
        assert rate.log
        assert rate.high / rate.low == pytest.approx(1e4)
        assert rate.low <= settable("optimizer", name)["learning_rate"] <= rate.high


def test_a_part_that_ships_none_has_an_empty_space():
    assert space_of(Part(name="sklearn.ensemble.StackingClassifier"), "estimator") == {}


def scored_on_the_last_third(spec, x, y):
    n = 2 * len(x) // 3

    def objective(params):
        part = with_params(spec, params).estimator
        return sklearn_parts.build(part.name, part.params, 0, "classifier").fit(x[:n], y[:n]).score(x[n:], y[n:])

    return objective


@pytest.mark.parametrize(("name", "few"), SCIKIT_LEARN.items())
def test_scikit_learn_s_classifiers_fit_what_is_tried_for_them(name, few):
    x, y = make_classification(90, 12, n_informative=6, n_classes=3, random_state=0)
    x = np.abs(x)  # What MultinomialNB takes; the others do not mind.
    spec = Pipeline.model_validate({"features": "pixels", "estimator": {name: few}})

    steps = []
    # One thread: on a busy machine two that wait for each other take a hundred times as long for so little.
    with warnings.catch_warnings(), threadpoolctl.threadpool_limits(1):
        warnings.simplefilter("ignore")
        tuned = tune(scored_on_the_last_third(spec, x, y), space_of_pipeline(spec), Tuning(trials=4), 0, steps.append)

    assert [step.message for step in steps] == [None] * len(steps)
    assert tuned.score >= tuned.own_score
    assert len(steps) == (4 if space_of_pipeline(spec) else 1)


def test_tuning_finds_what_fewer_images_than_features_need():
    x, y = make_classification(60, 40, n_informative=6, random_state=0)
    spec = Pipeline.model_validate(
        {"features": "pixels", "estimator": "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis"}
    )

    tuned = tune(scored_on_the_last_third(spec, x, y), space_of_pipeline(spec), Tuning(trials=5), 0, lambda step: None)

    assert tuned.own_score is None
    assert tuned.params["estimator.shrinkage"] > 0
    assert tuned.score > 0.5
