"""Images that stay where they lie, in a file mapped into memory, until somebody asks for some of them."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Pages of a mapped file that were read count as this process's memory; after so many bytes they are given back.
RELEASE_BYTES = 2**26
# A row that is touched brings its surroundings into memory: Linux maps so much at once (fault_around_bytes).
AROUND = 2**16
# Larger training subsets of a network are read batch by batch: as float32 in Keras's hands they would take four times
# as much.
STREAM_BYTES = 2**28


class Rows:
    """Some rows of an array that may lie in a file, read when they are asked for.

    Parameters
    ----------
    array
        All images, (N, ...), such as a dataset's `x_train`.
    index
        Which of them, (n,), in this order.

    Attributes
    ----------
    shape : tuple of int
        (n, ...).
    """

    def __init__(self, array: NDArray[Any], index: NDArray[np.int64]) -> None:
        self.array = array
        self.index = index
        self.shape: tuple[int, ...] = (len(index), *array.shape[1:])
        self._map = _mapped(array)
        self._read = 0

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, chosen: NDArray[np.int64]) -> Rows:
        """Rows of these rows."""
        return Rows(self.array, self.index[chosen])

    def read(self, chosen: NDArray[np.int64] | slice) -> NDArray[Any]:
        """A copy of some rows, in memory."""
        found = self.array[self.index[chosen]]
        self._read += max(found.nbytes, len(found) * AROUND)
        if self._map is not None and self._read >= RELEASE_BYTES:
            # They stay in the system's cache of files, which gives way when memory is short.
            self._map.madvise(mmap.MADV_DONTNEED)
            self._read = 0
        return found


def gathered(array: NDArray[Any], index: NDArray[np.int64]) -> NDArray[Any]:
    """A copy of some rows in memory, and of the file no more than that."""
    rows = Rows(array, index)
    found = np.empty(rows.shape, array.dtype)
    step = max(1, RELEASE_BYTES // max(AROUND, found[:1].nbytes))
    for start in range(0, len(rows), step):
        found[start : start + step] = rows.read(slice(start, start + step))
    return found


def _mapped(array: Any) -> mmap.mmap | None:
    """The map of a file that an array looks into; None where it lies in memory, or the system cannot give it back."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap) and isinstance(found := getattr(array, "_mmap", None), mmap.mmap):
            return found if hasattr(mmap, "MADV_DONTNEED") else None
        array = array.base
    return array if isinstance(array, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED") else None
