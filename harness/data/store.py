"""Images made ready once and mapped from then on: read from many files, unpacked, or generated.

As in `harness.data.cache`, a copy is used only as long as nobody has touched it: its stamp holds the size and the times
of each file. Beside the arrays lie the facts: names of the classes and what is to be said of the source. One place (a
path and how it is read) has one copy; where the state of what lies there is another, the copy is replaced, so that a
folder that grows does not fill the disk. Whoever has the former copy mapped keeps it.

Arrays are written in order, never through a map: a full disk is an error then, not the end of the process.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from harness.data.base import DatasetInfo, ImageData
from harness.data.cache import STAMP, TICK_S, identity, mapped
from harness.data.home import cache_dir
from harness.errors import DataError
from harness.files import write_text

KEYS = ("x_train", "y_train", "x_test", "y_test")
FACTS = "facts.json"
# What a killed process left half made is removed after a day.
STALE_S = 24 * 3600.0
# Images of one write: few enough to stay near the processor.
CHUNK = 256


class Source(NamedTuple):
    """What is to be made ready."""

    stem: str
    """How the copy's folder name begins, for people."""
    place: object
    """Where the images come from and how they are made; its `repr` decides which copy is meant."""
    state: object
    """What lies at that place; where its `repr` is another, the copy is made again."""


class Facts(NamedTuple):
    """What is known of a copy beside its arrays."""

    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    digest: str = ""
    """Of the arrays' contents."""


class Stored(NamedTuple):
    """A copy: its facts and its read-only arrays by name, `x_train` and so on."""

    facts: Facts
    arrays: Mapping[str, NDArray[Any]]

    def info(self, name: str) -> DatasetInfo:
        """What it is."""
        x_train, x_test = self.arrays["x_train"], self.arrays["x_test"]
        return DatasetInfo(
            name,
            len(x_train),
            len(x_test),
            len(self.facts.class_names),
            x_train.shape[1:],
            notes=self.facts.notes,
            version=self.facts.digest,
        )

    def image_data(self, name: str) -> ImageData:
        """Its images."""
        x_train, y_train, x_test, y_test = (self.arrays[key] for key in KEYS)
        return ImageData(name, x_train, y_train, x_test, y_test, self.facts.class_names, self.facts.notes)


# Fills a folder with `x_train.npy` and so on; an OSError means that the folder cannot be written.
Make: TypeAlias = Callable[[Path], Facts]


def find(source: Source) -> Stored | None:
    """The copy of that source, if there is one and nobody has touched it; milliseconds, whatever its size."""
    return _read(_folder(source), source)


def ensure(source: Source, make: Make) -> Stored:
    """The copy of that source, made if there is none.

    A cache that cannot be written is done without: the arrays then lie in a file that has no name any more.

    Raises
    ------
    DataError
        If neither the cache nor the folder for temporary files takes the arrays; or whatever `make` raises.
    """
    if (found := find(source)) is not None:
        return found
    folder = _folder(source)
    print(f"{source.stem}: its images are made ready, once; they will be kept in {folder}", file=sys.stderr)
    with suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
            made = _fill(Path(beside) / "copy", source, make)
            # Another process may have been faster: what is mapped stays what it is.
            with suppress(OSError):
                if os.path.lexists(folder):
                    os.rename(folder, Path(beside) / "old")
                os.rename(Path(beside) / "copy", folder)
            return made
    try:
        with tempfile.TemporaryDirectory(prefix="harness-") as scratch:
            return _fill(Path(scratch) / "copy", source, make)
    except OSError as error:
        raise DataError(
            f"{source.stem}: its arrays cannot be kept, neither in {folder.parent} nor in {tempfile.gettempdir()} "
            f"({error.strerror or error}); free some space, or set HARNESS_CACHE_DIR"
        ) from error


def write_npy(path: Path, shape: Sequence[int], dtype: DTypeLike, parts: Iterable[NDArray[Any]]) -> None:
    """Write an array of which only a part at a time is in memory.

    Parameters
    ----------
    path
        The file.
    shape, dtype
        Of the whole array.
    parts
        Pieces along the first axis, which together make up that shape.
    """
    kind = np.dtype(dtype)
    written = 0
    with path.open("wb") as stream:
        header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": tuple(shape)}
        np.lib.format.write_array_header_1_0(stream, header)
        for part in parts:
            stream.write(np.ascontiguousarray(part, kind).data)
            written += len(part)
        stream.flush()
        os.fsync(stream.fileno())
    assert written == shape[0], (path, written, shape)


def write_part(folder: Path, part: str, x: NDArray[np.uint8], rows: NDArray[np.int64], y: NDArray[np.int64]) -> None:
    """Write `x_PART.npy`, some rows of images that may be mapped, and `y_PART.npy`, the labels of these rows."""
    pieces = (np.asarray(x[rows[start : start + CHUNK]]) for start in range(0, len(rows), CHUNK))
    write_npy(folder / f"x_{part}.npy", (len(rows), *x.shape[1:]), np.uint8, pieces)
    write_npy(folder / f"y_{part}.npy", (len(y),), np.int64, [y])


def _fill(copy: Path, source: Source, make: Make) -> Stored:
    copy.mkdir()
    facts = make(copy)._replace(digest=_contents(copy))
    write_text(copy / FACTS, json.dumps(facts._asdict()))
    # File systems keep time in ticks of up to 10 ms: what touches a copy from here on is at a later one.
    time.sleep(TICK_S)
    write_text(copy / STAMP, json.dumps(_stamp(copy, source)))
    return Stored(facts, {key: mapped(copy / f"{key}.npy") for key in KEYS})


def _contents(copy: Path) -> str:
    """A digest of the arrays' files, read in pieces."""
    digest = hashlib.sha256()
    for key in KEYS:
        with (copy / f"{key}.npy").open("rb") as stream:
            while piece := stream.read(2**20):
                digest.update(piece)
    return digest.hexdigest()[:16]


def _read(folder: Path, source: Source) -> Stored | None:
    # A copy that is cut short (by a full disk, say) is a ValueError or, where it is empty, an EOFError.
    with suppress(OSError, ValueError, EOFError, KeyError):
        stamp = json.loads((folder / STAMP).read_bytes())
        arrays = {key: mapped(folder / f"{key}.npy") for key in KEYS}
        facts = (folder / FACTS).read_bytes()
        # Compared after all is read: a copy that was replaced meanwhile does not fit its stamp.
        if stamp == _stamp(folder, source):
            known = json.loads(facts)
            return Stored(Facts(tuple(known["class_names"]), tuple(known["notes"]), known["digest"]), arrays)
    return None


def _folder(source: Source) -> Path:
    stem = re.sub(r"[^\w.-]", "_", source.stem[:40], flags=re.ASCII)
    return cache_dir() / "arrays" / f"{stem}-{_digest(source.place)[:16]}"


def _stamp(folder: Path, source: Source) -> dict[str, Any]:
    # Not `stat`: a link that was put in a file's place is not followed.
    files = {name: identity((folder / name).lstat()) for name in (*(f"{key}.npy" for key in KEYS), FACTS)}
    return {"state": _digest(source.state), "files": files}


def _digest(what: object) -> str:
    return hashlib.sha256(repr(what).encode(errors="surrogateescape")).hexdigest()


def _sweep(folder: Path) -> None:
    for left in folder.parent.glob(f".{folder.name}-*"):
        with suppress(OSError):  # another process may be faster
            if time.time() - left.stat().st_mtime > STALE_S:
                shutil.rmtree(left, ignore_errors=True)
