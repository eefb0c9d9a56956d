"""Every network keeps the contract of a builder, has the weights that its paper counts, and learns."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from harness import registry
from harness.data.base import ImageData
from harness.data.digits import Digits
from harness.data.mnist import Mnist
from harness.data.subsets import training_subset
from harness.errors import TrialError
from harness.models.accelerators import installed
from harness.models.network_classifier import NetworkClassifier, dtype_policy
from harness.models.networks.gaussian import GaussianUnits
from harness.models.networks.resnet import resnet
from harness.registry import build
from harness.suite.model import Part, TrainSpec

Shape = tuple[int, int, int]

SMALL: dict[str, dict[str, Any]] = {
    "perceptron": {},
    "rbf": {"units": 8},
    "rnn": {"units": 8, "layers": 2},
    "lstm": {"units": 8},
    "gru": {"units": 8},
    "lenet5": {},
    "resnet": {"width": 4},
}
"""The networks without a test module of their own, with parameters that make them quick."""


def images_like(shape: Shape, n: int = 5) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).random((n, *shape), np.float32)


def classifier(network: str, params: dict[str, Any], learning_rate: float = 0.003, **train: Any) -> NetworkClassifier:
    return NetworkClassifier(
        network=Part(name=network, params=params),
        optimizer=Part(name="adam", params={"learning_rate": learning_rate}),
        train=TrainSpec(**{"epochs": 1, "batch_size": 32} | train),
        n_classes=10,
        seed=0,
    )


def with_weights(network: keras.Model) -> dict[str, int]:
    return {layer.name: layer.count_params() for layer in network.layers if layer.count_params()}


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return Digits().load(None)


@pytest.fixture(scope="module")
def mnist(mnist_home: Path) -> ImageData:
    return Mnist().load(mnist_home)


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (33, 40, 3)])
@pytest.mark.parametrize("name", SMALL)
def test_gives_probabilities_of_any_image(name: str, shape: Shape) -> None:
    network = build("networks", name, SMALL[name], shape, 7)
    probabilities = network(images_like(shape))
    assert network.output_shape == (None, 7)
    np.testing.assert_allclose(np.sum(probabilities, axis=1), 1, atol=1e-6)
    assert np.std(probabilities, axis=0).min() > 0


@pytest.mark.parametrize("name", SMALL)
def test_mixed_precision_ends_in_single(name: str) -> None:
    with dtype_policy("mixed_bfloat16"):
        network = build("networks", name, SMALL[name], (8, 8, 1), 10)
    assert network.get_layer("predictions").compute_dtype == "float32"
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert keras.ops.dtype(network(images_like((8, 8, 1)))) == "float32"
    half = {layer.name for layer in network.layers if layer.compute_dtype == "bfloat16" and layer.count_params()}
    single = {"predictions", "centres"}
    assert half == set(with_weights(network)) - single


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("perceptron", {}, (784 + 1) * 10),
        ("rbf", {"units": 50}, 50 * (784 + 1) + (50 + 1) * 10),
        ("rnn", {"units": 64}, 64 * (64 + 28) + 64 + 65 * 10),
        ("lstm", {"units": 64}, 4 * (64 * (64 + 28) + 64) + 65 * 10),
        ("gru", {"units": 64}, 3 * (64 * (64 + 28) + 2 * 64) + 65 * 10),
        ("lstm", {"units": 64, "layers": 2}, 4 * (64 * (64 + 28) + 64) + 4 * (64 * (64 + 64) + 64) + 65 * 10),
        ("lstm", {"units": 64, "bidirectional": True}, 2 * 4 * (64 * (64 + 28) + 64) + 129 * 10),
    ],
)
def test_parameters_are_those_of_the_equations(name: str, params: dict[str, Any], expected: int) -> None:
    assert build("networks", name, params, (28, 28, 1), 10).count_params() == expected


@pytest.mark.parametrize("size", [28, 32])
def test_lenet5_has_the_published_layers(size: int) -> None:
    """The counts of section II.B, but for C3 (1,516 with its sparse table) and the subsamplings' coefficients."""
    network = build("networks", "lenet5", {}, (size, size, 1), 10)
    assert with_weights(network) == {"C1": 156, "C3": 2_416, "C5": 48_120, "F6": 10_164, "predictions": 850}
    shapes = {name: network.get_layer(name).output.shape[1:] for name in ("C1", "S2", "C3", "S4", "C5")}
    assert shapes == {"C1": (28, 28, 6), "S2": (14, 14, 6), "C3": (10, 10, 16), "S4": (5, 5, 16), "C5": (1, 1, 120)}


