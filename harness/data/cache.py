"""Verified arrays kept uncompressed, so that a trial maps them instead of unpacking and hashing them again.

Each trial is a process of its own and loads its data itself. Unpacking MNIST's npz and checking its hash takes about
0.3 s; mapping the copy takes about a millisecond, and pages that another trial read are already in memory.

A copy is used only as long as nobody has touched it. Beside the arrays lies a stamp with the size, the time of
modification and the time of change (ctime) of each; a program can set back the former time but not the latter, so
whatever truncates, alters or replaces a copy shows without its bytes being read. The source is told by the same three
figures. What a failing disk alters by itself does not show.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.base import Images
from harness.data.home import cache_dir
from harness.files import write_atomic, write_text

Arrays = Mapping[str, Images]

STAMP = "stamp.json"
TICK_S = 0.02


def cached_arrays(source: Path, keys: tuple[str, ...], content: str, read: Callable[[], Arrays]) -> Arrays:
    """Map the kept copy of `source`'s arrays; read them, and keep a copy, where there is none yet.

    Parameters
    ----------
    source
        The file that `read` reads. A copy belongs to its path, size and times.
    keys
        Names of the arrays.
    content
        What the arrays were verified against, such as their hashes: another content is another copy.
    read
        Reads and verifies; called only where no copy can be used.

    Returns
    -------
    Read-only arrays by name. A cache that cannot be written is done without.
    """
    folder = _folder(source, content)
    # A copy that is cut short (by a full disk, say) is a ValueError or, where it is empty, an EOFError.
    with suppress(OSError, ValueError, EOFError):
        if json.loads((folder / STAMP).read_bytes()) == _stamp(folder, keys):
            return {key: mapped(folder / f"{key}.npy") for key in keys}
    arrays = read()
    with suppress(OSError):
        for key in keys:
            write_atomic(folder / f"{key}.npy", partial(_save, arrays[key]))
        # File systems keep time in ticks of up to 10 ms: what touches a copy from here on is at a later one.
        time.sleep(TICK_S)
        write_text(folder / STAMP, json.dumps(_stamp(folder, keys)))
    return arrays


def _folder(source: Path, content: str) -> Path:
    key = "\n".join((content, str(source.resolve()), *map(str, identity(source.stat()))))
    return (
        cache_dir()
        / "arrays"
        / f"{source.stem}-{hashlib.sha256(key.encode(errors='surrogateescape')).hexdigest()[:16]}"
    )


def _stamp(folder: Path, keys: tuple[str, ...]) -> dict[str, list[int]]:
    # Not `stat`: a link that was put in a copy's place is not followed.
    return {key: identity((folder / f"{key}.npy").lstat()) for key in keys}


def identity(found: os.stat_result) -> list[int]:
    """What shows that a file was touched: its size in bytes, its times of modification and of change in ns."""
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def mapped(path: Path) -> NDArray[Any]:
    """The array of an npy file, read-only and mapped."""
    # A plain array that looks into the mapped file, since the subclass `np.memmap` makes later indexing slower.
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _save(array: Images, path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)
        stream.flush()
        os.fsync(stream.fileno())
