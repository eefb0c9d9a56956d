"""Rows of a mapped file: the same images as in memory, and no more memory than is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
from hypothesis import given
from hypothesis import strategies as st

from harness.data.rows import RELEASE_BYTES, Rows, gathered

ARRAY = np.arange(50 * 6, dtype=np.uint8).reshape(50, 2, 3)


@given(index=st.lists(st.integers(0, 49), min_size=1), data=st.data())
def test_rows_of_rows_are_those_of_the_array(index: list[int], data: st.DataObject) -> None:
    rows = Rows(ARRAY, np.array(index))
    chosen = np.array(data.draw(st.lists(st.integers(0, len(index) - 1), min_size=1)))
    assert rows.shape == (len(index), 2, 3)
    np.testing.assert_array_equal(rows.read(chosen), ARRAY[index][chosen])
    np.testing.assert_array_equal(rows[chosen].read(slice(None)), ARRAY[index][chosen])
    np.testing.assert_array_equal(rows.read(slice(0, 2)), ARRAY[index][:2])


def test_reading_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "images.npy"
    n = 6 * RELEASE_BYTES // 2**20
    made = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(n, 1024, 1024))
    for start in range(0, n, 32):
        made[start : start + 32] = start % 251
    made.flush()
    del made
    rows = Rows(np.asarray(np.load(path, mmap_mode="r")), np.arange(n))
    process = psutil.Process()
    before = process.memory_info().rss
    most = 0
    for start in range(0, n, 16):
        assert rows.read(slice(start, start + 16))[0, 0, 0] == start // 32 * 32 % 251
        most = max(most, process.memory_info().rss - before)
    assert most < 2 * RELEASE_BYTES


def test_a_copy_in_memory_is_the_same() -> None:
    index = np.array([4, 4, 0, 49])
    np.testing.assert_array_equal(gathered(ARRAY, index), ARRAY[index])
    assert gathered(ARRAY, np.arange(0)).shape == (0, 2, 3)
