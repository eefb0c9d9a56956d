"""Datasets that are one npz file of four arrays, the layout of `keras.datasets.mnist`."""

from __future__ import annotations

import hashlib
import io
import lzma
import math
import os
import struct
import subprocess
import sys
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from harness.data.base import DatasetInfo, ImageData, Images
from harness.data.cache import Arrays, cached_arrays
from harness.data.home import default_home
from harness.errors import DataError, one_line

# Header of an array: what `numpy.save` writes has 118 bytes at most here; NumPy itself would read up to 4 GiB of it.
MAX_HEADER = 10_000
# What a zip file may add to the arrays' bytes; its table of contents is read whole before anything is known of it.
MAX_ZIP_OVERHEAD = 2**20
# zipfile's own set of complaints about damaged archives; an encrypted one is a RuntimeError.
DAMAGE = (
    OSError,
    KeyError,
    ValueError,
    EOFError,
    RuntimeError,
    OverflowError,
    MemoryError,
    RecursionError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
)
# NumPy reads a header as a Python literal (and, where that fails, as one of Python 2) and makes a type from it.
HEADER_DAMAGE = (
    ValueError,
    TypeError,
    SyntaxError,
    LookupError,
    AttributeError,
    RecursionError,
    MemoryError,
    tokenize.TokenError,
)
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Layout(NamedTuple):
    """A file and what must be in it."""

    dataset: str
    """The dataset's name, which is also its module's name in `keras.datasets`."""
    shapes: dict[str, tuple[int, ...]]
    """Shape of each array; all are uint8."""
    sha256: dict[str, str]
    """Of each array's raw bytes, where it is known."""

    @property
    def file_name(self) -> str:
        """Such as `mnist.npz`."""
        return f"{self.dataset}.npz"


def find(layout: Layout, home: Path | None) -> Path | None:
    """The file in the data home, or in the default one, where a download goes if the data home takes none."""
    return next((path for path in _places(layout, home) if os.path.isfile(path)), None)


def _places(layout: Layout, home: Path | None) -> list[Path]:
    folders = [default_home()] if home is None else [home, default_home()]
    return [folder / layout.file_name for folder in folders]


def missing(layout: Layout, home: Path | None) -> str | None:
    """One line where the file is absent; None where it is there."""
    if find(layout, home) is not None:
        return None
    # Not `is_file`, yet there: a folder, a pipe, a link to nothing.
    if odd := next((path for path in _places(layout, home) if os.path.lexists(path)), None):
        return f"{odd} is not a regular file; replace it with {layout.file_name} or remove it"
    wanted = (home or default_home()) / layout.file_name
    return f"{layout.file_name} will be downloaded through Keras; without network put it at {wanted}"


