"""Datasets that are one npz file of four arrays, the layout of `keras.datasets.mnist`."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from harness.data.base import Images
from harness.data.cache import Arrays, cached_arrays
from harness.data.home import default_home
from harness.errors import DataError

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
    folders = [default_home()] if home is None else [home, default_home()]
    return next((path for folder in folders if (path := folder / layout.file_name).is_file()), None)


def missing(layout: Layout, home: Path | None) -> str | None:
    """One line where the file is absent; None where it is there."""
    if find(layout, home) is not None:
        return None
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
    return cached_arrays(path, tuple(layout.shapes), content, lambda: read(layout, path))


def read(layout: Layout, path: Path) -> Arrays:
    """Read the arrays and compare them with the layout; never more bytes than the layout says.

    Raises
    ------
    DataError
        If the file cannot be read, or an array has another shape, type or content.
    """
    arrays: dict[str, Images] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for key, shape in layout.shapes.items():
                with archive.open(f"{key}.npy") as stream:
                    arrays[key] = _read_array(stream, f"{path}: {key}", shape)
    # zipfile's own set of complaints about damaged archives; an encrypted one is a RuntimeError.
    except (OSError, KeyError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: cannot be read as {layout.file_name} ({error}); replace or remove it") from error
    for key, expected in layout.sha256.items():
        received = hashlib.sha256(arrays[key].data).hexdigest()
        if received != expected:
            raise DataError(f"{path}: {key} has SHA-256 {received}, expected {expected}; replace or remove the file")
    return arrays


def _read_array(stream: IO[bytes], what: str, shape: tuple[int, ...]) -> Images:
    version = np.lib.format.read_magic(stream)
    if version not in HEADERS:
        raise DataError(f"{what} has npy version {version}; expected 1.0 or 2.0")
    found, fortran_order, dtype = HEADERS[version](stream)
    if found != shape or dtype != np.uint8 or fortran_order:
        raise DataError(f"{what} is {dtype} of shape {found}; expected uint8 of shape {shape}")
    size = math.prod(shape)
    raw = stream.read(size)
    if len(raw) != size:
        raise DataError(f"{what} ends after {len(raw)} of {size} bytes; replace or remove the file")
    return np.frombuffer(raw, dtype=np.uint8).reshape(shape)


def download(layout: Layout, home: Path | None) -> Path:
    """Fetch the dataset through Keras into the data home, or into the default one where that takes no file.

    Raises
    ------
    DataError
        If it cannot be downloaded, or no folder takes it.
    """
    wanted = (home or default_home()) / layout.file_name
    target = _first_writable([wanted.parent, default_home()], wanted) / layout.file_name
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


def _first_writable(folders: list[Path], wanted: Path) -> Path:
    reasons = []
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".{wanted.name}-probe"
            probe.touch()
            probe.unlink()
        except OSError as error:
            reasons.append(str(error))
        else:
            return folder
    raise DataError(
        f"{wanted.name} is absent and no folder takes a download ({'; '.join(reasons)}); put it at {wanted}"
    )
