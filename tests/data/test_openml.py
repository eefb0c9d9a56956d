import socket
import types
from urllib.error import URLError

import numpy as np
import pytest
import sklearn.datasets
from scipy.sparse import csr_matrix

from harness.data.openml import OpenMl
from harness.errors import DataError

N = 30
X = np.tile(np.arange(16), (N, 1)) * 10.0
Y = np.array([str(i % 3) for i in range(N)], dtype=object)


@pytest.fixture(autouse=True)
def _own_cache_folder(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def openml(monkeypatch):
    """In the place of openml.org: what it gives, and what it was asked."""
    there = types.SimpleNamespace(data=X, target=Y, asked=[], error=None)

    def fetch_openml(**options):
        there.asked.append(options | {"timeout": socket.getdefaulttimeout()})
        if there.error:
            raise there.error
        return types.SimpleNamespace(data=there.data, target=there.target)

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch_openml)
    return there


def test_it_is_downloaded_once_and_kept_in_the_data_home(openml, tmp_path):
    info, data = OpenMl(id=554).info(tmp_path), OpenMl(id=554, n_train=20).load(tmp_path)

    assert info[:6] == ("openml-554", 24, 6, 3, (4, 4), None)
    assert (tmp_path / "openml-554.npz").is_file()
    assert data.x_train.shape == (20, 4, 4)
    assert data.x_train[0].ravel().tolist() == list(range(0, 160, 10))
    assert data.y_test.tolist() == [i % 3 for i in range(20, 30)]
    (asked,) = openml.asked
    # Parsed as text: never a frame, never pickled, never for ever.
    assert (asked["data_id"], asked["as_frame"], asked["cache"], asked["timeout"]) == (554, False, False, 30.0)
    assert socket.getdefaulttimeout() is None


def test_options_are_those_of_an_npz_file(openml, tmp_path):
    openml.data = np.arange(N * 12).reshape(N, 12) % 16.0
    data = OpenMl(id=1, image_shape=[2, 2, 3], channels="first", maximum=15, name="mine").load(tmp_path)

    assert data.name == "mine"
    assert data.x_train.shape[1:] == (2, 2, 3)
    assert OpenMl(id=1, image_shape=[2, 6], maximum=15).load(tmp_path).x_train.max() == 255


def test_fractions_sparse_columns_and_numbered_targets_are_kept(openml, tmp_path):
    openml.data, openml.target = csr_matrix(X / 150), np.arange(N) % 2.0
    data = OpenMl(id=2).load(tmp_path)

    assert data.x_train[0].ravel().tolist() == np.rint(np.arange(16) * 17).tolist()
    assert data.class_names == ("0", "1")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (URLError("no route to host"), "no route to host"),
        (TimeoutError(), "TimeoutError"),
        (ValueError("Dataset with data_id 3\nnot found."), r"Dataset with data_id 3\\nnot found"),
    ],
)
def test_offline_is_one_line_that_says_where_to_put_it(openml, tmp_path, error, words):
    openml.error = error
    with pytest.raises(DataError, match=f"OpenML's dataset 3 is not in .* could not be downloaded .*{words}") as caught:
        OpenMl(id=3).info(tmp_path)

    assert str(caught.value).endswith(f"put it, as x and y, at {tmp_path / 'openml-3.npz'}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": np.array([["a"]])}, "columns that are no numbers"),
        ({"target": None}, "no column that is its target"),
        ({"target": np.zeros((N, 2))}, "no column that is its target, or more than one"),
    ],
)
def test_what_are_no_labelled_numbers_is_refused(openml, tmp_path, changes, words):
    vars(openml).update(changes)
    with pytest.raises(DataError, match=words):
        OpenMl(id=4).load(tmp_path)
    assert not list(tmp_path.iterdir())


def test_columns_that_are_no_image_are_refused(openml, tmp_path):
    openml.data = X[:, :7]
    with pytest.raises(DataError, match="rows of 7 pixels, which is no square; give image_shape"):
        OpenMl(id=5).load(tmp_path)
    openml.data = np.where(X == 10, np.nan, X)
    with pytest.raises(DataError, match=r"values from nan to nan; .* none missing"):
        OpenMl(id=6).load(tmp_path)


def test_a_file_put_there_by_hand_needs_no_network(openml, tmp_path):
    np.savez(tmp_path / "openml-7.npz", x=X.astype(np.uint8), y=np.arange(N) % 2)

    assert OpenMl(id=7).load(tmp_path).class_names == ("0", "1")
    assert not openml.asked
