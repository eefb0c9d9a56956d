"""A plug-in whose datasets fail in every way a trial can."""

import ctypes
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np

from harness.data import npz
from harness.data.base import DatasetInfo, ImageData
from harness.errors import DivergedError
from harness.registry import register

GARBAGE = b"""garbage
{"event": "end"}
{"event": "end", "status": "marvellous"}
[1]
\xff
{"event": "phase", "phase": "tea"}
{"event": "measured", "values": {"trial_id": "another"}}
{"event": "measured", "values": {"load_s": NaN, "extra": [1, {}]}}
"""
EPOCH = b'{"event": "epoch", "values": {"epoch": 1, "loss": 0.5, "accuracy": 0.5, "seconds": 0.1}}\n'
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def sleep_on() -> NoReturn:
    while True:
        time.sleep(600)


def raise_value_error() -> None:
    raise ValueError("provoked\nover two lines")


def raise_without_words() -> None:
    def refuse(_: Exception) -> str:
        raise ValueError

    raise type("SilentError", (Exception,), {"__str__": refuse})


def interrupt() -> None:
    raise KeyboardInterrupt


def diverge() -> None:
    raise DivergedError("loss became nan in epoch 1")


def raise_memory_error() -> None:
    raise MemoryError("cannot allocate 9 EiB")


def exhaust() -> None:
    raise type("ResourceExhaustedError", (RuntimeError,), {})("OOM when allocating tensor")


def segfault() -> None:
    ctypes.string_at(0)


def throw_bad_alloc() -> None:
    """`operator new` of C++ with a size that nothing has; nobody catches what it throws."""
    new = ctypes.CDLL("libstdc++.so.6")._Znwm
    new.argtypes = [ctypes.c_size_t]
    new(2**60)


def overflow_the_c_stack() -> None:
    sys.setrecursionlimit(10**9)
    again = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: again())
    again()


def allocate_at_once() -> None:
    np.empty(2**34, np.uint8)[::4096] = 1


def allocate_bit_by_bit() -> None:
    hoard = []
    while True:
        hoard.append(np.ones(8_000_000))
        time.sleep(0.02)


def be_deaf() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        ctypes.CDLL(None).usleep(100_000)


def leave_a_thread() -> None:
    threading.Thread(target=sleep_on, daemon=False).start()


def leave_a_grandchild() -> None:
    print("left", subprocess.Popen(SLEEP).pid, flush=True)


