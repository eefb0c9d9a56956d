"""A process that has imported what trials need, and forks a fresh child for each.

Importing TensorFlow takes seconds, a fork takes milliseconds. The server only imports, it never computes: a fork
after a backend's first operation can deadlock. It serves one trial at a time, on a socket to the runner:

    runner -> server    {"modules": [...], "plugins": [...]}             once; answered with {"ready": seconds}
    runner -> server    {"trial": {...}, "home": ..., "log": ...} + the write end of a pipe for the trial's events
    server -> runner    {"pid": 123}, and when the child is gone {"exit": waitstatus}

When the runner is gone, the child is killed with its whole process group and the server ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.registry import load_plugin

MAX_MESSAGE = 2**20


def main() -> None:
    """Serve trials on the socket whose file descriptor is the first argument."""
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        begin = time.perf_counter()
        order, _ = receive(channel)
        try:
            for module in order["modules"]:
                importlib.import_module(module)
            for plugin in order["plugins"]:
                load_plugin(plugin)
        except (ImportError, HarnessError) as error:
            send(channel, {"error": f"{type(error).__name__}: {error}"})
            return
        # What is alive now lives as long as the server: a collection in a child would copy its pages for nothing.
        gc.collect()
        gc.freeze()
        send(channel, {"ready": time.perf_counter() - begin})
        serve(channel)


def serve(channel: socket.socket) -> None:
    """Fork one child per request until the runner hangs up."""
    wake, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    while True:
        request, fds = receive(channel)
        if not request:
            return
        (events,) = fds
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for inherited in (wake, wake_write, channel.detach()):
                os.close(inherited)
            child(request, events)
        os.close(events)
        with contextlib.suppress(BrokenPipeError):
            send(channel, {"pid": pid})
        status = wait(pid, channel, wake)
        kill_group(pid, signal.SIGKILL)
        with contextlib.suppress(BrokenPipeError):
            send(channel, {"exit": status})


def wait(pid: int, channel: socket.socket, wake: int) -> int:
    """Block until the child has ended; its wait status. A runner that is gone ends the child."""
    watched: list[int | socket.socket] = [wake, channel]
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        ready, _, _ = select.select(watched, [], [])
        if wake in ready:
            os.read(wake, 512)
        if channel in ready:
            # The runner says nothing while a trial runs, so this is the end of the connection.
            kill_group(pid, signal.SIGKILL)
            watched = [wake]


def kill_group(pid: int, number: int) -> None:
    """Send a signal to a trial's whole process group, if anything of it is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def child(request: dict[str, Any], events: int) -> None:
    """Run one trial in a process group of its own; never returns."""
    status = 1
    try:
        os.setsid()
        die_with_parent()
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        faulthandler.enable()
        run_request(request, lambda event: write_all(events, json.dumps(event).encode() + b"\n"))
        status = 0
    except BaseException:  # noqa: BLE001  (a forked child must not unwind into the server's code)
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        # Skips atexit handlers and destructors, which belong to the server.
        os._exit(status)


def run_request(request: dict[str, Any], emit: Any) -> None:
    """Unpack a request and run its trial."""
    from harness.run.trial import run_trial
    from harness.suite.plan import Trial

    run_trial(Trial.model_validate(request["trial"]), Path(request["home"]) if request["home"] else None, emit)


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`, however little the pipe takes at a time."""
    while data:
        data = data[os.write(fd, data) :]


def die_with_parent() -> None:
    """On Linux, have the kernel kill this process when the server dies (PR_SET_PDEATHSIG, prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def send(channel: socket.socket, message: dict[str, Any], fds: list[int] | None = None) -> None:
    """Send one message, a JSON line, with open files where there are any."""
    data = json.dumps(message).encode() + b"\n"
    if fds:
        sent = socket.send_fds(channel, [data], fds)
        data = data[sent:]
    channel.sendall(data)


def receive(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Receive one message and the files that came with it; an empty message when the other side is gone."""
    data, fds = b"", []
    while not data.endswith(b"\n"):
        try:
            part, more, _, _ = socket.recv_fds(channel, MAX_MESSAGE, 4)
        except ConnectionResetError:
            return {}, []
        if not part:
            return {}, []
        data += part
        fds += more
    return json.loads(data), fds


if __name__ == "__main__":
    main()
