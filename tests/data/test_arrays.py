import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.data.arrays import Npz, as_images, as_labels
from harness.errors import DataError

X = np.arange(12 * 4 * 4, dtype=np.uint8).reshape(12, 4, 4)
Y = np.arange(12) % 3


@pytest.fixture(autouse=True)
def _own_cache_folder(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def save(tmp_path):
    def save_as(**contents):
        np.savez(tmp_path / "mine.npz", **contents)
        return str(tmp_path / "mine.npz")

    return save_as


def test_four_arrays_keep_their_split(save):
    path = save(x_train=X[:9], y_train=Y[:9], x_test=X[9:], y_test=Y[9:])
    info, data = Npz(path=path).info(None), Npz(path=path, name="other").load(None)

    assert info[:6] == ("mine", 9, 3, 3, (4, 4), None)
    assert (data.name, data.class_names) == ("other", ("0", "1", "2"))
    np.testing.assert_array_equal(data.x_train, X[:9])
    np.testing.assert_array_equal(data.x_test, X[9:])
    np.testing.assert_array_equal(data.y_test, Y[9:])


def test_two_arrays_are_split_by_class_or_in_their_order(save):
    path = save(x=X, y=Y)
    data = Npz(path=path, test_fraction=0.25).load(None)
    assert sorted(data.y_test.tolist()) == [0, 1, 2]
    assert sorted(map(bytes, [*data.x_train, *data.x_test])) == sorted(map(bytes, X))

    data = Npz(path=path, n_train=10).load(None)
    np.testing.assert_array_equal(data.x_train, X[:10])
    np.testing.assert_array_equal(data.y_test, Y[10:])
    with pytest.raises(DataError, match="n_train is 12 of 12 images; leave some for the test set"):
        Npz(path=path, n_train=12).load(None)


def test_another_file_at_the_place_is_read_again(save):
    before = Npz(path=save(x=X, y=Y), n_train=10).load(None)
    after = Npz(path=save(x=X + np.uint8(1), y=Y), n_train=10).load(None)

    np.testing.assert_array_equal(before.x_train, X[:10])
    np.testing.assert_array_equal(after.x_train, X[:10] + 1)


def test_floats_and_whole_numbers_become_bytes():
    unit = np.linspace(0, 1, 8, dtype=np.float32).reshape(2, 2, 2)

    def read(x, maximum=None):
        return as_images(x, None, "last", maximum, "x").ravel().tolist()

    assert read(unit) == np.rint(np.linspace(0, 255, 8)).tolist()
    assert read(unit * 255) == read(unit)
    assert read(np.rint(unit * 255).astype(np.int64)) == read(unit)
    assert read(unit > 0.5) == [0] * 4 + [255] * 4
    assert read(np.arange(8).reshape(2, 2, 2) * 2, 16.0) == [0, 32, 64, 96, 128, 159, 191, 223]


@given(arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 6))))
def test_bytes_stay_what_they_are(x):
    assert as_images(x, None, "last", None, "x") is x
    np.testing.assert_array_equal(as_images(x.astype(np.float64), None, "last", 255.0, "x"), x)
    np.testing.assert_array_equal(as_images(x / np.float64(255), None, "last", 1.0, "x"), x)


def test_shapes_are_told_or_guessed():
    colour = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)

    def read(x, shape=None, channels="last"):
        return as_images(x, shape, channels, None, "x")

    np.testing.assert_array_equal(read(colour.reshape(2, -1), [3, 4, 3]), colour)
    planes = np.moveaxis(colour, -1, 1)
    np.testing.assert_array_equal(read(planes, channels="first"), colour)
    np.testing.assert_array_equal(read(planes.reshape(2, -1), [3, 4, 3], "first"), colour)
    np.testing.assert_array_equal(read(colour[..., :1]), colour[..., 0])
    assert read(np.zeros((2, 16), np.uint8)).shape == (2, 4, 4)
    assert read(np.zeros((2, 16), np.uint8), [2, 8]).shape == (2, 2, 8)


@pytest.mark.parametrize(
    ("x", "shape", "message"),
    [
        (np.zeros((2, 15), np.uint8), None, r"rows of 15 pixels, which is no square; give image_shape"),
        (np.zeros((2, 15), np.uint8), [4, 4], r"rows of 15 pixels; image_shape \[4, 4\] has 16"),
        (np.zeros((2, 4, 4, 2), np.uint8), None, "images of 2 channels; expected 1 or 3"),
        (np.zeros(5, np.uint8), None, r"x is uint8 of shape \(5,\); expected numbers of"),
        (np.zeros((0, 4, 4), np.uint8), None, "expected numbers of"),
        (np.zeros((2, 4, 4), complex), None, "x is complex128"),
        (np.full((2, 4, 4), "a"), None, "x is <U1"),
        (np.full((2, 4, 4), np.nan), None, "values from nan to nan; expected 0 to 255"),
        (np.full((2, 4, 4), -0.1), None, "values from -0.1 to -0.1; expected 0 to 1"),
        (np.full((2, 4, 4), 256), None, "values from 256 to 256; expected 0 to 255, see `maximum`"),
        (np.full((2, 4, 4), np.inf), None, "values from inf to inf"),
    ],
)
def test_what_are_no_images_are_refused(x, shape, message):
    with pytest.raises(DataError, match=message):
        as_images(x, shape, "last", None, "x")


def test_labels_are_numbers_or_texts():
    assert as_labels(np.array([[3], [10]], np.uint8), "y") == ["3", "10"]
    assert as_labels(np.array([3.0, -1.0]), "y") == ["3", "-1"]
    assert as_labels(np.array(["b ", "é"]), "y") == ["b", "é"]
    assert as_labels(np.array([b"b", b"\xe9"]), "y") == ["b", "\\xe9"]
    assert as_labels(np.array(["b", "a"], dtype=object), "y") == ["b", "a"]


@pytest.mark.parametrize("y", [np.array([0.5, 1]), np.array([np.nan]), np.zeros((2, 3)), np.array([None]), np.array(3)])
def test_other_labels_are_refused(y):
    with pytest.raises(DataError, match=r"y is .*; expected whole numbers or texts, one for each image"):
        as_labels(y, "y")


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"x": X, "z": Y}, r"holds x, z; expected x_train\+y_train\+x_test\+y_test or x\+y"),
        ({"x": X, "y": Y[:5]}, "x has 12 images and y 5 labels"),
        ({"x": X, "y": Y * 0}, "12 usable images in 1 class"),
        ({"x": np.array([{"a": 1}] * 2), "y": Y}, "cannot be read as npz .*allow_pickle"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y}, r"of \(2, 4\) and \(4, 4\); expected one size"),
        ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y + 1}, "no training image of '3'"),
    ],
)
def test_other_files_are_refused(save, contents, message):
    with pytest.raises(DataError, match=message) as caught:
        Npz(path=save(**contents)).load(None)

    assert "\n" not in str(caught.value)


def test_damaged_absent_and_odd_files_are_one_line(save, tmp_path):
    whole = open(save(x=X, y=Y), "rb").read()  # noqa: SIM115
    path = tmp_path / "damaged.npz"
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="cannot be read as npz"):
            Npz(path=str(path)).load(None)
    np.save(tmp_path / "one.npy", X)
    os.mkfifo(tmp_path / "pipe.npz")
    for name, message in (("one.npy", "it is a single array"), ("pipe.npz", "not a regular"), ("no.npz", "is absent")):
        with pytest.raises(DataError, match=message):
            Npz(path=str(tmp_path / name)).info(None)
