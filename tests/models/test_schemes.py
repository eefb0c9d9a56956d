"""Which layers are trained when: the rest stays as it was, and the budget is that of joint training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from harness.data.base import ImageData
from harness.data.digits import Digits
from harness.data.mnist import Mnist
from harness.data.subsets import training_subset
from harness.errors import DataError, SuiteError, TrialError
from harness.models import schemes
from harness.models.network_classifier import NetworkClassifier
from harness.registry import build
from harness.suite.load import parse_suite
from harness.suite.model import Part, Pipeline, Source, TrainSpec
from harness.suite.parts import sources_of

CNN = Part(name="cnn", params={"width": 4, "dense_units": 16})
MLP = Part(name="mlp", params={"width": 8, "depth": 1})
DIGITS = Source(dataset=Part(name="digits"), n_train=60)
TRANSFERRED = {"transferred": {"dataset": "digits", "n_train": 60}}
SUITE = """suite: s
datasets: [digits]
sizes: [100]
pipelines:
  deep: {network: cnn, train: {scheme: SCHEME, epochs: 4}}
  hybrid:
    features: [{embedding: {network: cnn, source: {dataset: digits, n_train: 60}, train: {scheme: SCHEME}}}]
    estimator: sklearn.svm.SVC
"""


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return Digits().load(None)


@pytest.fixture
def fitted(digits: ImageData) -> Callable[..., NetworkClassifier]:
    """A small network trained by a scheme on 100 digits."""

    def made(scheme: Any = "joint", network: Part = CNN, **options: Any) -> NetworkClassifier:
        train = TrainSpec(**{"epochs": 4, "batch_size": 32, "scheme": scheme} | options)
        adam = Part(name="adam", params={"learning_rate": 0.01})
        classifier = NetworkClassifier(network=network, optimizer=adam, train=train, n_classes=10, seed=5)
        return classifier.fit(digits.x_train[:100], digits.y_train[:100])

    return made


def weights(classifier: NetworkClassifier) -> dict[str, list[NDArray[Any]]]:
    """By layer, and every network's layers in one order."""
    layers = [layer for layer in classifier.model_.layers if layer.weights]
    return {f"{number} {layer.name}": layer.get_weights() for number, layer in enumerate(layers)}


def same(first: list[NDArray[Any]], second: list[NDArray[Any]]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def changed(first: NetworkClassifier, second: NetworkClassifier) -> list[str]:
    """Names of the layers whose weights differ."""
    ours, theirs = weights(first), weights(second)
    return [name.partition(" ")[2] for name in ours if not same(ours[name], theirs[name])]


def untrained(digits: ImageData, network: Part = CNN) -> NetworkClassifier:
    made = NetworkClassifier(network=network, optimizer=Part(name="adam"), train=TrainSpec(), n_classes=10, seed=5)
    return made.build(digits.x_train[:100])


def test_frozen_layers_stay_as_initialised_moving_averages_too(fitted, digits: ImageData) -> None:
    network = Part(name="cnn", params=CNN.params | {"batch_norm": True})
    frozen = fitted("frozen", network)
    assert changed(frozen, untrained(digits, network)) == ["predictions"]
    assert [row["epoch"] for row in frozen.epochs_] == [1, 2, 3, 4]
    assert frozen.epochs_[-1]["loss"] < frozen.epochs_[0]["loss"]
    assert frozen.n_parameters_ == untrained(digits, network).model_.count_params()
    assert sum(int(np.prod(weight.shape)) for weight in frozen.model_.trainable_weights) == 17 * 10


def test_stages_are_trained_in_order_within_the_budget(
    fitted, digits: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int, int, dict[str, list[NDArray[Any]]]]] = []
    run = NetworkClassifier._run

    def spied(self: NetworkClassifier, stage: Any, trained: keras.Model, *rest: Any) -> None:
        run(self, stage, trained, *rest)
        numbers = sum(int(np.prod(weight.shape)) for weight in trained.trainable_weights)
        seen.append((stage.epochs, int(trained.optimizer.iterations), numbers, weights(self)))

    monkeypatch.setattr(NetworkClassifier, "_run", spied)
    staged = fitted("stagewise", epochs=9, steps_per_execution=2)
    # conv1, conv2, the hidden layer, the softmax; the first two with a softmax on 2x2 positions of each channel.
    assert [(epochs, steps) for epochs, steps, *_ in seen] == [(3, 12), (2, 8), (2, 8), (2, 8)]
    heads = [(4 * 4 + 1) * 10, (4 * 8 + 1) * 10, 17 * 10, 0]
    own = [10 * 4, (9 * 4 + 1) * 8, (2 * 2 * 8 + 1) * 16, 17 * 10]
    assert [numbers for *_, numbers, _ in seen] == [head + layer for head, layer in zip(heads, own, strict=True)]
    before = weights(untrained(digits))
    for number, (*_, after) in enumerate(seen):
        moved = [place for place, name in enumerate(after) if not same(after[name], before[name])]
        assert moved == [number]
        before = after
    assert [row["epoch"] for row in staged.epochs_] == list(range(1, 10))
    assert staged.n_parameters_ == untrained(digits).model_.count_params()
    seconds = [row["seconds"] for row in staged.epochs_]
    assert seconds == sorted(seconds)


