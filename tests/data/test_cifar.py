import sys
import types

import numpy as np
import pytest

from harness.data import cifar, download
from harness.data.cifar import COARSE, COARSE_OF_FINE, FINE, Cifar10, Cifar100
from harness.errors import DataError

# The coarse label of each fine one, as the dataset's files pair them; also printed in torchvision's and Keras's forums.
PAIRED = [
    *[4, 1, 14, 8, 0, 6, 7, 7, 18, 3, 3, 14, 9, 18, 7, 11, 3, 9, 7, 11, 6, 11, 5, 10, 7, 6, 13, 15, 3, 15, 0, 11, 1],
    *[10, 12, 14, 16, 9, 11, 5, 5, 19, 8, 8, 15, 13, 14, 17, 18, 10, 16, 4, 17, 4, 2, 0, 17, 4, 18, 17, 10, 3, 2, 12],
    *[12, 16, 12, 1, 9, 19, 2, 10, 0, 1, 16, 12, 9, 13, 15, 13, 16, 19, 2, 4, 6, 19, 5, 5, 8, 19, 18, 1, 2, 15, 6, 0],
    *[17, 8, 14, 13],
]


@pytest.fixture(autouse=True)
def _small(tmp_path_factory, monkeypatch):
    """The same layout with fewer images, so that a test writes no 180 MB; and a cache of its own."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    shapes = {"x_train": (500, 32, 32, 3), "y_train": (500,), "x_test": (100, 32, 32, 3), "y_test": (100,)}
    monkeypatch.setattr(cifar, "CIFAR10", cifar.CIFAR10._replace(shapes=shapes))
    monkeypatch.setattr(cifar, "CIFAR100", cifar.CIFAR100._replace(shapes=shapes))


def made(k):
    return {
        "x_train": np.full((500, 32, 32, 3), 7, np.uint8),
        "y_train": (np.arange(500) % k).astype(np.uint8),
        "x_test": np.full((100, 32, 32, 3), 9, np.uint8),
        "y_test": (np.arange(100) % k).astype(np.uint8),
    }


def test_the_real_layout_is_krizhevskys():
    assert cifar.SHAPES["x_train"] == (50_000, 32, 32, 3)
    assert cifar.SHAPES["x_test"] == (10_000, 32, 32, 3)
    assert COARSE_OF_FINE.tolist() == PAIRED
    assert (FINE[0], FINE[-1], len(FINE), len(COARSE)) == ("apple", "worm", 100, 20)


def test_cifar10_is_read_from_the_data_home(tmp_path):
    np.savez(tmp_path / "cifar10.npz", **made(10))
    info, data = Cifar10().info(tmp_path), Cifar10().load(tmp_path)

    assert info == ("cifar10", 500, 100, 10, (32, 32, 3), None, (), "")
    assert data.x_test.shape == (100, 32, 32, 3)
    assert data.class_names[data.y_train[9]] == "truck"


def test_cifar100_has_fine_and_coarse_labels(tmp_path):
    np.savez(tmp_path / "cifar100.npz", **made(100))
    fine, coarse = Cifar100().load(tmp_path), Cifar100(labels="coarse").load(tmp_path)

    assert Cifar100().info(tmp_path).n_classes == 100
    assert Cifar100(labels="coarse").info(tmp_path).n_classes == 20
    assert fine.class_names[fine.y_train[99]] == "worm"
    assert coarse.class_names[coarse.y_train[99]] == "non-insect_invertebrates"
    assert np.bincount(coarse.y_test).tolist() == [5] * 20


def test_absent_files_are_announced(tmp_path):
    missing = Cifar10().info(tmp_path).missing

    assert missing is not None
    assert str(tmp_path / "cifar10.npz") in missing


def test_other_labels_are_refused(tmp_path):
    np.savez(tmp_path / "cifar10.npz", **made(10) | {"y_test": np.zeros(100, np.uint8)})
    with pytest.raises(DataError, match=r"cifar10\.npz: y_test has \[100, 0, .* expected 10 of each; replace"):
        Cifar10().load(tmp_path)


def test_what_keras_gives_is_written_in_the_layout(tmp_path, monkeypatch):
    arrays = made(10)
    # Keras's labels are columns, and those of the test images int64.
    given = (
        (arrays["x_train"], arrays["y_train"][:, None]),
        (arrays["x_test"], arrays["y_test"].astype(np.int64)[:, None]),
    )
    monkeypatch.setitem(sys.modules, "keras.datasets.cifar10", types.SimpleNamespace(load_data=lambda: given))
    download.fetch("cifar10", tmp_path / "cifar10.npz")

    np.testing.assert_array_equal(Cifar10().load(tmp_path).y_test, arrays["y_test"])
