"""Images that come as arrays: an npz file of one's own."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.data import store
from harness.data.base import DatasetInfo, ImageData, Images
from harness.data.cache import identity
from harness.data.image_files import Fraction, Side, Text
from harness.data.npz import DAMAGE
from harness.data.paths import locate, shown
from harness.data.split import Part, split
from harness.errors import DataError, one_line
from harness.files import open_regular

ImageShape: TypeAlias = Annotated[list[Side], Field(min_length=2, max_length=3)]
Count = Annotated[int, Field(ge=1)]
Maximum = Annotated[float, Field(gt=0)]
Channels: TypeAlias = Literal["last", "first"]

# Raised when arrays are read otherwise than before.
FORMAT = 1
CHUNK = 4096
LAYOUTS = (("x_train", "y_train", "x_test", "y_test"), ("x", "y"))


class Npz:
    """An npz file of `x_train`, `y_train`, `x_test` and `y_test`, or of `x` and `y`; see docs/data.md.

    Images are (n, h, w), (n, h, w, c) or (n, pixels) of whole numbers from 0 to 255, or of floats from 0 to 1. Labels
    are whole numbers or texts. Nothing pickled is read.

    Parameters
    ----------
    path
        The file: absolute, or relative to the working directory or else to the data home.
    image_shape
        Height and width, and channels if there are any, where the file has (n, pixels); a square where not given.
    channels
        Whether colours are the `last` axis or the `first` of an image.
    maximum
        The value that stands for white, which becomes 255; 1 where not given and no float is above 1, else 255.
    n_train
        Of `x` and `y`: the first so many images are for training and all others the test set.
    test_fraction
        Of `x` and `y`, where `n_train` is not given: the test set's share; stratified and always the same.
    name
        What rows call the dataset; the file's name without its ending where not given.
    """

    def __init__(
        self,
        *,
        path: Text,
        image_shape: ImageShape | None = None,
        channels: Channels = "last",
        maximum: Maximum | None = None,
        n_train: Count | None = None,
        test_fraction: Fraction = 0.2,
        name: Text | None = None,
    ) -> None:
        self.path = path
        self.image_shape = image_shape
        self.channels = channels
        self.maximum = maximum
        self.n_train = n_train
        self.test_fraction = test_fraction
        self.name = name

    def info(self, home: Path | None) -> DatasetInfo:
        """Tell what the dataset is; the first time, it is read for that and kept. Raises DataError as `load` does."""
        name, stored = self._ready(home)
        return stored.info(name)

    def load(self, home: Path | None) -> ImageData:
        """Map the images; the first time, they are read and kept.

        Raises
        ------
        DataError
            If the file is absent, damaged, or holds something else.
        """
        name, stored = self._ready(home)
        return stored.image_data(name)

    def _ready(self, home: Path | None) -> tuple[str, store.Stored]:
        path = locate(self.path, home, "npz file")
        try:
            state = identity(path.stat())
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}; replace or remove it") from error
        options = (self.image_shape, self.channels, self.maximum, self.n_train, self.test_fraction)
        source = store.Source(path.stem, (FORMAT, str(path.resolve()), options), state)
        return one_line(self.name or shown(path.stem)), store.ensure(source, lambda folder: self._make(path, folder))

    def _make(self, path: Path, folder: Path) -> store.Facts:
        arrays = _read(path)
        found: dict[str, tuple[Images, list[str]]] = {}
        for tail in sorted(key.removeprefix("x") for key in arrays if key.startswith("x")):
            x = as_images(arrays.pop(f"x{tail}"), self.image_shape, self.channels, self.maximum, f"{path}: x{tail}")
            y = as_labels(arrays.pop(f"y{tail}"), f"{path}: y{tail}")
            if len(x) != len(y):
                raise DataError(f"{path}: x{tail} has {len(x):,} images and y{tail} {len(y):,} labels; repair the file")
            found[tail.removeprefix("_")] = x, y
        if "" in found:
            x, y = found[""]
            whole = split(y, self._parts(len(y), path), self.test_fraction, str(path))
            for part, rows in (("train", whole.train), ("test", whole.test)):
                store.write_part(folder, part, x, rows, whole.y[rows])
            return store.Facts(whole.class_names)
        shapes = {x.shape[1:] for x, _ in found.values()}
        if len(shapes) > 1:
            raise DataError(f"{path}: images are of {' and '.join(map(str, sorted(shapes)))}; expected one size")
        labels = [label for _, y in found.values() for label in y]
        parts: list[Part | None] = ["test" if part == "test" else "train" for part, (_, y) in found.items() for _ in y]
        whole = split(labels, parts, self.test_fraction, str(path))
        start = 0
        for part, (x, y) in found.items():
            store.write_part(folder, part, x, np.arange(len(x)), whole.y[start : start + len(y)])
            start += len(y)
        return store.Facts(whole.class_names)

    def _parts(self, n: int, path: Path) -> list[Part | None]:
        if self.n_train is None:
            return [None] * n
        if self.n_train >= n:
            raise DataError(f"{path}: n_train is {self.n_train:,} of {n:,} images; leave some for the test set")
        return ["train" if i < self.n_train else "test" for i in range(n)]


def as_images(
    x: NDArray[Any], shape: Sequence[int] | None, channels: Channels, maximum: float | None, what: str
) -> Images:
    """Arrays of numbers as images.

    Parameters
    ----------
    x
        (n, h, w), (n, h, w, c), (n, c, h, w) or (n, pixels).
    shape
        Height, width and channels of (n, pixels); a square of one channel where not given.
    channels
        Whether colours are the last axis of an image or the first.
    maximum
        The value of white; where not given, 1 for floats of which none is above 1, else 255.
    what
        The array, for errors.

    Returns
    -------
    uint8, (n, h, w) or (n, h, w, 3). `x` itself where it is that already.

    Raises
    ------
    DataError
        If they are no images.
    """
    if x.dtype.kind not in "buif" or x.ndim not in (2, 3, 4) or not len(x):
        raise DataError(
            f"{what} is {x.dtype} of shape {x.shape}; expected numbers of (n, h, w), (n, h, w, c) or (n, pixels)"
        )
    if x.dtype != np.uint8 or maximum is not None:
        x = _as_bytes(x, maximum, what)
    if x.ndim == 2:
        x = x.reshape(len(x), *_shape(x.shape[1], shape, channels, what))
    if x.ndim == 4 and channels == "first":
        x = np.moveaxis(x, 1, -1)
    if x.ndim == 4 and x.shape[3] == 1:
        x = x[..., 0]
    if x.ndim == 4 and x.shape[3] != 3:
        raise DataError(f"{what} has images of {x.shape[3]} channels; expected 1 or 3, see `channels`")
    return x


def _as_bytes(x: NDArray[Any], maximum: float | None, what: str) -> Images:
    low, high = float(x.min()), float(x.max())
    if maximum is None:
        maximum = 1.0 if x.dtype.kind in "bf" and high <= 1 else 255.0
    # Not `low < 0 or high > maximum`, which lets NaN pass.
    if not (low >= 0 and high <= maximum):
        raise DataError(
            f"{what} has values from {low:g} to {high:g}; expected 0 to {maximum:g}, see `maximum`, and none missing"
        )
    out = np.empty(x.shape, dtype=np.uint8)
    for start in range(0, len(x), CHUNK):  # float copies of the whole would be large
        out[start : start + CHUNK] = np.rint(x[start : start + CHUNK].astype(np.float64) * (255 / maximum))
    return out


def _shape(pixels: int, shape: Sequence[int] | None, channels: Channels, what: str) -> tuple[int, ...]:
    if shape is None:
        side = math.isqrt(pixels)
        if side**2 != pixels:
            raise DataError(
                f"{what} has rows of {pixels} pixels, which is no square; give image_shape: [height, width]"
            )
        return side, side
    if math.prod(shape) != pixels:
        raise DataError(f"{what} has rows of {pixels} pixels; image_shape {list(shape)} has {math.prod(shape)}")
    return (shape[2], shape[0], shape[1]) if len(shape) == 3 and channels == "first" else tuple(shape)


def as_labels(y: NDArray[Any], what: str) -> list[str]:
    """Labels as texts.

    Raises
    ------
    DataError
        If they are neither whole numbers nor texts, or not one for each image.
    """
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if (
        y.ndim == 1
        and y.dtype.kind == "f"
        and np.isfinite(y).all()
        and (y == np.rint(y)).all()
        and abs(y).max() < 2**53
    ):
        y = y.astype(np.int64)
    if y.ndim != 1 or not (y.dtype.kind in "buiUS" or all(isinstance(label, str) for label in y)):
        raise DataError(f"{what} is {y.dtype} of shape {y.shape}; expected whole numbers or texts, one for each image")
    if y.dtype.kind == "S":
        y = np.char.decode(y, "utf-8", "backslashreplace")
    return [one_line(label).strip() for label in y.tolist()]


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with open_regular(path) as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array")
            for keys in LAYOUTS:
                if set(keys) <= set(archive.files):
                    return {key: archive[key] for key in keys}
            found = ", ".join(archive.files[:10])
    except DAMAGE as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise DataError(one_line(f"{path}: cannot be read as npz ({words}); replace or remove it")) from error
    wanted = " or ".join("+".join(keys) for keys in LAYOUTS)
    raise DataError(one_line(f"{path}: holds {found or 'nothing'}; expected {wanted}"))