def test_more_stages_than_epochs_share_the_gradient_steps_and_a_seed_decides_all(fitted) -> None:
    staged, again = (fitted("stagewise", MLP, epochs=1, min_steps=13) for _ in range(2))
    assert [(stage.epochs, stage.steps) for stage in staged.stages_] == [(1, 7), (1, 6)]
    assert int(staged.model_.optimizer.iterations) == 6
    assert len(staged.epochs_) == 2
    assert changed(staged, again) == []
    assert [row["loss"] for row in staged.epochs_] == [row["loss"] for row in again.epochs_]
    assert schemes.shares(20, 8, 16) == [(2, 8)] * 4 + [(1, 8)] * 12
    assert schemes.shares(1, 1, 3) == [(1, 1)] * 3


def test_layers_come_from_the_other_dataset(fitted, digits: ImageData) -> None:
    moved = fitted(TRANSFERRED, MLP)
    x, y, n_classes = schemes.source_images(DIGITS, 5, (8, 8))
    lender = NetworkClassifier(
        network=MLP, optimizer=moved.optimizer, train=TrainSpec(epochs=4, batch_size=32), n_classes=n_classes, seed=5
    ).fit(x, y)
    assert changed(moved, lender) == ["predictions"]
    assert changed(moved, untrained(digits, MLP)) == ["hidden1", "predictions"]
    assert moved.source_s_ > 0
    assert moved.epochs_[0]["seconds"] > moved.source_s_
    assert len(moved.epochs_) == 4


def test_joint_training_is_keras_itself(fitted, digits: ImageData) -> None:
    """Whatever schemes there are, a network without one is what Keras makes of the same calls."""
    ours = fitted(network=MLP)
    keras.utils.set_random_seed(5)
    model = build("networks", "mlp", MLP.params, (8, 8, 1), 10)
    adam = build("optimizers", "adam", {"learning_rate": 0.01}, 16)
    model.compile(adam, "sparse_categorical_crossentropy", jit_compile=False)
    x = digits.x_train[:100, ..., np.newaxis].astype(np.float32) / 255
    model.fit(x, digits.y_train[:100], batch_size=32, epochs=4, verbose=0)
    assert same(ours.model_.get_weights(), model.get_weights())
    assert all(layer.trainable for layer in ours.model_.layers)


@pytest.mark.parametrize(
    ("name", "params", "shape", "expected"),
    [
        ("mlp", {}, (8, 8, 1), [["hidden1"], ["hidden2"], ["predictions"]]),
        ("cnn", {"batch_norm": True}, (8, 8, 1), [["conv1", "norm1"], ["conv2", "norm2"], ["dense"], ["predictions"]]),
        ("lenet5", {}, (28, 28, 1), [["C1"], ["C3"], ["C5"], ["F6"], ["predictions"]]),
        ("lstm", {"layers": 2, "units": 4}, (8, 8, 1), [["lstm1"], ["lstm2"], ["predictions"]]),
        ("rbf", {"units": 4}, (8, 8, 1), [["centres"], ["predictions"]]),
    ],
)
def test_stages_of_networks(name: str, params: dict[str, Any], shape: tuple[int, ...], expected: Any) -> None:
    _, *found = schemes.groups(build("networks", name, params, shape, 10))
    assert [[layer.name for layer in group.layers if layer.weights] for group in found] == expected


