"""Whether the Keras backends can be imported, each tried in a process of its own, and which devices they see."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple, get_args

from harness.suite.model import Backend

BACKENDS: tuple[str, ...] = get_args(Backend)
TIMEOUT_S = 180.0
DEVICES = {
    "tensorflow": "[d.device_type.lower() for d in lib.config.list_physical_devices()]",
    "jax": "[d.platform for d in lib.devices()]",
    "torch": "['cpu'] + ['gpu'] * lib.cuda.device_count()",
}
CODE = """
import json
import keras
import {name} as lib
print("\\n" + json.dumps({{"version": lib.__version__, "keras": keras.__version__, "devices": {devices}}}))
"""


class BackendFound(NamedTuple):
    """A backend: absent (`installed` false), broken (`error`), or its version and the kinds of device it sees."""

    name: str
    installed: bool
    version: str | None
    devices: tuple[str, ...]
    error: str | None


def backends(names: Sequence[str] = BACKENDS) -> tuple[BackendFound, ...]:
    """Import Keras with each backend that is installed, side by side."""
    asked = {name: _ask(name) for name in names if find_spec(name)}
    deadline = time.monotonic() + TIMEOUT_S
    return tuple(
        _answer(name, asked[name], deadline) if name in asked else BackendFound(name, False, None, (), None)
        for name in names
    )


def _ask(name: str) -> subprocess.Popen[str]:
    code = CODE.format(name=name, devices=DEVICES[name])
    variables = os.environ | {"KERAS_BACKEND": name, "TF_CPP_MIN_LOG_LEVEL": "2"}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True, env=variables)


def _answer(name: str, process: subprocess.Popen[str], deadline: float) -> BackendFound:
    try:
        output, errors = process.communicate(timeout=max(1.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return BackendFound(name, True, None, (), f"its import took more than {TIMEOUT_S:.0f} s")
    if process.returncode != 0:
        lines = [line for line in errors.splitlines() if line.strip()]
        return BackendFound(name, True, None, (), lines[-1] if lines else f"exit status {process.returncode}")
    found = json.loads(output.splitlines()[-1])
    return BackendFound(name, True, f"{found['version']} (Keras {found['keras']})", tuple(found["devices"]), None)
