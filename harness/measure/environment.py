"""The machine and the software a run happened on."""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from harness.measure import host, noise
from harness.measure.devices import gpus

# What a run adds to its environment and is no setting of the machine; reports show each in a place of its own.
APART = ("machines", "footprint", "doctor")
PACKAGES = (
    "harness",
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "scikit-image",
    "keras",
    "tensorflow",
    "jax",
    "torch",
)
# Variables that change which kernels or how many threads a library uses.
SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
)


def environment(defaults: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What a reader needs to judge the figures of a run, as plain JSON values.

    Parameters
    ----------
    defaults
        Environment variables that trials get where the user has not set them.
    """
    variables = {**(defaults or {}), **os.environ}
    cards = gpus()
    return {
        "machine": machine(),
        "os": platform.platform(),
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "physical_cores": psutil.cpu_count(logical=False),
        "cpu_limit": host.cpu_limit(),
        "caches": host.caches(),
        "governors": noise.governors(),
        "clock_source": host.clock_source(),
        "ram_bytes": psutil.virtual_memory().total,
        "gpu": [card._asdict() for card in cards],
        "driver": cards[0].driver if cards else None,
        "blas": blas(),
        "python": platform.python_version(),
        "settings": {name: variables[name] for name in SETTINGS if name in variables},
        "versions": versions(),
        "git_commit": git_commit(),
    }


def machine() -> str:
    """A name for this machine that says when two rows come from the same one, without giving its host name away."""
    return hashlib.sha256(f"{socket.gethostname()}|{cpu_name()}".encode()).hexdigest()[:8]


def usable_cores() -> int:
    """Cores this process may run on, which a container or batch system can limit."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_name() -> str:
    """The processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def blas() -> list[dict[str, Any]]:
    """The BLAS and OpenMP libraries that NumPy and scikit-learn load, with their thread counts."""
    import numpy  # noqa: F401  (loaded so that its BLAS is there to be asked)
    import threadpoolctl

    keys = ("internal_api", "version", "num_threads", "architecture")
    return [{key: info.get(key) for key in keys} for info in threadpoolctl.threadpool_info()]


def versions() -> dict[str, str]:
    """Installed versions of what decides a result."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_commit() -> str | None:
    """The commit of the checkout the harness runs from, `+changes` where it was edited; None when installed."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        ask = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+changes"]
        return subprocess.run(ask, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
