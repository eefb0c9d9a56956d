"""Where a path in a suite leads, and names that may not lead out of their folder or archive."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from harness.data.home import default_home
from harness.errors import DataError, one_line

DRIVE = re.compile(r"[A-Za-z]:")


def locate(path: str, home: Path | None, what: str) -> Path:
    """The file or folder that a suite means by `path`.

    Parameters
    ----------
    path
        Absolute, or relative to the working directory or else to the data home.
    home
        The data home; None stands for the default one.
    what
        What is looked for, for the error: `dataset folder`, say.

    Raises
    ------
    DataError
        If there is nothing at any of these places.
    """
    places = [Path.cwd(), home or default_home()]
    try:
        for place in places:
            if os.path.lexists(found := place / Path(path).expanduser()):
                return found
    except (RuntimeError, ValueError) as error:  # `~somebody` where there is no such user; a null byte
        raise DataError(f"{one_line(path)} is no path of a {what} ({error}); correct `path`") from error
    where = " nor ".join(map(str, dict.fromkeys(places)))
    raise DataError(
        one_line(
            f"the {what} {path} is absent (neither in {where}); put it into the data home or correct the path"
            if not Path(path).is_absolute()
            else f"the {what} {path} is absent; put it there or correct the path"
        )
    )


def inside(name: str) -> str | None:
    """A member's or row's name as a plain relative path, `a/b.png`; None where it could lead anywhere else.

    Refused are absolute paths, drive letters, `..`, null bytes, and names of nothing.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or DRIVE.match(name) or ".." in path.parts or "\0" in name or not path.parts:
        return None
    return str(path)


def shown(name: str) -> str:
    """A file's name as text: bytes that are no UTF-8 become `\\xe9`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