@pytest.mark.parametrize(("n", "published"), [(3, 0.27), (9, 0.85)])
def test_resnet_has_the_published_parameters(n: int, published: float) -> None:
    """He et al.'s table 6, in millions; and to the last one, from the layers (the scale and shift of every map)."""
    network = resnet((32, 32, 3), 10, n=n)
    trained = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    weighted = [layer for layer in network.layers if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense))]
    assert len(weighted) == 6 * n + 2
    assert round(trained / 1e6, 2) == published
    inner = sum(9 * (f * f) * (2 * n - (f > 16)) for f in (16, 32, 64)) + 9 * (16 * 32 + 32 * 64)
    norms = 2 * (16 + 2 * n * (16 + 32 + 64))
    assert trained == 9 * 3 * 16 + inner + norms + 65 * 10


def test_resnets_shortcut_hands_on_every_other_pixel_and_zeros() -> None:
    network = resnet((8, 8, 1), 10, width=4)
    images = images_like((8, 8, 1))
    for pad in [operation for operation in network.operations if type(operation).__name__ == "Pad"]:
        pooling = pad.input._keras_history.operation
        tensors = [pooling.input, pad.input, pad.output]
        whole, kept, padded = map(np.asarray, keras.Model(network.input, tensors)(images))
        np.testing.assert_array_equal(kept, whole[:, ::2, ::2])
        np.testing.assert_array_equal(padded[..., : kept.shape[3]], kept)
        np.testing.assert_array_equal(padded[..., kept.shape[3] :], 0)
        assert padded.shape == (*kept.shape[:3], 2 * kept.shape[3])
    assert whole.shape == (5, 4, 4, 8)


def test_images_that_resnet_cannot_halve_twice_are_refused() -> None:
    assert resnet((4, 9, 1), 10).output_shape == (None, 10)
    with pytest.raises(TrialError, match=r"3x9 images cannot be halved twice.* at least 4x4"):
        resnet((3, 9, 1), 10)


@pytest.mark.parametrize("name", ["perceptron", "mlp", "rbf"])
def test_learns_from_a_row_of_features(name: str) -> None:
    """Features of any scale and sign as images one pixel high: three clusters, far from one another."""
    rng = np.random.default_rng(0)
    y = np.arange(150) % 3
    features = (rng.normal(size=(150, 6)) + 5 * np.eye(3)[y].repeat(2, axis=1) - 2).astype(np.float32)[:, None, :, None]
    network = build("networks", name, {} if name != "rbf" else {"units": 12}, (1, 6, 1), 3)
    for layer in network.layers:
        if hasattr(layer, "adapt"):
            layer.adapt(features)
    network.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    network.fit(features, y, epochs=5, batch_size=10, verbose=0)
    probabilities = np.asarray(network(features))
    assert np.isfinite(probabilities).all()
    assert np.mean(probabilities.argmax(axis=1) == y) > 0.9


def test_recurrent_networks_read_rows_from_the_top() -> None:
    """The last step of one direction has seen the last row only through itself: with no recurrence it alone counts."""
    network = build("networks", "rnn", {"units": 8}, (6, 5, 3), 10)
    kernel, recurrent, bias = network.get_layer("rnn1").get_weights()
    network.get_layer("rnn1").set_weights([kernel, 0 * recurrent, bias])
    images = images_like((6, 5, 3))
    other = images.copy()
    other[:, :-1] = 0
    np.testing.assert_array_equal(network(images), network(other))
    other = images.copy()
    other[:, -1] = 0
    assert np.abs(np.asarray(network(images)) - network(other)).min() > 0


def test_gaussian_units_are_their_equation() -> None:
    layer = GaussianUnits(4)
    x = images_like((3, 2, 1), 6).reshape(6, 6)
    layer.build((None, 6))
    centres = layer.get_weights()[0].astype(np.float64)
    widths = np.array([0.5, 1, 1.5, 2])
    layer.set_weights([centres, np.log(widths)])
    found = layer(x)
    expected = np.exp(-((x[:, None] - centres) ** 2).sum(axis=2) / (2 * widths**2))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(("n", "units"), [(20, 8), (5, 12)])
def test_centres_start_as_training_images_and_widths_as_half_their_distance(n: int, units: int) -> None:
    images = images_like((4, 3, 1), n)
    layer = GaussianUnits(units)
    layer.build((None, 12))
    layer.adapt(images)
    centres, log_widths = layer.get_weights()
    rows = images.reshape(n, 12)
    which = [int(np.flatnonzero((rows == centre).all(axis=1))[0]) for centre in centres]
    assert len(set(which)) == min(n, units)
    assert which != sorted(which)
    squared = ((rows[:, None] - rows) ** 2).sum(axis=2).mean()
    np.testing.assert_allclose(np.exp(log_widths), np.sqrt(squared) / 2, rtol=1e-5)


