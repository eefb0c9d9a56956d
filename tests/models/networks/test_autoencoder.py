"""The autoencoders learn to give images back without a label, and each kind does what its paper says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from harness.data.base import ImageData
from harness.data.mnist import Mnist
from harness.data.subsets import training_subset
from harness.errors import DivergedError, TrialError
from harness.models.network_classifier import NetworkClassifier, dtype_policy
from harness.models.networks.autoencoder import autoencoder
from harness.models.networks.encoder import Encoder, Masking, Sampling, Sparsity
from harness.suite.model import Part, TrainSpec

KINDS = ["plain", "variational", "denoising", "sparse"]
# Accuracy on 1,000 test images after 1,000 training images, the encoder frozen; chance is 0.1.
LEARNS = {"plain": 0.75, "variational": 0.75, "denoising": 0.75, "sparse": 0.6}
QUICK: dict[str, Any] = {"epochs": 1, "code": 4, "widths": (8,), "batch_size": 8}


def images_like(n: int, shape: tuple[int, int, int] = (6, 5, 1)) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).random((n, *shape), np.float32)


def encoder(**options: Any) -> Encoder:
    layer: Encoder = autoencoder((6, 5, 1), 3, **{**QUICK, **options}).get_layer("code")
    return layer


@pytest.fixture(scope="module")
def mnist(mnist_home: Path) -> ImageData:
    return Mnist().load(mnist_home)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_images_back_without_labels_and_its_code_tells_digits(
    kind: str, mnist: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    adapt = Encoder.adapt
    monkeypatch.setattr(Encoder, "adapt", lambda layer, images: made.append((images, adapt(layer, images))))
    chosen = training_subset(mnist.y_train, 1000, 0)
    fitted = NetworkClassifier(
        network=Part(name="autoencoder", params={"kind": kind, "epochs": 5, "batch_size": 64, "learning_rate": 0.005}),
        optimizer=Part(name="adam", params={"learning_rate": 0.02}),
        train=TrainSpec(epochs=5, batch_size=64),
        n_classes=10,
        seed=0,
    ).fit(mnist.x_train[chosen], mnist.y_train[chosen])
    ((seen, trained),) = made
    test = mnist.x_test[:1000, ..., np.newaxis].astype(np.float32) / 255
    squares = np.mean((np.asarray(trained(test)) - test) ** 2)
    assert len(seen) == 1000
    assert squares < np.mean((seen.mean(axis=0) - test) ** 2) * 0.65
    assert np.mean(fitted.predict(mnist.x_test[:1000]) == mnist.y_test[:1000]) > LEARNS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_any_image_gives_a_code_and_probabilities(kind: Any) -> None:
    network = autoencoder((6, 5, 3), 7, kind=kind, code=4, widths=(9, 8))
    images = images_like(5, (6, 5, 3))
    code = keras.Model(network.input, network.get_layer("code").output)(images)
    assert code.shape == (5, 4)
    np.testing.assert_allclose(np.sum(network(images), axis=1), 1, atol=1e-6)
    assert network.count_params() == (90 + 1) * 9 + (9 + 1) * 8 + (8 + 1) * 4 + (4 + 1) * 7


def test_mixed_precision_ends_in_single() -> None:
    with dtype_policy("mixed_bfloat16"):
        network = autoencoder((6, 5, 1), 3, **QUICK)
    assert network.get_layer("code").compute_dtype == "bfloat16"
    assert network.get_layer("predictions").compute_dtype == "float32"
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert network.get_layer("code").adapt(images_like(8))(images_like(2)).dtype == "float32"


@pytest.mark.parametrize("fine_tune", [False, True])
def test_labels_move_the_encoder_only_where_it_is_fine_tuned(fine_tune: bool) -> None:
    network = autoencoder((6, 5, 1), 3, fine_tune=fine_tune, **QUICK)
    layer = network.get_layer("code")
    random = layer.get_weights()
    layer.adapt(images_like(20))
    without_labels = layer.get_weights()
    network.compile("adam", "sparse_categorical_crossentropy")
    network.fit(images_like(20), np.arange(20) % 3, verbose=0)
    for before, between, after in zip(random, without_labels, layer.get_weights(), strict=True):
        assert (before != between).any()
        assert np.array_equal(between, after) is not fine_tune


def test_a_seed_decides_the_training_without_labels() -> None:
    """Noise included; of variational ones, on other backends, in tests/models/test_augment.py."""
    weights = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        layer = encoder(kind="denoising")
        layer.adapt(images_like(20))
        weights.append(np.concatenate([weight.ravel() for weight in layer.get_weights()]))
    np.testing.assert_array_equal(*weights)


def test_few_images_are_passed_over_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    fit = keras.Model.fit

    def counted(model: keras.Model, x: Any, y: Any, **options: Any) -> Any:
        log = fit(model, x, y, **options)
        steps.append(int(model.optimizer.iterations.numpy()))
        return log

    monkeypatch.setattr(keras.Model, "fit", counted)
    encoder(epochs=2, min_steps=9).adapt(images_like(16))
    assert steps == [12]


def test_a_denoising_encoder_does_not_see_a_part_of_the_pixels() -> None:
    images = 1 + images_like(200, (10, 10, 1))
    layer = Masking(0.3)
    left = np.asarray(layer(images, training=True))
    assert np.mean(left == 0) == pytest.approx(0.3, abs=0.02)
    np.testing.assert_array_equal(left[left > 0], images[left > 0])
    assert np.std(np.mean(left == 0, axis=0)) > 0
    np.testing.assert_array_equal(layer(images), images)


def test_the_variational_divergence_is_the_integral_and_samples_have_their_moments() -> None:
    mean = np.array([[0.5, -1.0]], np.float32)
    log_variance = np.array([[-1.0, 0.5]], np.float32)
    layer = Sampling(2.0)
    drawn = np.asarray(layer([np.repeat(mean, 20_000, 0), np.repeat(log_variance, 20_000, 0)], training=True))
    # The integral of q * log(q / p), on a grid.
    z = np.linspace(-12, 12, 20_001)[:, np.newaxis]
    variance = np.exp(log_variance)
    log_q = -((z - mean) ** 2) / (2 * variance) - np.log(2 * np.pi * variance) / 2
    log_p = -(z**2) / 2 - np.log(2 * np.pi) / 2
    expected = np.sum(np.exp(log_q) * (log_q - log_p)) * (z[1, 0] - z[0, 0])
    assert float(layer.losses[0]) == pytest.approx(2 * expected, rel=1e-4)
    np.testing.assert_allclose(drawn.mean(axis=0), mean[0], atol=0.03)
    np.testing.assert_allclose(drawn.var(axis=0), variance[0], rtol=0.05)
    np.testing.assert_array_equal(layer([mean, log_variance]), mean)


def test_the_sparse_divergence_is_ngs() -> None:
    code = np.array([[0.1, 0.4], [0.3, 0.2]], np.float32)
    layer = Sparsity(0.05, 3.0)
    np.testing.assert_array_equal(layer(code, training=True), code)
    expected = sum(0.05 * np.log(0.05 / m) + 0.95 * np.log(0.95 / (1 - m)) for m in (0.2, 0.3))
    assert float(layer.losses[0]) == pytest.approx(3 * expected, rel=1e-5)


def test_the_divergence_makes_a_code_sparse() -> None:
    keras.utils.set_random_seed(0)
    layer = encoder(kind="sparse", epochs=6, learning_rate=0.03, sparsity_weight=300.0)
    assert np.mean(layer(images_like(80))) > 0.3
    layer.adapt(images_like(80))
    assert np.mean(layer(images_like(80))) < 0.1


def test_a_saved_network_gives_the_same(tmp_path: Path) -> None:
    network = autoencoder((6, 5, 1), 3, kind="sparse", **QUICK)
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(again(images_like(5)), network(images_like(5)), atol=1e-6)
    assert again.get_layer("code").get_config() == network.get_layer("code").get_config()
    assert not again.get_layer("code").trainable_weights


def test_what_is_no_image_and_a_loss_that_is_no_number_are_told() -> None:
    with pytest.raises(TrialError, match=r"values from 0 to 1, received 0.* to 9"):
        encoder().adapt(9 * images_like(20) / images_like(20).max())
    with pytest.raises(DivergedError, match=r"loss became .*nan.*; learning_rate 100000: lower it"):
        encoder(kind="variational", learning_rate=1e5).adapt(images_like(80))
