import gzip
import shutil
import struct
import subprocess
import sys

import numpy as np
import pytest

from harness.data import training_subset
from harness.data.mnist import FashionMnist, Mnist
from harness.errors import DataError


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache and a Keras folder in which nothing lies yet."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "cache"


def fashion_labels(n):
    return (np.arange(n) % 10).astype(np.uint8)


def write_fashion(path, **changes):
    arrays = {
        "x_train": np.zeros((60_000, 28, 28), np.uint8),
        "y_train": fashion_labels(60_000),
        "x_test": np.zeros((10_000, 28, 28), np.uint8),
        "y_test": fashion_labels(10_000),
    }
    np.savez_compressed(path, **(arrays | changes))


def test_mnist_is_the_original(mnist_home):
    info, data = Mnist().info(mnist_home), Mnist().load(mnist_home)

    assert info.missing is None
    assert (info.n_train, info.n_test) == (len(data.x_train), len(data.x_test)) == (60_000, 10_000)
    assert (info.image_shape, info.n_classes) == (data.x_train.shape[1:], len(data.class_names)) == ((28, 28), 10)
    # The frequencies of LeCun's training set, and its first ten labels.
    assert np.bincount(data.y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert data.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]


def test_mnist_read_and_mapped_are_the_same(mnist_home, own_cache):
    first, second = Mnist().load(mnist_home), Mnist().load(mnist_home)

    assert list(own_cache.rglob("x_train.npy"))
    for name in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_small_mnist_subsets_hold_every_class_in_proportion(mnist_home):
    y = Mnist().load(mnist_home).y_train

    for n in (10, 100, 1000):
        counts = np.bincount(y[training_subset(y, n, 0)], minlength=10)
        assert np.abs(counts - np.bincount(y) * n / len(y)).max() <= 1.06


def test_altered_mnist_is_refused(mnist_home, tmp_path, own_cache):
    with np.load(mnist_home / "mnist.npz") as original:
        arrays = dict(original)
    arrays["y_test"] = arrays["y_test"][::-1]
    np.savez(tmp_path / "mnist.npz", **arrays)

    with pytest.raises(DataError, match=r"mnist\.npz: y_test has SHA-256 \w{64}, expected ddeff80787"):
        Mnist().load(tmp_path)


def test_absent_mnist_is_announced(tmp_path, own_cache):
    info = Mnist().info(tmp_path)

    assert info.missing is not None
    assert str(tmp_path / "mnist.npz") in info.missing


def test_fashion_mnist_is_read_from_the_data_home(tmp_path, own_cache):
    write_fashion(tmp_path / "fashion_mnist.npz")
    data = FashionMnist().load(tmp_path)

    assert data.class_names[0] == "T-shirt/top"
    assert len(data.class_names) == 10
    assert data.y_test[:3].tolist() == [0, 1, 2]


def test_mnist_in_the_place_of_fashion_mnist_is_refused(mnist_home, tmp_path, own_cache):
    shutil.copy(mnist_home / "mnist.npz", tmp_path / "fashion_mnist.npz")

    with pytest.raises(DataError, match=r"fashion_mnist\.npz: y_train has \[5923, .* expected 6000 of each"):
        FashionMnist().load(tmp_path)


def test_what_keras_gives_is_kept_in_the_data_home(tmp_path, own_cache):
    folder = tmp_path / "keras" / "datasets" / "fashion-mnist"
    folder.mkdir(parents=True)
    for part, n in (("train", 60_000), ("t10k", 10_000)):
        with gzip.open(folder / f"{part}-labels-idx1-ubyte.gz", "wb", compresslevel=1) as stream:
            stream.write(struct.pack(">II", 2049, n) + fashion_labels(n).tobytes())
        with gzip.open(folder / f"{part}-images-idx3-ubyte.gz", "wb", compresslevel=1) as stream:
            stream.write(struct.pack(">IIII", 2051, n, 28, 28) + bytes(n * 28 * 28))
    home = tmp_path / "home"
    data = FashionMnist().load(home)

    assert data.y_train[:3].tolist() == [0, 1, 2]
    assert (home / "fashion_mnist.npz").is_file()
    shutil.rmtree(tmp_path / "keras")
    assert FashionMnist().load(home).x_test.shape == (10_000, 28, 28)


def test_nothing_of_keras_is_imported_for_data_that_are_there(mnist_home):
    code = (
        "import sys; from pathlib import Path; from harness.data.mnist import Mnist; "
        "home = Path(sys.argv[1]); Mnist().info(home); Mnist().load(home); "
        "print(sorted({'keras', 'tensorflow'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(mnist_home)], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
