import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.data.cache import cached_arrays

ARRAYS = {"a": np.arange(12, dtype=np.uint8).reshape(3, 4), "b": np.array([7], dtype=np.uint8)}


class Source:
    """A source file whose reads are counted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reads = 0
        path.write_bytes(b"first")

    def read(self):
        self.reads += 1
        return ARRAYS

    def load(self, content="content"):
        return cached_arrays(self.path, ("a", "b"), content, self.read)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def source(cache, tmp_path):
    return Source(tmp_path / "source.npz")


def assert_arrays(found):
    assert found.keys() == ARRAYS.keys()
    for key, array in ARRAYS.items():
        np.testing.assert_array_equal(found[key], array)
        assert found[key].dtype == np.uint8


def test_the_second_load_maps_the_kept_copy(source):
    assert_arrays(source.load())
    again = source.load()

    assert_arrays(again)
    assert source.reads == 1
    assert not again["a"].flags.writeable
    assert type(again["a"]) is np.ndarray


def test_a_changed_file_is_read_again(source):
    source.load()
    source.path.write_bytes(b"longer")
    source.load()
    assert source.reads == 2

    source.path.write_bytes(b"LONGER")
    os.utime(source.path, ns=(0, 1))
    source.load()
    assert source.reads == 3


def test_what_was_verified_against_something_else_is_read_again(source):
    source.load()
    source.load(content="other hashes")

    assert source.reads == 2


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_copy_is_repaired(source, cache, damage):
    source.load()
    (copy,) = cache.rglob("a.npy")
    copy.write_bytes(copy.read_bytes()[:-3] if damage is None else damage)

    assert_arrays(source.load())
    assert source.reads == 2
    assert_arrays(source.load())
    assert source.reads == 2


def test_without_a_usable_cache_the_file_is_read_each_time(source, cache):
    cache.write_text("a file where the folder should be")

    assert_arrays(source.load())
    assert_arrays(source.load())
    assert source.reads == 2


def test_nothing_is_left_beside_the_copies(source, cache):
    source.load()

    assert sorted(path.name for path in cache.rglob("*") if path.is_file()) == ["a.npy", "b.npy", "stamp.json"]


WORKER = """
import sys
from pathlib import Path
import numpy as np
from harness.data.cache import cached_arrays
expected = {key: np.full((200, 1000), value, np.uint8) for key, value in (("a", 1), ("b", 2))}
for round in range(20):
    found = cached_arrays(Path(sys.argv[1]), ("a", "b"), str(round), lambda: expected)
    assert all((found[key] == expected[key]).all() for key in expected)
"""


def test_processes_that_fill_the_cache_at_once_do_not_disturb_each_other(source):
    command = [sys.executable, "-c", WORKER, str(source.path)]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]

    assert [worker.communicate()[1] for worker in workers] == [""] * 4
    assert [worker.returncode for worker in workers] == [0] * 4
