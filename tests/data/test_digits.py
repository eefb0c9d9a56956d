import hashlib

import numpy as np
from sklearn.datasets import load_digits

from harness.data.digits import Digits


def test_info_agrees_with_what_is_loaded():
    info, data = Digits().info(None), Digits().load(None)

    assert (info.n_train, info.n_test) == (len(data.x_train), len(data.x_test)) == (1200, 597)
    assert info.image_shape == data.x_train.shape[1:]
    assert info.n_classes == len(data.class_names)
    assert info.missing is None


def test_every_image_is_in_exactly_one_part_with_its_label():
    data, bunch = Digits().load(None), load_digits()
    images = np.concatenate((data.x_train, data.x_test))
    labels = np.concatenate((data.y_train, data.y_test))
    rescaled = np.rint(bunch.images / 16 * 255).astype(np.uint8)

    def rows(x, y):
        return sorted((image.tobytes(), label) for image, label in zip(x, y, strict=True))

    assert rows(images, labels) == rows(rescaled, bunch.target)
    assert (images.min(), images.max()) == (0, 255)


def test_the_test_set_is_stratified():
    data = Digits().load(None)
    n = len(data.y_train) + len(data.y_test)
    counts = np.bincount(data.y_train) + np.bincount(data.y_test)

    assert np.abs(np.bincount(data.y_test) - counts * len(data.y_test) / n).max() <= 1.01


def test_the_test_set_never_changes():
    labels = Digits().load(None).y_test.astype(np.uint8)

    assert hashlib.sha256(labels).hexdigest() == "da9b5899230f570d722cc7160b8b540904a2c745df61154c5ad8970efa0c1408"
