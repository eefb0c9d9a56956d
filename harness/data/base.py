"""What every dataset gives: labelled images with one fixed test set.

A dataset is a class whose keyword-only constructor only stores its parameters, with

- `info(home: Path | None) -> DatasetInfo`: what it is and what is missing; cheap, reads no image. Where nobody can tell
  the number of usable images without reading them (a folder, an archive, an OpenML dataset), the first call reads and
  keeps them, and later ones are cheap;
- `load(home: Path | None) -> ImageData`: the images.

`home` is the data home; None stands for the default one (`harness.data.home`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError

Images: TypeAlias = NDArray[np.uint8]
Labels: TypeAlias = NDArray[np.int64]


class DatasetInfo(NamedTuple):
    """What is known of a dataset before it is loaded."""

    name: str
    n_train: int
    n_test: int
    n_classes: int
    image_shape: tuple[int, ...]
    """(height, width) or (height, width, channels)."""
    missing: str | None = None
    """One line on what is absent and what to do about it, or that it will be downloaded or made."""
    notes: tuple[str, ...] = ()
    """One line each on what whoever uses the dataset must know, such as files that were left out."""
    version: str = ""
    """Tells whether the images are still the same; empty where they cannot change, or nobody knows."""


@dataclass(frozen=True)
class ImageData:
    """Labelled images, split once and for all into training and test images.

    The arrays may be read-only (they may be mapped from a file that other processes map, too).

    Raises
    ------
    DataError
        If shapes, types or labels do not fit together.
    """

    name: str
    x_train: Images
    """uint8, (n, height, width) or (n, height, width, channels)."""
    y_train: Labels
    """int64, (n,), in 0..k-1."""
    x_test: Images
    y_test: Labels
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """As of `DatasetInfo`."""

    def __post_init__(self) -> None:
        k = len(self.class_names)
        for part, x, y in (("train", self.x_train, self.y_train), ("test", self.x_test, self.y_test)):
            what = f"{self.name}: x_{part} is {x.dtype} of shape {x.shape}, y_{part} is {y.dtype} of shape {y.shape}"
            if x.dtype != np.uint8 or x.ndim not in (3, 4):
                raise DataError(f"{what}; expected images as uint8 of (n, h, w) or (n, h, w, c)")
            if y.dtype != np.int64 or y.shape != (len(x),) or not len(y):
                raise DataError(f"{what}; expected one int64 label per image, and at least one image")
            if y.min() < 0 or y.max() >= k:
                raise DataError(f"{self.name}: y_{part} has labels {y.min()} to {y.max()}; expected 0 to {k - 1}")
        if self.x_train.shape[1:] != self.x_test.shape[1:]:
            raise DataError(
                f"{self.name}: training images are {self.x_train.shape[1:]} and test images {self.x_test.shape[1:]}; "
                "expected one size"
            )


class Dataset(Protocol):
    """What the harness asks of a dataset."""

    def info(self, home: Path | None) -> DatasetInfo:
        """Tell what the dataset is without reading it."""

    def load(self, home: Path | None) -> ImageData:
        """Read the images."""
