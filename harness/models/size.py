"""How large a fitted model is where it is kept."""

from __future__ import annotations

import pickle
from typing import Any

import joblib


class CountingSink:
    """A file that keeps nothing of what is written to it but its length, `size` in bytes."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: Any) -> int:
        """Count the bytes of any buffer."""
        length = memoryview(data).nbytes
        self.size += length
        return length

    def tell(self) -> int:
        """Where the next byte goes; joblib aligns arrays by it."""
        return self.size


def pickled_bytes(model: Any) -> int | None:
    """Size in bytes of the file that `joblib.dump` writes of anything, uncompressed; no copy is made.

    Returns
    -------
    int or None
        None for what cannot be pickled, such as a plug-in's estimator that holds a lambda.
    """
    sink = CountingSink()
    try:
        joblib.dump(model, sink)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
    return sink.size
