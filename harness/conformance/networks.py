"""What every network keeps to: `name(input_shape, n_classes, *, options) -> keras.Model`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import registry
from harness.conformance.outcome import Check, Subject, expect
from harness.models.network_classifier import NetworkClassifier, dtype_policy
from harness.models.quiet import import_keras
from harness.suite.model import Part, TrainSpec

N_CLASSES = 5
N_IMAGES = 50
STEPS = 100
LEARNING_RATES = (0.003, 0.03, 0.0003)
LEAST_ACCURACY = 0.6
"""Of the training images themselves; chance is 0.2."""


def checks(subject: Subject) -> Iterator[Check]:
    """The checks of a network."""
    import_keras()
    for word, channels in (("grey", 1), ("colour", 3)):
        yield f"{word}: gives (batch, classes) probabilities, float32", partial(gives_probabilities, subject, channels)
    yield "under mixed precision keeps float32 weights and probabilities", partial(keeps_single_precision, subject)
    yield f"learns {N_IMAGES} images by heart", partial(learns, subject)
    yield "a seed decides every weight", partial(is_deterministic, subject)


def built(subject: Subject, channels: int) -> Any:
    """The network, untrained."""
    return registry.build("networks", subject.name, subject.params, (*subject.shape, channels), N_CLASSES)


def gives_probabilities(subject: Subject, channels: int) -> None:
    """Also of the fewest images, one."""
    import keras

    network = built(subject, channels)
    expect(isinstance(network, keras.Model), f"received {type(network).__name__}, expected a keras.Model")
    expect(network.output_shape == (None, N_CLASSES), f"output is {network.output_shape}, expected (None, {N_CLASSES})")
    images = np.random.default_rng(0).random((4, *subject.shape, channels), np.float32)
    for x in (images, images[:1]):
        given = keras.ops.convert_to_numpy(network(x, training=False))
        expect(given.dtype == np.float32, f"received {given.dtype}")
        expect(np.isfinite(given).all(), "some are NaN or infinite")
        expect((given >= 0).all(), "some are negative; the last layer is to be a softmax")
        sums = given.sum(axis=1)
        expect(np.allclose(sums, 1, atol=1e-5), f"they sum to {sums.min():.4g} to {sums.max():.4g}, expected 1")


def keeps_single_precision(subject: Subject) -> None:
    """A softmax of half precision is none, and small gradients would be lost in such weights."""
    import keras

    with dtype_policy("mixed_bfloat16"):
        network = built(subject, 1)
    other = sorted({str(weight.dtype) for weight in network.weights} - {"float32"})
    # The state of a random generator inside a layer is a weight of whole numbers.
    other = [dtype for dtype in other if "int" not in dtype]
    expect(not other, f"some weights are {', '.join(other)}")
    given = network(np.zeros((2, *subject.shape, 1), np.float32))
    dtype = keras.backend.standardize_dtype(given.dtype)
    expect(dtype == "float32", f'probabilities are {dtype}; give the last layer dtype="float32"')


def learns(subject: Subject) -> None:
    """With one of a few learning rates of Adam: anything that gradients reach does."""
    images, labels = easy(subject.shape)
    best = 0.0
    for rate in LEARNING_RATES:
        best = max(best, float(np.mean(trained(subject, rate, STEPS).predict(images) == labels)))
        if best >= LEAST_ACCURACY:
            return
    expect(False, f"gets {best:.0%} of them right after {STEPS} steps of Adam, expected {LEAST_ACCURACY:.0%}")


def is_deterministic(subject: Subject) -> None:
    """Everything random is to come from Keras's seed."""
    first, again = (trained(subject, LEARNING_RATES[0], steps=5).model_.get_weights() for _ in range(2))
    different = sum(not np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    expect(not different, f"trained twice from the same seed, {different} of {len(first)} weight tensors differ")


def trained(subject: Subject, learning_rate: float, steps: int) -> NetworkClassifier:
    """The network, trained as a trial trains it, in one epoch: between two epochs Keras takes its time."""
    images, labels = easy(subject.shape)
    return NetworkClassifier(
        network=Part(name=subject.name, params=subject.params),
        optimizer=Part(name="adam", params={"learning_rate": learning_rate}),
        train=TrainSpec(epochs=1, batch_size=10, min_steps=steps),
        n_classes=N_CLASSES,
        seed=0,
    ).fit(images, labels)


def easy(shape: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Grey images that anything can tell apart: each class has a bright bar of its own, in a little noise.

    Returns
    -------
    images, labels
        uint8 of (50, h, w), and int64 of (50,).
    """
    rng = np.random.default_rng(0)
    labels = np.arange(N_IMAGES, dtype=np.int64) % N_CLASSES
    images = rng.integers(0, 64, (N_IMAGES, *shape), dtype=np.uint8)
    edges = np.arange(N_CLASSES + 1) * shape[0] // N_CLASSES
    for image, label in zip(images, labels, strict=True):
        image[edges[label] : edges[label + 1]] += np.uint8(160)
    return images, labels
