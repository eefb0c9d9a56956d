"""Images read batch by batch give what images in memory give."""

from __future__ import annotations

import numpy as np
import pytest

from harness.data.digits import Digits
from harness.data.rows import Rows
from harness.models.inputs import ADAPT_IMAGES, as_input, input_shape, sample


def test_every_image_comes_once_an_epoch_with_its_label_in_an_order_of_the_seed() -> None:
    from harness.models.batches import Batches

    images, y = np.arange(10, dtype=np.uint8).reshape(10, 1, 1) * 25, np.arange(10)
    epochs = []
    batches = Batches(Rows(images, np.arange(10)), y, 4, passes=2, seed=3)
    for _ in range(2):
        parts = [batches[index] for index in range(len(batches))]
        assert [len(labels) for _, labels in parts] == [4, 4, 4, 4, 4]
        labels = np.concatenate([labels for _, labels in parts])
        assert sorted(labels) == sorted([*range(10)] * 2)
        assert sorted(labels[:10]) == [*range(10)]
        x = np.concatenate([x for x, _ in parts])
        np.testing.assert_allclose(x[:, 0, 0, 0], labels * 25 / 255, rtol=1e-6)
        epochs.append(labels)
        batches.on_epoch_end()
    assert (epochs[0] != epochs[1]).any()
    again = Batches(Rows(images, np.arange(10)), y, 4, passes=2, seed=3)
    np.testing.assert_array_equal(np.concatenate([again[i][1] for i in range(5)]), epochs[0])
    plain = Batches(Rows(images, np.arange(10)), y, 4)
    assert [list(plain[i][1]) for i in range(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_a_network_learns_from_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.models.network_classifier import NetworkClassifier
    from harness.run.trial import subset
    from harness.suite.model import Part, TrainSpec

    data = Digits().load(None)
    monkeypatch.setattr("harness.run.trial.STREAM_BYTES", 1000)
    rows = subset(data.x_train, np.arange(600), streamed=True)
    assert isinstance(rows, Rows)
    assert isinstance(subset(data.x_train, np.arange(600), streamed=False), np.ndarray)
    train = TrainSpec(epochs=12, batch_size=32, validation_fraction=0.1)
    classifier = NetworkClassifier(
        network=Part(name="mlp"), optimizer=Part(name="adam"), train=train, n_classes=10, seed=0
    ).fit(rows, data.y_train[:600])
    assert np.mean(classifier.predict(data.x_test) == data.y_test) > 0.85
    assert classifier.epochs_[-1]["val_accuracy"] > 0.8
    assert len(classifier.epochs_) == 12


def test_inputs_are_scaled_images_or_features_as_they_are() -> None:
    grey = np.full((2, 3, 4), 51, np.uint8)
    assert as_input(grey).shape == (2, 3, 4, 1) == (2, *input_shape(grey))
    assert as_input(grey)[0, 0, 0, 0] == pytest.approx(0.2)
    matrix = np.array([[1.5, -2.0]], np.float32)
    assert as_input(matrix).ravel().tolist() == [1.5, -2.0]
    assert input_shape(matrix) == (1, 2, 1)
    rows = Rows(grey, np.array([1, 0]))
    assert input_shape(rows) == (3, 4, 1)
    assert sample(rows, 0).shape == (2, 3, 4, 1)
    many = Rows(np.zeros((1, 1, 1), np.uint8), np.zeros(ADAPT_IMAGES + 5, np.int64))
    assert len(sample(many, 0)) == ADAPT_IMAGES