def test_centres_are_taken_from_the_training_part_only(digits: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(GaussianUnits, "adapt", lambda layer, images: seen.append(images))
    options = {"validation_fraction": 0.5, "min_steps": 9}
    classifier("rbf", SMALL["rbf"], **options).fit(digits.x_train[:60], digits.y_train[:60])
    assert [len(images) for images in seen] == [30]


@pytest.mark.parametrize("image", [np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8)])
def test_images_that_are_all_alike_give_finite_weights(image: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    fitted = classifier("rbf", SMALL["rbf"]).fit(np.stack([image] * 20), np.arange(20, dtype=np.int64) % 10)
    assert all(np.isfinite(weight).all() for weight in fitted.model_.get_weights())


# Learning rate, epochs of 1,000 images in batches of 32, and what it must reach on 1,000 test images; chance is 0.1.
LEARNS: dict[str, tuple[dict[str, Any], float, int, float]] = {
    "perceptron": ({}, 0.005, 5, 0.80),
    "rbf": ({}, 0.01, 8, 0.78),
    "rnn": ({}, 0.001, 8, 0.70),
    "lstm": ({"units": 64}, 0.01, 5, 0.65),
    "gru": ({"units": 64}, 0.01, 5, 0.65),
    "lenet5": ({}, 0.004, 5, 0.82),
    "resnet": ({}, 0.002, 4, 0.80),
}


@pytest.mark.parametrize("name", LEARNS)
def test_learns_mnist(name: str, mnist: ImageData) -> None:
    params, rate, epochs, least = LEARNS[name]
    chosen = training_subset(mnist.y_train, 1000, 0)
    x, y = mnist.x_train[chosen], mnist.y_train[chosen]
    fitted = classifier(name, params, rate, epochs=epochs, batch_size=32).fit(x, y)
    predicted = fitted.predict(mnist.x_test[:1000])
    assert np.mean(predicted == mnist.y_test[:1000]) > least
    np.testing.assert_array_equal(fitted.serve()(mnist.x_test[:1000]), predicted)


@pytest.mark.parametrize("name", SMALL)
def test_a_seed_decides_everything(name: str, digits: ImageData) -> None:
    x, y = digits.x_train[:160], digits.y_train[:160]
    first, again = (classifier(name, SMALL[name]).fit(x, y) for _ in range(2))
    assert first.epochs_[0]["accuracy"] == again.epochs_[0]["accuracy"]
    for ours, theirs in zip(first.model_.get_weights(), again.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


OTHER_BACKEND = """
import sys
import keras, numpy as np
import harness.models.networks.gaussian
folder, *names = sys.argv[1:]
images = np.load(f"{folder}/images.npy")
for name in names:
    network = keras.saving.load_model(f"{folder}/{name}.keras")
    np.save(f"{folder}/{name}.npy", network.predict_on_batch(images))
    if name == "rbf":
        network.compile("sgd", "sparse_categorical_crossentropy")
        before = network.get_weights()
        network.train_on_batch(images, np.arange(len(images)))
        assert all(np.isfinite(new).all() and (old != new).any() for old, new in zip(before, network.get_weights()))
print(keras.backend.backend())
"""


# What is more than Keras's own layers; JAX takes several seconds to compile a ResNet.
@pytest.mark.parametrize(("backend", "names"), [("jax", ["rbf"]), ("torch", ["rbf", "resnet"])])
def test_a_saved_network_gives_the_same_on_other_backends_and_our_layer_trains(
    backend: str, names: list[str], tmp_path: Path
) -> None:
    if not installed(backend):
        pytest.skip(f"needs {backend}")
    shape = (8, 8, 3)
    images = images_like(shape)
    np.save(tmp_path / "images.npy", images)
    networks = {name: build("networks", name, SMALL[name], shape, 10) for name in names}
    for name, network in networks.items():
        network.save(tmp_path / f"{name}.keras")
    told = subprocess.run(
        [sys.executable, "-c", OTHER_BACKEND, str(tmp_path), *networks],
        env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout == f"{backend}\n", told.stderr
    for name, network in networks.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), network(images), atol=1e-5, err_msg=name)


def test_a_layer_that_xla_cannot_compile_is_trained_and_served_without(
    digits: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras falls back for cuDNN's LSTM and GRU; what is recorded and served is what was done."""

    def uncompilable(input_shape: Shape, n_classes: int) -> keras.Model:
        """A perceptron; stands for an LSTM on a GPU."""
        network: keras.Model = build("networks", "perceptron", {}, input_shape, n_classes)
        network.get_layer("predictions").supports_jit = False
        return network

    monkeypatch.setitem(registry.REGISTERED["networks"], "uncompilable", uncompilable)
    with pytest.warns(UserWarning, match="doesn't support `jit_compile=True`"):
        fitted = classifier("uncompilable", {}, jit_compile=True).fit(digits.x_train[:64], digits.y_train[:64])
    assert fitted.jit_compile_ is False
    np.testing.assert_array_equal(fitted.serve()(digits.x_test), fitted.predict(digits.x_test))
