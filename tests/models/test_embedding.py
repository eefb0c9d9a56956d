"""A network's inner layer as features."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import SVC

from harness.data.digits import Digits
from harness.errors import SuiteError, TrialError
from harness.models.embedding import Embedding
from harness.suite.load import parse_suite
from harness.suite.model import Part, Source, Suite, TrainSpec
from harness.suite.plan import expand

TRAIN = TrainSpec(epochs=8, batch_size=32)
SUITE = """suite: s
datasets: [digits]
sizes: [100]
pipelines:
  hybrid:
    features: [{embedding: {network: NETWORK}}]
    estimator: sklearn.svm.SVC
  scaled-mlp: {features: [hog, sklearn.preprocessing.StandardScaler], network: mlp}
  upright-cnn: {features: deskew, network: cnn}
  plain: {features: hog, estimator: sklearn.svm.SVC}
  deep: {network: cnn}
"""


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    data = Digits().load(None)
    return data.x_train[:300], data.y_train[:300], data.x_test, data.y_test


def test_what_was_learned_helps_and_is_the_same_again(digits) -> None:
    x, y, x_test, y_test = digits
    made = [Embedding(network=Part(name="mlp"), train=TRAIN, random_state=0).fit(x, y) for _ in range(2)]
    train, test = made[0].transform(x), made[0].transform(x_test)
    assert train.dtype == np.float32
    assert train.shape == (300, 256) == (300, len(made[0].get_feature_names_out()))
    assert np.mean(SVC().fit(train, y).predict(test) == y_test) > 0.85
    np.testing.assert_array_equal(made[1].transform(x_test), test)


def test_an_untrained_network_needs_no_labels_and_another_layer_can_be_named(digits) -> None:
    x = digits[0]
    made = Embedding(network=Part(name="cnn"), trained=False, layer="flatten", random_state=1).fit(x)
    assert made.transform(x[:5]).shape == (5, 2 * 2 * 32)
    assert made.n_parameters_ > 0


def test_pooled_features_are_the_means_of_channels(digits) -> None:
    x = digits[0][:20]
    params = {"network": Part(name="cnn"), "trained": False, "layer": "pool1", "random_state": 1}
    maps = Embedding(**params).fit(x).transform(x).reshape(20, -1, 16)
    pooled = Embedding(**params, pool="mean").fit(x)
    np.testing.assert_allclose(pooled.transform(x), maps.mean(axis=1), rtol=1e-5)
    assert pooled.get_feature_names_out().tolist() == [f"embedding_{channel}" for channel in range(16)]


def test_shuffled_labels_teach_nothing_and_other_images_something(digits) -> None:
    x, y, x_test, y_test = digits
    source = Source(dataset=Part(name="digits"), n_train=150)

    def right(**params) -> float:
        network = Part(name="mlp", params={"depth": 1})
        made = Embedding(network=network, layer="predictions", train=TRAIN, random_state=0, **params).fit(x, y)
        return float(np.mean(made.transform(x_test).argmax(axis=1) == y_test))

    assert right(labels="shuffled") < 0.3
    # The labels given here would teach nothing, either: the other images have their own.
    y = np.zeros_like(y)
    assert right(source=source) > 0.6


def test_an_autoencoders_code(digits) -> None:
    network = Part(name="autoencoder", params={"code": 6, "widths": [16], "epochs": 2})
    made = Embedding(network=network, layer="code", trained=False, pool="none", random_state=0).fit(digits[0])
    assert made.transform(digits[0][:3]).shape == (3, 6)


@pytest.mark.parametrize(
    ("params", "y", "message"),
    [
        ({"layer": "nowhere", "trained": False}, None, "has no layer 'nowhere'; it has"),
        ({"pool": "mean", "trained": False}, None, r"the last layer of mlp gives \(256,\), not maps"),
        ({"labels": "shuffled", "trained": False}, None, "trained is false"),
        ({"source": Source(dataset=Part(name="digits"), n_train=9), "trained": False}, None, "trained is false"),
        ({}, None, "needs labels"),
    ],
)
def test_what_cannot_be_is_said(digits, params, y, message) -> None:
    with pytest.raises(TrialError, match=message):
        Embedding(network=Part(name="mlp"), random_state=0, **params).fit(digits[0], y)


def test_families_and_backends_of_mixed_pipelines() -> None:
    suite = parse_suite(SUITE.replace("NETWORK", "{cnn: {width: 4}}"), "s.yaml")
    trials = expand(suite, lambda part: 1200)
    assert {trial.pipeline: (trial.family, trial.backend) for trial in trials} == {
        "hybrid": ("hybrid", "tensorflow"),
        "scaled-mlp": ("hybrid", "tensorflow"),
        "upright-cnn": ("hybrid", "tensorflow"),
        "plain": ("traditional", None),
        "deep": ("deep", "tensorflow"),
    }


@pytest.mark.parametrize(
    ("network", "message"),
    [("cnm", "unknown network 'cnm'; did you mean 'cnn'?"), ("{cnn: {widht: 4}}", "unknown key 'widht'")],
)
def test_a_network_inside_is_checked_where_it_stands(network: str, message: str) -> None:
    with pytest.raises(SuiteError, match=r"s\.yaml:6:.*network") as caught:
        parse_suite(SUITE.replace("NETWORK", network), "s.yaml")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "network: mlp}",
            "network: mlp, train: {augment: {shift: 0.1}}}",
            "changes images, and .* gives the network fe",
        ),
        ("features: hog, estimator", "features: deskew, estimator", "'deskew' gives images, and an estimator takes"),
    ],
)
def test_what_comes_last_must_give_what_the_model_takes(before: str, after: str, message: str) -> None:
    good = SUITE.replace("NETWORK", "cnn")
    with pytest.raises(SuiteError, match=message):
        parse_suite(good.replace(before, after), "s.yaml")
    parse_suite(
        good.replace("network: cnn}\n  plain", "network: cnn, train: {augment: {shift: 0.1}}}\n  plain"), "s.yaml"
    )


def test_only_parts_that_a_suite_may_name_are_named_inside() -> None:
    with pytest.raises(SuiteError, match=r"os\.system"):
        parse_suite(SUITE.replace("NETWORK", "os.system"), "s.yaml")
    assert isinstance(parse_suite(SUITE.replace("NETWORK", "lenet5"), "s.yaml"), Suite)
