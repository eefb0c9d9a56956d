"""Whole files, written so that a reader never sees half of one."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then move it into place.

    Parameters
    ----------
    path
        The file to create or replace; its folder is created where it is missing.
    write
        Called with the path of the temporary file, which keeps the suffix of `path`.

    Raises
    ------
    OSError
        If the folder cannot be written, or the disk is full; it names `path`, and what was there before is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    beside = Path(name)
    try:
        write(beside)
        os.chmod(beside, 0o666 & ~_umask())
        os.replace(beside, path)
    except OSError as error:
        if error.errno is None:
            raise
        # Arrow's names no file, others the one beside, which is gone when its name is read.
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
    finally:
        beside.unlink(missing_ok=True)


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading; what would block or never end, such as a pipe or a device, is an OSError."""
    # Without O_NONBLOCK a pipe would be waited for.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(fd, "rb")


def write_text(path: Path, text: str) -> None:
    """Create or replace a UTF-8 text file."""
    write_atomic(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
