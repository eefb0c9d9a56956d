import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from harness.data import store
from harness.errors import DataError

X = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)
Y = np.array([0, 1, 0, 1, 0, 1])


class Maker:
    """Makes a copy, and counts how often."""

    def __init__(self):
        self.made = 0

    def __call__(self, folder):
        self.made += 1
        store.write_part(folder, "train", X, np.array([0, 1, 2, 3]), Y[:4])
        store.write_part(folder, "test", X, np.array([4, 5]), Y[4:])
        return store.Facts(("a", "b\udce9"), ("a note",))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def make(cache):
    return Maker()


def source(place="here", state="as it is", stem="thing"):
    return store.Source(stem, place, state)


def assert_whole(stored):
    data = stored.image_data("name")
    np.testing.assert_array_equal(data.x_train, X[:4])
    np.testing.assert_array_equal(data.x_test, X[4:])
    np.testing.assert_array_equal(data.y_train, Y[:4])
    assert data.class_names == ("a", "b\udce9")
    assert data.notes == ("a note",)
    assert not data.x_train.flags.writeable
    assert stored.info("name")[:6] == ("name", 4, 2, 2, (2, 2), None)


def test_it_is_made_once_and_mapped_then(make, capsys):
    assert store.find(source()) is None
    assert_whole(store.ensure(source(), make))
    assert "thing: its images are made ready" in capsys.readouterr().err
    assert_whole(store.ensure(source(), make))
    found = store.find(source())
    assert found is not None
    assert_whole(found)
    assert make.made == 1
    assert capsys.readouterr().err == ""


def test_another_state_replaces_the_copy_and_another_place_has_its_own(make, cache):
    old = store.ensure(source(), make)
    store.ensure(source(state="changed"), make)
    assert make.made == 2
    assert len(list((cache / "arrays").iterdir())) == 1
    # What was mapped before stays whole.
    assert_whole(old)

    store.ensure(source(place="there"), make)
    assert make.made == 3
    assert len(list((cache / "arrays").iterdir())) == 2


DAMAGES = [
    (file, damage)
    for file in ("x_train.npy", "y_test.npy", "facts.json", "stamp.json")
    for damage in ("emptied", "altered", "removed", "a link")
    if (file, damage) != ("stamp.json", "a link")  # a stamp is as good behind a link
]


@pytest.mark.parametrize(("file", "damage"), DAMAGES)
def test_a_touched_copy_is_made_again(make, cache, file, damage):
    store.ensure(source(), make)
    (path,) = cache.rglob(file)
    whole = path.read_bytes()
    if damage == "emptied":
        path.write_bytes(b"")
    elif damage == "altered":
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif damage == "removed":
        path.unlink()
    else:
        path.rename(path.with_suffix(".moved"))
        path.symlink_to(path.with_suffix(".moved"))

    assert_whole(store.ensure(source(), make))
    assert make.made == 2
    assert_whole(store.ensure(source(), make))
    assert make.made == 2


@pytest.mark.parametrize("stamp", [None, [], {}, {"state": 1}, "text"])
def test_any_other_stamp_is_no_stamp(make, cache, stamp):
    store.ensure(source(), make)
    (path,) = cache.rglob("stamp.json")
    path.write_text(json.dumps(stamp))

    assert store.find(source()) is None


def test_without_a_usable_cache_a_file_without_a_name_does(make, cache):
    cache.write_text("a file where the folder should be")

    assert_whole(store.ensure(source(), make))
    assert_whole(store.ensure(source(), make))
    assert make.made == 2


def test_where_nothing_can_be_written_one_line_says_so(cache):
    def full(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(DataError, match=r"thing: its arrays cannot be kept, .*No space left.*free some space"):
        store.ensure(source(), full)
    assert not list((cache / "arrays").iterdir())


def test_what_fails_leaves_nothing_behind(make, cache):
    def refuse(folder):
        (folder / "x_train.npy").write_bytes(b"half")
        raise DataError("no")

    with pytest.raises(DataError, match="no"):
        store.ensure(source(), refuse)
    assert not list((cache / "arrays").iterdir())


def test_what_a_killed_process_left_is_removed_after_a_day(make, cache):
    store.ensure(source(), make)
    (copy,) = (cache / "arrays").iterdir()
    left, fresh = (copy.with_name(f".{copy.name}-{word}") for word in ("left", "fresh"))
    for folder in (left, fresh):
        folder.mkdir()
    os.utime(left, (0, time.time() - 2 * store.STALE_S))
    store.ensure(source(state="changed"), make)

    assert sorted((cache / "arrays").iterdir()) == [fresh, copy]


def test_a_name_that_is_no_file_name_is_made_one(make, cache):
    store.ensure(source(stem="a/b [x]*" + "é" * 80), make)

    assert store.find(source(stem="a/b [x]*" + "é" * 80)) is not None
    assert [path.parent.name for path in cache.glob("arrays/*")] == ["arrays"]


WORKER = """
import sys
import numpy as np
from harness.data import store
def make(folder):
    for part in ("train", "test"):
        store.write_part(folder, part, np.full((50, 9, 9), state, np.uint8), np.arange(50), np.arange(50) % 2)
    return store.Facts(("a", "b"), (str(state),))
for state in [int(digit) for digit in sys.argv[1]]:
    found = store.ensure(store.Source("shared", "place", state), make)
    assert found.facts.notes == (str(state),)
    assert (found.arrays["x_train"] == state).all() and (found.arrays["x_test"] == state).all()
"""


def test_processes_that_want_the_same_place_in_other_states_do_not_disturb_each_other(cache):
    orders = ("0101010101", "1010101010", "0011001100")
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, order], stderr=subprocess.PIPE, text=True) for order in orders
    ]
    said = [worker.communicate()[1] for worker in workers]

    assert [worker.returncode for worker in workers] == [0] * 3, said
    assert len(list((cache / "arrays").iterdir())) == 1


def test_an_array_is_written_in_parts(tmp_path):
    store.write_npy(tmp_path / "a.npy", (5, 2), np.int64, (np.full((n, 2), n, np.uint8) for n in (2, 3)))

    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), [[2, 2], [2, 2], [3, 3], [3, 3], [3, 3]])
