"""Fixtures that several test modules use."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no failure; and CI tries the same examples each time, so that it tells of a change, not of luck.
settings.register_profile("harness", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("harness")


@pytest.fixture(scope="session")
def mnist_home() -> Path:
    """The data home with real MNIST; without it the test says so and is skipped."""
    home = os.environ.get("HARNESS_DATA_HOME")
    if not home or not (Path(home) / "mnist.npz").is_file():
        pytest.skip("needs real MNIST: set HARNESS_DATA_HOME to a folder with mnist.npz")
    return Path(home)


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Children obey Ctrl-C, although whoever started the tests in the background had them ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the tests out of the user's cache; inherited by every child process."""
    os.environ["HARNESS_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
