"""Every feature that makes a matrix of images tells real digits apart."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from harness import registry
from harness.data.mnist import Mnist
from harness.data.subsets import training_subset
from harness.features import build_features
from harness.suite.model import Part
from harness.suite.parts import handling

# About 3 points below what 1,000 training and 1,000 test images were measured to give; chance is 0.1.
LEAST = {
    "pixels": 0.82,
    "hog": 0.9,
    "lbp": 0.82,
    "zoning": 0.82,
    "projection": 0.74,
    "hu": 0.43,
    "glcm": 0.53,
    "gabor": 0.9,
    "edges": 0.87,
    "colour": 0.23,
    "zernike": 0.66,
    "haar": 0.84,
    "topology": 0.4,
    "regions": 0.65,
    "bovw": 0.82,
    "patches": 0.87,
    "scattering": 0.86,
}
# The slower ones are asked for less than their defaults.
PARAMS = {
    "bovw": {"words": 50, "step": 4, "sample": 5000},
    "patches": {"centres": 50, "sample": 10000},
    "scattering": {"order": 1},
}
MODELS = {
    "svm": make_pipeline(StandardScaler(), SVC(kernel="linear")),
    "forest": RandomForestClassifier(100, random_state=0),
}


@pytest.fixture(scope="module")
def mnist(mnist_home):
    data = Mnist().load(mnist_home)
    chosen = training_subset(data.y_train, 1000, 0)
    return data.x_train[chosen], data.y_train[chosen], data.x_test[:1000], data.y_test[:1000]


def test_every_feature_that_makes_a_matrix_of_images_is_tried():
    # `embedding` is what a network learns, which tests/models tries.
    features = registry.BUILT_IN["features"].keys() - {"embedding"}
    assert LEAST.keys() == {name for name in features if handling(name) == ("images", "matrix")}


@pytest.mark.parametrize("name", LEAST)
def test_a_linear_svm_and_a_forest_learn_from_it(name, mnist):
    x_train, y_train, x_test, y_test = mnist
    feature = build_features([Part(name=name, params=PARAMS.get(name, {}))], seed=0).fit(x_train)
    train, test = feature.transform(x_train), feature.transform(x_test)
    accuracies = {model: np.mean(MODELS[model].fit(train, y_train).predict(test) == y_test) for model in MODELS}

    assert min(accuracies.values()) > LEAST[name], accuracies
