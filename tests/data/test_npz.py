import hashlib
import io
import zipfile

import numpy as np
import pytest

from harness.data import npz
from harness.errors import DataError

X = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
Y = np.array([1, 0], dtype=np.uint8)
LAYOUT = npz.Layout("tiny", {"x": X.shape, "y": Y.shape}, {"x": hashlib.sha256(X).hexdigest()})


@pytest.fixture(autouse=True)
def _default_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tiny.npz"


def test_a_good_file_is_read(path):
    np.savez(path, x=X, y=Y)
    arrays = npz.read(LAYOUT, path)

    np.testing.assert_array_equal(arrays["x"], X)
    np.testing.assert_array_equal(arrays["y"], Y)


def test_altered_content_is_told_with_both_hashes(path):
    altered = X + np.uint8(1)
    np.savez(path, x=altered, y=Y)

    with pytest.raises(DataError) as caught:
        npz.read(LAYOUT, path)
    message = str(caught.value)
    assert str(path) in message
    assert hashlib.sha256(X).hexdigest() in message
    assert hashlib.sha256(altered).hexdigest() in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"x": X.astype(np.float64), "y": Y},
            r"x is float64 of shape \(2, 3, 4\); expected uint8 of shape \(2, 3, 4\)",
        ),
        ({"x": X[:1], "y": Y}, r"x is uint8 of shape \(1, 3, 4\); expected uint8 of shape \(2, 3, 4\)"),
        ({"x": np.asfortranarray(X), "y": Y}, "x is uint8"),
        ({"x": X}, "cannot be read as tiny.npz"),
        ({"x": np.array([{"pickled": 1}]), "y": Y}, "x is object"),
    ],
)
def test_another_layout_is_refused(path, arrays, message):
    np.savez(path, **arrays)

    with pytest.raises(DataError, match=message):
        npz.read(LAYOUT, path)


def test_a_file_cut_short_is_refused_at_every_length(path):
    np.savez_compressed(path, x=X, y=Y)
    whole = path.read_bytes()

    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="replace or remove"):
            npz.read(LAYOUT, path)


def test_a_damaged_byte_is_noticed(path):
    np.savez_compressed(path, x=X, y=Y)
    whole = bytearray(path.read_bytes())
    whole[120] ^= 0xFF
    path.write_bytes(whole)

    with pytest.raises(DataError, match=r"tiny\.npz"):
        npz.read(LAYOUT, path)


def test_an_array_that_ends_early_is_refused(path):
    stream = io.BytesIO()
    np.save(stream, X)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", stream.getvalue()[:-5])

    with pytest.raises(DataError, match="x ends after 19 of 24 bytes"):
        npz.read(LAYOUT, path)


def test_no_more_is_unpacked_than_the_layout_says(path, monkeypatch):
    stream = io.BytesIO()
    np.save(stream, X)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", stream.getvalue() + bytes(50_000_000))
        stream = io.BytesIO()
        np.save(stream, Y)
        archive.writestr("y.npy", stream.getvalue())
    asked = []
    original = zipfile.ZipExtFile.read
    monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda self, n=-1: asked.append(n) or original(self, n))
    with pytest.raises(DataError, match="x goes on after its 24 bytes"):
        npz.read(LAYOUT, path)

    assert all(0 <= n <= 10_000 for n in asked)


def test_the_data_home_comes_before_the_default_one(tmp_path):
    home, default = tmp_path / "home", tmp_path / "cache" / "data"
    for folder in (home, default):
        folder.mkdir(parents=True)
    assert npz.find(LAYOUT, home) is None

    np.savez(default / "tiny.npz", x=X, y=Y)
    assert npz.find(LAYOUT, home) == default / "tiny.npz"
    np.savez(home / "tiny.npz", x=X, y=Y)
    assert npz.find(LAYOUT, home) == home / "tiny.npz"
    assert npz.find(LAYOUT, None) == default / "tiny.npz"
    assert npz.missing(LAYOUT, home) is None


def test_missing_names_the_place(tmp_path):
    message = npz.missing(LAYOUT, tmp_path)

    assert message is not None
    assert message.endswith(f"put it at {tmp_path / 'tiny.npz'}")


def test_what_cannot_be_downloaded_is_one_line_with_file_and_place(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "none")
    with pytest.raises(DataError) as caught:
        npz.load(LAYOUT, tmp_path)
    message = str(caught.value)

    assert "\n" not in message
    assert f"put tiny.npz, in the layout of keras.datasets.mnist, at {tmp_path / 'tiny.npz'}" in message
    assert not (tmp_path / "tiny.npz").exists()


def test_no_download_begins_where_no_folder_could_keep_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "file"))
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(DataError, match="no folder takes a download"):
        npz.load(LAYOUT, tmp_path / "file")
