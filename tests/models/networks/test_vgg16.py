"""VGG16 against the published network, and its options."""

from __future__ import annotations

import gc

import keras
import numpy as np
import pytest

from harness.models.networks.vgg16 import vgg16

PUBLISHED = {
    "block1_conv1": 1_792,
    "block1_conv2": 36_928,
    "block2_conv1": 73_856,
    "block2_conv2": 147_584,
    "block3_conv1": 295_168,
    "block3_conv2": 590_080,
    "block3_conv3": 590_080,
    "block4_conv1": 1_180_160,
    "block4_conv2": 2_359_808,
    "block4_conv3": 2_359_808,
    "block5_conv1": 2_359_808,
    "block5_conv2": 2_359_808,
    "block5_conv3": 2_359_808,
    "fc1": 102_764_544,
    "fc2": 16_781_312,
    "predictions": 4_097_000,
}
"""Weights and biases of each layer of configuration D at 224x224 pixels and 1000 classes."""


def with_weights(network: keras.Model) -> dict[str, int]:
    return {layer.name: layer.count_params() for layer in network.layers if layer.count_params()}


def initial_spread(network: keras.Model, layer: str) -> float:
    return float(np.std(network.get_layer(layer).get_weights()[0]))


@pytest.fixture(autouse=True)
def _free_the_networks() -> None:
    keras.backend.clear_session()
    gc.collect()


def test_has_the_published_parameters() -> None:
    network = vgg16((224, 224, 3), 1000, input_size=224)
    assert network.count_params() == 138_357_544
    assert with_weights(network) == PUBLISHED


def test_the_plain_network_is_kerass_own() -> None:
    keras.utils.set_random_seed(0)
    ours = vgg16((32, 32, 3), 10)
    keras.utils.set_random_seed(0)
    theirs = keras.applications.VGG16(weights=None, input_shape=(32, 32, 3), classes=10)
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    assert [layer.name for layer in ours.layers[1:]] == [layer.name for layer in theirs.layers[1:]]
    np.testing.assert_array_equal(ours(images), theirs(images))


def test_grey_images_are_enlarged_and_given_three_channels_within() -> None:
    network = vgg16((28, 28, 1), 10, dense_units=16)
    convolution = network.get_layer("block1_conv1")
    assert convolution.input.shape == (None, 32, 32, 3)
    assert network(np.zeros((2, 28, 28, 1), np.float32)).shape == (2, 10)


def test_he_initialisation_is_wider_than_glorot_in_convolutions_and_hidden_layers() -> None:
    glorot = vgg16((32, 32, 3), 10)
    he = vgg16((32, 32, 3), 10, initializer="he_normal")
    assert with_weights(he) == with_weights(glorot)
    for layer, fan_in, fan_out in [("block4_conv2", 9 * 512, 9 * 512), ("fc2", 4096, 4096)]:
        assert initial_spread(glorot, layer) == pytest.approx(np.sqrt(2 / (fan_in + fan_out)), rel=0.01)
        assert initial_spread(he, layer) == pytest.approx(np.sqrt(2 / fan_in), rel=0.01)
    assert initial_spread(he, "predictions") == pytest.approx(initial_spread(glorot, "predictions"), rel=0.05)


def test_batch_normalisation_stands_between_every_convolution_and_its_relu() -> None:
    network = vgg16((32, 32, 3), 10, batch_norm=True, dense_units=16)
    names = [layer.name for layer in network.layers]
    convolutions = [name for name in PUBLISHED if "conv" in name]
    for name in convolutions:
        at = names.index(name)
        assert names[at : at + 3] == [name, f"{name}_bn", f"{name}_relu"]
        assert network.get_layer(name).activation is keras.activations.linear
    assert sum("_bn" in name for name in names) == len(convolutions) == 13


def test_dropout_follows_both_hidden_layers() -> None:
    names = [layer.name for layer in vgg16((32, 32, 3), 10, dropout=0.5, dense_units=16).layers]
    assert names[-5:] == ["fc1", "fc1_dropout", "fc2", "fc2_dropout", "predictions"]
