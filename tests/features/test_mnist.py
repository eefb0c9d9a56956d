"""Every feature of images tells real digits apart."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from harness import registry
from harness.data.mnist import Mnist
from harness.data.subsets import training_subset

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


def test_every_feature_of_images_is_tried():
    features = registry.BUILT_IN["features"]
    assert LEAST.keys() == {name for name in features if registry.load_part("features", name).takes == "images"}


@pytest.mark.parametrize("name", LEAST)
def test_a_linear_svm_and_a_forest_learn_from_it(name, mnist):
    x_train, y_train, x_test, y_test = mnist
    feature = registry.build("features", name, {}).fit(x_train)
    train, test = feature.transform(x_train), feature.transform(x_test)
    accuracies = {model: np.mean(MODELS[model].fit(train, y_train).predict(test) == y_test) for model in MODELS}

    assert min(accuracies.values()) > LEAST[name], accuracies
