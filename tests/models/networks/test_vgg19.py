"""VGG19 against the published network."""

from __future__ import annotations

import gc

import keras
import numpy as np

from harness.models.networks.vgg19 import vgg19


def test_the_plain_network_is_kerass_own() -> None:
    keras.utils.set_random_seed(0)
    ours = vgg19((32, 32, 3), 10)
    keras.utils.set_random_seed(0)
    theirs = keras.applications.VGG19(weights=None, input_shape=(32, 32, 3), classes=10)
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    assert [layer.name for layer in ours.layers[1:]] == [layer.name for layer in theirs.layers[1:]]
    np.testing.assert_array_equal(ours(images), theirs(images))
    keras.backend.clear_session()
    gc.collect()


def test_has_the_published_parameters() -> None:
    """143,667,240 at 224x224 and 1000 classes; the convolutions have the same weights at any size."""
    network = vgg19((32, 32, 3), 1000, head="pooled")
    dense = (7 * 7 * 512 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 1000
    assert network.count_params() - (512 + 1) * 1000 + dense == 143_667_240
