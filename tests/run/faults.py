"""A plug-in whose networks and estimators end in every way a trial can end."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from typing import Literal

import numpy as np

from harness.data.base import DatasetInfo, ImageData
from harness.errors import DivergedError
from harness.registry import register

Fault = Literal[
    "none",
    "exception",
    "diverged",
    "memory_error",
    "exhausted",
    "segfault",
    "exit",
    "hang",
    "deaf_hang",
    "grandchild",
    "garbage",
    "flood",
    "eat_memory",
    "kill_server",
]

GARBAGE = b"""garbage
{"event": "end"}
{"event": "end", "status": "marvellous"}
[1]
\xff
{"event": "phase", "phase": "tea"}
{"event": "measured", "values": {"trial_id": "another"}}
{"event": "measured", "values": {"load_s": NaN, "extra": [1, {}]}}
"""


class Faulty:
    """Twenty random images, after doing what `fault` names."""

    def __init__(self, *, fault: Fault = "none", seconds: float = 0.0, mark: str = "") -> None:
        self.fault = fault
        self.seconds = seconds
        self.mark = mark

    def info(self, home: object) -> DatasetInfo:
        return DatasetInfo("faulty", 40, 20, 2, (8, 8))

    def load(self, home: object) -> ImageData:
        if self.mark:
            with open(self.mark, "a") as file:
                file.write(f"{os.getpid()}\n")
        time.sleep(self.seconds)
        provoke(self.fault)
        x = np.random.default_rng(0).integers(0, 256, (60, 8, 8)).astype(np.uint8)
        y = np.arange(60, dtype=np.int64) % 2
        return ImageData("faulty", x[:40], y[:40], x[40:], y[40:], ("even", "odd"))


def provoke(fault: Fault) -> None:
    match fault:
        case "exception":
            raise ValueError("provoked\nover two lines")
        case "diverged":
            raise DivergedError("loss became nan in epoch 1")
        case "memory_error":
            raise MemoryError("cannot allocate 9 EiB")
        case "exhausted":
            raise type("ResourceExhaustedError", (RuntimeError,), {})("OOM when allocating tensor")
        case "segfault":
            ctypes.string_at(0)
        case "exit":
            os._exit(3)
        case "hang":
            time.sleep(600)
        case "deaf_hang":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                ctypes.CDLL(None).usleep(100_000)
        case "grandchild":
            code = "import time; time.sleep(600)"
            child = subprocess.Popen([sys.executable, "-c", code])
            print("grandchild", child.pid, flush=True)
        case "garbage":
            for fd in range(3, 20):
                try:
                    os.write(fd, GARBAGE)
                except OSError:
                    continue
        case "flood":
            print("x" * 5_000_000, flush=True)
        case "kill_server":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(600)
        case "eat_memory":
            hoard = [np.ones(8_000_000)]
            while True:
                hoard.append(np.ones(8_000_000))
                time.sleep(0.02)
        case _:
            pass


register("datasets", "faulty", Faulty)