def load(layout: Layout, home: Path | None) -> Arrays:
    """Find or download the file, and read its verified arrays.

    Raises
    ------
    DataError
        If the file is absent and cannot be downloaded, or is not what it should be.
    """
    path = find(layout, home) or download(layout, home)
    content = repr((layout.shapes, layout.sha256))
    try:
        return cached_arrays(path, tuple(layout.shapes), content, lambda: read(layout, path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}; replace or remove it") from error


def info(layout: Layout, home: Path | None, n_classes: int) -> DatasetInfo:
    """What the dataset is, and whether its file is there."""
    return DatasetInfo(
        layout.dataset,
        n_train=layout.shapes["x_train"][0],
        n_test=layout.shapes["x_test"][0],
        n_classes=n_classes,
        image_shape=layout.shapes["x_train"][1:],
        missing=missing(layout, home),
    )


def image_data(layout: Layout, arrays: Arrays, class_names: tuple[str, ...]) -> ImageData:
    """The arrays with their names."""
    y_train, y_test = (arrays[key].astype(np.int64) for key in ("y_train", "y_test"))
    return ImageData(layout.dataset, arrays["x_train"], y_train, arrays["x_test"], y_test, class_names)


def check_counts(layout: Layout, home: Path | None, data: ImageData) -> None:
    """Make sure that every class has as many images as every other, where no hash is known.

    Raises
    ------
    DataError
        If one has not.
    """
    k = len(data.class_names)
    for part, y in (("train", data.y_train), ("test", data.y_test)):
        counts = np.bincount(y, minlength=k)
        if (counts != len(y) // k).any():
            found = one_line(counts.tolist())
            raise DataError(
                f"{find(layout, home)}: y_{part} has {found} images per class; "
                f"expected {len(y) // k} of each; replace or remove the file"
            )


def read(layout: Layout, path: Path) -> Arrays:
    """Read the arrays and compare them with the layout; never more bytes than the layout says.

    Raises
    ------
    DataError
        If the file cannot be read, or an array has another shape, type or content.
    """
    arrays: dict[str, Images] = {}
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            most = sum(math.prod(shape) for shape in layout.shapes.values()) + MAX_ZIP_OVERHEAD
            if before.st_size > most:
                raise ValueError(f"it has {before.st_size:,} bytes, more than its arrays unpacked")
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
                for key, shape in layout.shapes.items():
                    if names.count(f"{key}.npy") > 1:
                        raise ValueError(f"it holds {key}.npy more than once")
                    with archive.open(f"{key}.npy") as stream:
                        arrays[key] = _read_array(stream, f"{path}: {key}", shape)
            after = os.fstat(file.fileno())
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise ValueError("it changed while it was read")
    except DAMAGE as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: cannot be read as {layout.file_name} ({words}); replace or remove it") from error
    for key, expected in layout.sha256.items():
        received = hashlib.sha256(arrays[key].data).hexdigest()
        if received != expected:
            raise DataError(f"{path}: {key} has SHA-256 {received}, expected {expected}; replace or remove the file")
    return arrays


def _read_array(stream: IO[bytes], what: str, shape: tuple[int, ...]) -> Images:
    version = np.lib.format.read_magic(stream)
    if version not in HEADERS:
        raise DataError(f"{what} has npy version {version}; expected 1.0 or 2.0; replace or remove the file")
    length = stream.read(2 * version[0])
    header = stream.read(min(int.from_bytes(length, "little"), MAX_HEADER))
    try:
        found, fortran_order, dtype = HEADERS[version](io.BytesIO(length + header))
    except HEADER_DAMAGE as error:
        words = " ".join(str(error).split())
        raise DataError(f"{what} has no readable header ({words}); replace or remove the file") from error
    if found != shape or dtype != np.uint8 or fortran_order:
        order = " in Fortran order" if fortran_order else ""
        raise DataError(
            f"{what} is {dtype} of shape {found}{order}; expected uint8 of shape {shape}; replace or remove the file"
        )
    size = math.prod(shape)
    raw = stream.read(size)
    if len(raw) != size:
        raise DataError(f"{what} ends after {len(raw)} of {size} bytes; replace or remove the file")
    # The end of the member, where zipfile compares its CRC-32.
    if stream.read(1):
        raise DataError(f"{what} goes on after its {size} bytes; replace or remove the file")
    return np.frombuffer(raw, dtype=np.uint8).reshape(shape)


def download(layout: Layout, home: Path | None) -> Path:
    """Fetch the dataset through Keras into the data home, or into the default one where that takes no file.

    Raises
    ------
    DataError
        If it cannot be downloaded, or no folder takes it.
    """
    wanted = (home or default_home()) / layout.file_name
    if os.path.lexists(wanted):
        raise DataError(f"{wanted} is not a regular file; replace it with {layout.file_name} or remove it")
    target = first_writable([wanted.parent, default_home()], wanted) / layout.file_name
    # A process of its own: Keras cannot be imported without its backend, and a trial that trains no network must
    # not carry TensorFlow in the memory that is measured.
    command = [sys.executable, "-m", "harness.data.download", layout.dataset, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise DataError(
            f"{layout.dataset} is not in {wanted.parent} and could not be downloaded ({lines[-1]}); "
            f"put {layout.file_name}, in the layout of keras.datasets.mnist, at {wanted}"
        )
    return target


def first_writable(folders: list[Path], wanted: Path) -> Path:
    """The first of these folders that takes a file; raises DataError where none does."""
    reasons = []
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".{wanted.name}-probe"
            probe.touch()
            probe.unlink()
        except (OSError, ValueError) as error:
            reasons.append(str(error))
        else:
            return folder
    raise DataError(
        f"{wanted.name} is absent and no folder takes a download ({'; '.join(reasons)}); put it at {wanted}"
    )
