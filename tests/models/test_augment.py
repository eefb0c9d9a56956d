"""Augmentation changes images as asked, in training alone, and a seed decides how."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest

from harness.data.digits import Digits
from harness.models.accelerators import installed
from harness.models.augment import Augmentation
from harness.models.network_classifier import dtype_policy

OPTIONS: list[dict[str, Any]] = [
    {"shift": 0.2},
    {"rotate": 20.0},
    {"zoom": 0.3},
    {"flip": "horizontal"},
    {"brightness": 0.2},
    {"contrast": 0.5},
    {"shift": 0.1, "rotate": 10.0, "zoom": 0.1, "flip": "vertical", "brightness": 0.1, "contrast": 0.1},
]


@pytest.fixture(scope="module")
def images() -> np.ndarray[Any, np.dtype[np.float32]]:
    return Digits().load(None).x_train[:40, ..., np.newaxis].astype(np.float32) / 255


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options))
def test_changes_while_training_only_within_the_range_and_by_the_seed(
    options: dict[str, Any], images: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    layer, again, other = (Augmentation(seed=seed, **options) for seed in (3, 3, 4))
    changed = np.asarray(layer(images, training=True))
    assert changed.shape == images.shape
    assert changed.dtype == np.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert np.mean((changed != images).any(axis=(1, 2, 3))) > 0.2
    np.testing.assert_array_equal(again(images, training=True), changed)
    assert (np.asarray(other(images, training=True)) != changed).any()
    assert (np.asarray(layer(images, training=True)) != changed).any()
    for prediction in (layer(images), layer(images, training=False)):
        np.testing.assert_array_equal(prediction, images)


@pytest.mark.parametrize(
    ("flip", "axes"), [("horizontal", [2]), ("vertical", [1]), ("horizontal_and_vertical", [1, 2])]
)
def test_a_flip_mirrors_about_every_other_image(
    flip: Any, axes: list[int], images: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    changed = np.asarray(Augmentation(seed=0, flip=flip)(images, training=True))
    mirrored = np.flip(images, axes)
    as_it_was = (changed == images).all(axis=(1, 2, 3))
    turned = (changed == mirrored).all(axis=(1, 2, 3))
    assert 0.2 < np.mean(turned) < 0.8
    if len(axes) == 1:
        assert (as_it_was | turned).all()


def test_a_shift_moves_by_no_more_than_asked_and_fills_as_asked() -> None:
    image = np.zeros((200, 20, 20, 1), np.float32)
    image[:, 10, 10] = 1
    moved = np.asarray(Augmentation(seed=0, shift=0.2)(image, training=True))
    place = np.arange(20)
    for axis in (1, 2):
        centres = (moved.sum(axis=3 - axis)[..., 0] * place).sum(axis=1) / moved.sum(axis=(1, 2, 3)) - 10
        assert np.abs(centres).max() <= 4.01
        assert np.abs(centres).max() > 3.5
        assert centres.min() < -1 < 1 < centres.max()
    white = np.ones((20, 8, 8, 1), np.float32)
    assert np.asarray(Augmentation(seed=0, shift=0.5)(white, training=True)).min() == 1
    assert np.asarray(Augmentation(seed=0, shift=0.5, fill="constant")(white, training=True)).min() == 0


def test_a_turn_is_by_no_more_degrees_than_asked() -> None:
    image = np.zeros((200, 41, 41, 1), np.float32)
    image[:, 20, 20:] = 1
    turned = np.asarray(Augmentation(seed=0, rotate=30)(image, training=True))[..., 0]
    y, x = np.mgrid[:41, :41] - 20
    angles = np.degrees(np.arctan2((turned * y).sum(axis=(1, 2)), (turned * x).sum(axis=(1, 2))))
    assert angles.min() == pytest.approx(-30, abs=2)
    assert angles.max() == pytest.approx(30, abs=2)


def test_nothing_asked_for_changes_nothing(images: np.ndarray[Any, np.dtype[np.float32]]) -> None:
    assert Augmentation(seed=0).steps == []
    np.testing.assert_array_equal(Augmentation(seed=0)(images, training=True), images)


def test_it_stays_in_single_precision_and_is_made_again_from_its_config() -> None:
    with dtype_policy("mixed_bfloat16"):
        layer = Augmentation(seed=5, shift=0.1, flip="horizontal")
    assert {each.compute_dtype for each in (layer, *layer.steps)} == {"float32"}
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()


TRAIN = """
import keras, numpy as np
from harness.models.augment import Augmentation
from harness.models.networks.autoencoder import autoencoder
backend = keras.backend.backend()
images = np.random.default_rng(0).random((16, 8, 8, 1), np.float32)
weights = []
for _ in range(2):
    keras.utils.set_random_seed(0)
    network = autoencoder((8, 8, 1), 10, kind="variational", code=4, widths=(8,), epochs=1, fine_tune=True)
    network.get_layer("code").adapt(images)
    layer = Augmentation(seed=3, shift=0.1, flip="horizontal")
    whole = keras.Sequential([keras.Input((8, 8, 1)), layer, network])
    whole.compile("sgd", "sparse_categorical_crossentropy", jit_compile=backend == "jax")
    whole.train_on_batch(images, np.arange(16) % 10)
    weights.append(np.concatenate([weight.ravel() for weight in network.get_weights()]))
assert np.array_equal(*weights)
assert np.array_equal(whole.predict_on_batch(images), network.predict_on_batch(images))
print(backend, whole.jit_compile)
"""


@pytest.mark.parametrize(("backend", "compiled"), [("jax", True), ("torch", False)])
def test_other_backends_train_with_it_and_an_autoencoder_as_the_seed_says(backend: str, compiled: bool) -> None:
    if not installed(backend):
        pytest.skip(f"needs {backend}")
    told = subprocess.run(
        [sys.executable, "-c", TRAIN],
        env=os.environ | {"KERAS_BACKEND": backend, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout == f"{backend} {compiled}\n", told.stderr


def test_only_training_sees_it(images: np.ndarray[Any, np.dtype[np.float32]]) -> None:
    """The network gives an image's left half back: no error but where images were mirrored."""
    half = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Cropping2D(((0, 0), (0, 4))), keras.layers.Flatten()])
    whole = keras.Sequential([keras.Input((8, 8, 1)), Augmentation(seed=1, flip="horizontal"), half])
    whole.compile("sgd", "mse")
    halves = images[:, :, :4].reshape(len(images), -1)
    log = whole.fit(images, halves, validation_data=(images, halves), verbose=0).history
    assert log["loss"][0] > 0
    assert log["val_loss"][0] == 0
    np.testing.assert_array_equal(whole.predict(images, verbose=0), halves)