def leave_an_escaped_grandchild() -> None:
    """Forked twice, in a session of its own, deaf to polite signals: a daemon as textbooks have it."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(1, f"left {os.getpid()}\n".encode())
            sleep_on()
        os._exit(0)
    os.wait()
    time.sleep(0.3)


def leave_fifty() -> None:
    for _ in range(50):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(1, f"left {os.getpid()}\n".encode())
            sleep_on()
    time.sleep(0.5)


def let_a_child_take_memory() -> None:
    """What the child shares with this process counts by its share only, what it writes in full."""
    if os.fork() == 0:
        hoard = np.ones(2**25)
        time.sleep(600 + hoard[0])
    time.sleep(2.0)


def event_pipe() -> int:
    """The pipe for events is the only one beyond the standard streams."""

    def is_pipe(fd: int) -> bool:
        try:
            return stat.S_ISFIFO(os.fstat(fd).st_mode)
        except OSError:
            return False

    return next(fd for fd in range(3, 256) if is_pipe(fd))


def report(data: bytes) -> Callable[[], None]:
    def write() -> None:
        rest = data
        while rest:
            rest = rest[os.write(event_pipe(), rest) :]

    return write


def report_endlessly() -> None:
    fd = event_pipe()
    while True:
        os.write(fd, EPOCH * 100)


def claim_success() -> None:
    report(b'{"event": "end", "status": "ok"}\n')()
    os._exit(0)


def flood() -> None:
    print("first words", flush=True)
    for _ in range(80):
        sys.stdout.write("x" * 2**16 + "\n")
    print("last words", flush=True)


def flood_and_segfault() -> None:
    flood()
    segfault()


def flood_endlessly() -> None:
    while True:
        os.write(2, b"\x1b[31mflood\x1b[0m\r" * 1000)


def speak_in_colours() -> None:
    os.write(1, b"\x1b]0;title\x07\x1b[1;31mred\x1b[0m \xff\x00 10%\r20%\n")
    raise ValueError("\x1b[31mred\x1b[0m \ud800 message")


def kill_the_server() -> None:
    """With a grandchild that nobody but init will adopt."""
    leave_an_escaped_grandchild()
    time.sleep(0.2)
    os.kill(os.getppid(), signal.SIGKILL)
    sleep_on()


def stop_the_server() -> None:
    os.kill(os.getppid(), signal.SIGSTOP)
    sleep_on()


FAULTS: dict[str, Callable[[], object]] = {
    "none": lambda: None,
    "exception": raise_value_error,
    "no_words": raise_without_words,
    "many_words": lambda: int("x" * 5_000_000),
    "sys_exit": lambda: sys.exit(0),
    "interrupt": interrupt,
    "diverged": diverge,
    "memory_error": raise_memory_error,
    "exhausted": exhaust,
    "segfault": segfault,
    "abort": os.abort,
    "bad_alloc": throw_bad_alloc,
    "stack_overflow": overflow_the_c_stack,
    "exit": lambda: os._exit(3),
    "hang": sleep_on,
    "deaf_hang": be_deaf,
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "kill_group": lambda: os.killpg(0, signal.SIGKILL),
    "thread": leave_a_thread,
    "grandchild": leave_a_grandchild,
    "escaped": leave_an_escaped_grandchild,
    "fifty": leave_fifty,
    "child_memory": let_a_child_take_memory,
    "eat_at_once": allocate_at_once,
    "eat_memory": allocate_bit_by_bit,
    "garbage": report(GARBAGE),
    "brackets": report(b"[" * 500_000 + b"\n" + b'{"a":' * 100_000 + b"\n"),
    "endless_line": report(b"x" * 5_000_000),
    "endless_epochs": report_endlessly,
    "close_pipe": lambda: os.close(event_pipe()),
    "empty_success": claim_success,
    "flood": flood,
    "flood_segfault": flood_and_segfault,
    "endless_flood": flood_endlessly,
    "colours": speak_in_colours,
    "kill_server": kill_the_server,
    "stop_server": stop_the_server,
}
Fault = Literal[tuple(FAULTS)]


class Faulty:
    """Sixty random images, after doing what `fault` names."""

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
        FAULTS[self.fault]()
        x, y = images()
        return ImageData("faulty", x[:40], y[:40], x[40:], y[40:], ("even", "odd"))


def images() -> tuple[np.ndarray, np.ndarray]:
    return np.random.default_rng(0).integers(0, 256, (60, 8, 8)).astype(np.uint8), np.arange(60) % 2


def arrays() -> dict[str, np.ndarray]:
    x, y = images()
    y = y.astype(np.uint8)
    return {"x_train": x[:40], "y_train": y[:40], "x_test": x[40:], "y_test": y[40:]}


STORED = npz.Layout(
    "stored",
    {name: array.shape for name, array in arrays().items()},
    {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays().items()},
)


class Stored:
    """The same images from a file like MNIST's, checked like it."""

    def info(self, home: Path | None) -> DatasetInfo:
        return DatasetInfo("stored", 40, 20, 2, (8, 8), npz.missing(STORED, home))

    def load(self, home: Path | None) -> ImageData:
        stored = npz.load(STORED, home)
        y_train, y_test = (stored[name].astype(np.int64) for name in ("y_train", "y_test"))
        return ImageData("stored", stored["x_train"], y_train, stored["x_test"], y_test, ("even", "odd"))


def told(path: Path) -> list[int]:
    """Process ids that a fault wrote into its log as `left PID`."""
    return [int(line.split()[1]) for line in path.read_text(errors="replace").splitlines() if line.startswith("left ")]


def rows(journal: Path) -> list[dict[str, object]]:
    """Rows of a journal as they stand there, whole lines only."""
    if not journal.exists():
        return []
    return [json.loads(line)["row"] for line in journal.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


# Tests import this module too, for what is in it; as a plug-in it has another name.
if __name__.startswith("harness_plugin"):
    register("datasets", "faulty", Faulty)
    register("datasets", "stored", Stored)