def test_a_residual_block_is_one_stage() -> None:
    model = build("networks", "resnet", {"n": 2, "width": 4}, (8, 8, 3), 10)
    _, *found = schemes.groups(model)
    convolutions = [sum(isinstance(layer, keras.layers.Conv2D) for layer in group.layers) for group in found]
    assert convolutions == [1, *[2] * 6, 0]
    assert [tuple(group.output.shape[1:]) for group in found[-3:]] == [(2, 2, 16), (2, 2, 16), (10,)]


def test_frozen_layers_drop_nothing_but_the_softmax_inputs(digits: ImageData) -> None:
    made = untrained(digits)
    schemes.freeze(schemes.groups(made.model_)[:-1])
    rates = [layer.rate for layer in made.model_.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.0, 0.5]


@pytest.mark.parametrize("scheme", ["frozen", "stagewise", TRANSFERRED])
def test_a_network_without_a_hidden_layer_has_no_stages(fitted, scheme: Any) -> None:
    with pytest.raises(TrialError, match=r"perceptron: no layer before the softmax .*use scheme: joint"):
        fitted(scheme, Part(name="perceptron"), epochs=1)


@pytest.mark.parametrize(
    ("shape", "message"), [((100,), r"of shape \(100,\); expected grey or RGB"), ((8, 8, 4), "expected grey or RGB")]
)
def test_only_images_can_come_from_elsewhere(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(TrialError, match=message):
        schemes.source_images(DIGITS, 0, shape)


def test_source_images_are_made_alike(mnist_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_DATA_HOME", str(mnist_home))
    source = Source(dataset=Part(name="mnist"), n_train=20)
    grey, y, n_classes = schemes.source_images(source, 0, (28, 28))
    mnist = Mnist().load(mnist_home)
    assert n_classes == 10
    chosen = np.sort(training_subset(mnist.y_train, 20, 0))
    np.testing.assert_array_equal(grey, mnist.x_train[chosen])
    np.testing.assert_array_equal(y, mnist.y_train[chosen])
    colour, *_ = schemes.source_images(source, 0, (28, 28, 3))
    np.testing.assert_array_equal(colour, np.repeat(grey[..., np.newaxis], 3, axis=3))
    wide, *_ = schemes.source_images(source, 0, (28, 40, 1))
    np.testing.assert_array_equal(wide[:, :, 6:34, 0], grey)
    assert not wide[:, :, :6].any()
    assert not wide[:, :, 34:].any()
    small, *_ = schemes.source_images(source, 0, (14, 14))
    assert abs(small.mean() - grey.mean()) < 1
    with pytest.raises(DataError, match="expected 1 to 60000"):
        schemes.source_images(Source(dataset=Part(name="mnist"), n_train=60_001), 0, (28, 28))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("SCHEME, epochs", "greedy, epochs", "expected joint, frozen, stagewise or"),
        (
            "SCHEME, epochs",
            "{transferred: {dataset: digit, n_train: 9}}, epochs",
            "dataset: unknown dataset 'digit'; did",
        ),
        ("source: {dataset: digits", "source: {dataset: digit", "source.*dataset: unknown dataset 'digit'; did"),
        ("SCHEME}", "{transferred: {dataset: digit, n_train: 9}}}", "dataset: unknown dataset 'digit'; did"),
        (
            "SCHEME, epochs: 4",
            "frozen, validation_fraction: 0.2, early_stopping: {patience: 2}",
            "early_stopping goes with scheme: joint alone",
        ),
    ],
)
def test_mistakes_are_told_where_they_stand(before: str, after: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message) as caught:
        parse_suite(SUITE.replace(before, after).replace("SCHEME", "frozen"), "s.yaml")
    assert len(str(caught.value).splitlines()) == 1


def test_sources_of_a_pipeline() -> None:
    suite = parse_suite(SUITE.replace("SCHEME", "{transferred: {dataset: mnist, n_train: 9}}"), "s.yaml")
    names = {name: [one.dataset.name for one in sources_of(spec)] for name, spec in suite.pipelines.items()}
    assert names == {"deep": ["mnist"], "hybrid": ["digits", "mnist"]}
    assert sources_of(Pipeline(network=CNN)) == []
