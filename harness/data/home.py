"""Where data files are looked for, and where copies of them are kept."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from harness.errors import DataError


def cache_dir() -> Path:
    """`HARNESS_CACHE_DIR`, else the user's cache folder; it may not exist yet."""
    return _expanded(Path(os.environ.get("HARNESS_CACHE_DIR") or platformdirs.user_cache_dir("harness")))


def default_home() -> Path:
    """The data home of those who name none."""
    return cache_dir() / "data"


def data_home(option: Path | None) -> Path:
    """The `--data-home` option, else `HARNESS_DATA_HOME`, else `default_home()`."""
    if option is not None:
        return _expanded(option)
    named = os.environ.get("HARNESS_DATA_HOME")
    return _expanded(Path(named)) if named else default_home()


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        # `~somebody` where there is no such user.
        raise DataError(f"{path}: there is no such home folder; write the path without ~") from None
