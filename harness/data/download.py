"""`python -m harness.data.download mnist TARGET`: fetch a dataset through Keras and keep it as an npz file."""

from __future__ import annotations

import importlib
import socket
import sys
from pathlib import Path

import numpy as np

from harness.files import write_atomic


def fetch(dataset: str, target: Path) -> None:
    """Write `keras.datasets.<dataset>` to `target`, whole or not at all."""
    module = importlib.import_module(f"keras.datasets.{dataset}")
    (x_train, labels_train), (x_test, labels_test) = module.load_data()

    def save(path: Path) -> None:
        with path.open("wb") as stream:
            # CIFAR's labels come as columns, some of them as int64.
            y_train, y_test = (np.asarray(y, np.uint8).ravel() for y in (labels_train, labels_test))
            np.savez_compressed(stream, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)

    write_atomic(target, save)


if __name__ == "__main__":
    # Keras sets none: a network that swallows packets would otherwise hold the run for ever.
    socket.setdefaulttimeout(30)
    fetch(sys.argv[1], Path(sys.argv[2]))
