"""A Dask cluster on this machine, for runs that name no scheduler: on loopback only, encrypted, and quiet."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from harness.errors import MisuseError
from harness.measure.devices import gpus

if TYPE_CHECKING:
    from distributed import SpecCluster

INSTALL = "pip install 'harness[distributed]'"
# How often Dask gives a trial to another worker (or to the same one, started again) after its worker has died.
RETRIES = 2
# Worker threads are not watched: Dask's profiler would take time from what is measured.
QUIET = {"distributed.worker.profile.enabled": False, "distributed.admin.tick.limit": "1h"}
# A terminal sends Ctrl-C to the workers too; ending them is the run's business, and a traceback of theirs nobody's.
DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


def require(scheduler: str | None) -> None:
    """See that Dask is installed.

    Raises
    ------
    MisuseError
        If it is not, with what to install.
    """
    # A cluster started here speaks TLS with keys made for it: without, every user of this machine could run code in it.
    for package in ("distributed", *(() if scheduler else ("cryptography",))):
        if find_spec(package) is None:
            raise MisuseError(f"--executor dask needs the package {package}; {INSTALL}")


def address_in(scheduler: str) -> str:
    """The address that a scheduler file holds, or that was given itself."""
    file = Path(scheduler)
    if not file.is_file():
        return scheduler
    try:
        return str(json.loads(file.read_bytes())["address"])
    except (ValueError, KeyError, TypeError):
        raise ValueError("the file is no scheduler file") from None


def start_cluster(workers: int) -> SpecCluster:
    """A scheduler in this process and worker processes beside it, on loopback only and encrypted.

    One worker takes any trial, as a run without Dask does; several divide memory and GPUs among them.
    """
    from distributed import Nanny, Scheduler, Security, SpecCluster

    security = Security.temporary()
    common = {
        "host": "127.0.0.1",
        "protocol": "tls://",
        "security": security,
        "dashboard": False,
        "dashboard_address": "127.0.0.1:0",
    }
    memory = psutil.virtual_memory().total / workers if workers > 1 else math.inf
    cards = len(gpus())
    options = {**common, "nthreads": 1, "memory_limit": 0, "silence_logs": logging.CRITICAL, "preload": [DEAF]}
    spec = {}
    for number in range(workers):
        resources = {"exclusive": 1, "memory": memory, "gpu": int(number < cards)}
        own = {"CUDA_VISIBLE_DEVICES": visible(number)} if workers > 1 and number < cards else {}
        spec[number] = {"cls": Nanny, "options": {**options, "resources": resources, "env": own}}
    return SpecCluster(
        workers=spec,
        scheduler={"cls": Scheduler, "options": {**common, "allowed_failures": RETRIES}},
        security=security,
        silence_logs=logging.CRITICAL,
    )


def visible(number: int) -> str:
    """The GPU of one of several workers, among those that this process may use."""
    named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return named[number] if number < len(named) else str(number)


@contextmanager
def silent() -> Iterator[None]:
    """Dask's log lines are for its own people: a lost worker is told by the trial's row."""
    # Dask gives some of its own loggers levels of their own.
    known = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    loggers = [logging.getLogger(name) for name in ("tornado.application", "asyncio", *known)]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
