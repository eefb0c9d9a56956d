"""Where data files are looked for, and where copies of them are kept."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_dir() -> Path:
    """`HARNESS_CACHE_DIR`, else the user's cache folder; it may not exist yet."""
    return Path(os.environ.get("HARNESS_CACHE_DIR") or platformdirs.user_cache_dir("harness")).expanduser()


def default_home() -> Path:
    """The data home of those who name none."""
    return cache_dir() / "data"


def data_home(option: Path | None) -> Path:
    """The `--data-home` option, else `HARNESS_DATA_HOME`, else `default_home()`."""
    if option is not None:
        return option.expanduser()
    named = os.environ.get("HARNESS_DATA_HOME")
    return Path(named).expanduser() if named else default_home()
