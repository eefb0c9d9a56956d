"""A process that has imported what trials need, and forks a fresh child for each.

Importing TensorFlow takes seconds, a fork takes milliseconds. The server only imports, it never computes: a fork
after a backend's first operation can deadlock. It serves one trial at a time, on a socket to the runner:

    runner -> server    {"begun": ..., "groups": {name: [module, ...]}, "plugins": [...], "cgroup": ...}, once
    server -> runner    {"ready": footprint}, or {"error": why}
    runner -> server    {"trial": {...}, "home": ..., "log": ..., "asked": ...} + the write end of a pipe for events
    server -> runner    {"pid": 123}, and when nothing of the trial is left {"exit": waitstatus, "cpu_s": ..., ...}

A trial's output comes through a pipe and goes to a log with a largest size, so that no flood fills the disk. When the
trial ends, or the runner is gone, every process that descends from the server is killed and reaped.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
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
from typing import Any, NamedTuple, NoReturn

from harness.errors import HarnessError
from harness.measure.environment import usable_cores
from harness.registry import load_plugin
from harness.run import family, limits
from harness.run.logs import CappedLog

MAX_MESSAGE = 2**20
READ_BYTES = 2**18
# What a pipe can hold at most is read after the end; whatever still writes then is no longer waited for.
LAST_READS = 64
F_SETPIPE_SZ = 1031


def main() -> None:
    """Serve trials on the socket whose file descriptor is the first argument."""
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, stop)
        family.adopt_orphans()
        order, _ = receive(channel)
        if not order:
            return
        start_s = time.monotonic() - order["begun"]
        libraries: dict[str, dict[str, float]] = {}
        begin = time.perf_counter()
        try:
            for name, modules in order["groups"].items():
                libraries[name] = bring_in(modules)
            for plugin in order["plugins"]:
                load_plugin(plugin)
        except (ImportError, HarnessError) as error:
            send(channel, {"error": f"{type(error).__name__}: {error}"})
            return
        # What is alive now lives as long as the server: a collection in a child would copy its pages for nothing.
        gc.collect()
        gc.freeze()
        import_s = time.perf_counter() - begin
        own = os.getpid()
        sizes = {"rss_bytes": family.resident(own), "pss_bytes": family.proportional(own)}
        send(channel, {"ready": {"start_s": start_s, "import_s": import_s, **sizes, "libraries": libraries}})
        serve(channel, order["cgroup"])
        family.end_descendants()


def bring_in(modules: list[str]) -> dict[str, float]:
    """Import some modules: the seconds that took, and the resident bytes it added."""
    before, begin = family.resident(os.getpid()), time.perf_counter()
    for module in modules:
        importlib.import_module(module)
    return {"import_s": time.perf_counter() - begin, "added_bytes": family.resident(os.getpid()) - before}


def stop(*_: object) -> NoReturn:
    """End the server and everything that descends from it."""
    family.end_descendants()
    os._exit(128 + signal.SIGTERM)


def serve(channel: socket.socket, cgroup: str | None) -> None:
    """Fork one child per request until the runner hangs up."""
    wake, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    number = 0
    while True:
        request, fds = receive(channel)
        if not request:
            return
        number += 1
        (events,) = fds
        cpu = time.process_time()
        group = trial_group(request, cgroup, number)
        output, output_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            asked = time.monotonic() - request["asked"]
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            for inherited in (wake, wake_write, output, channel.detach()):
                os.close(inherited)
            child(request, events, output_write, group, asked)
        for theirs in (events, output_write):
            os.close(theirs)
        log = CappedLog(Path(request["log"]))
        with contextlib.suppress(BrokenPipeError):
            send(channel, {"pid": pid})
        end = wait(pid, channel, wake, output, log)
        left, rest_cpu = family.end_descendants()
        drain(output, log)
        os.close(output)
        log.close()
        cpu_s = end.cpu_s + rest_cpu + time.process_time() - cpu
        answer = {"exit": end.status, "cpu_s": cpu_s, "left": left} | (group.end()._asdict() if group else {})
        with contextlib.suppress(BrokenPipeError):
            send(channel, answer)


def trial_group(request: dict[str, Any], cgroup: str | None, number: int) -> limits.TrialGroup | None:
    """A control group for a trial that has a memory limit, where there can be one."""
    limit = request["trial"]["limits"]["memory"]
    if cgroup is None or limit is None:
        return None
    name = f"{limits.LEAF}-{os.getpid()}-{number}"
    return limits.TrialGroup.make(Path(cgroup), name, limit, family.resident(os.getpid()))


class End(NamedTuple):
    """How a child ended: its wait status, and CPU seconds of all that was reaped meanwhile."""

    status: int
    cpu_s: float


def wait(pid: int, channel: socket.socket, wake: int, output: int, log: CappedLog) -> End:
    """Pass the child's output on until it has ended. A runner that is gone ends the child."""
    watched: list[int | socket.socket] = [wake, channel, output]
    cpu = 0.0
    while True:
        # Orphans that the server adopted are reaped too: zombies would use up process ids.
        reaped = family.reap()
        cpu += reaped.cpu_s
        if pid in reaped.statuses:
            return End(reaped.statuses[pid], cpu)
        ready, _, _ = select.select(watched, [], [])
        if wake in ready:
            os.read(wake, 512)
        if output in ready:
            if data := os.read(output, READ_BYTES):
                log.write(data)
            else:
                watched.remove(output)
        if channel in ready:
            # The runner says nothing while a trial runs, so this is the end of the connection.
            family.kill_group(pid, signal.SIGKILL)
            watched.remove(channel)


def drain(output: int, log: CappedLog) -> None:
    """Take what is left in the pipe; a dump of faulthandler comes last."""
    os.set_blocking(output, False)
    with contextlib.suppress(BlockingIOError):
        for _ in range(LAST_READS):
            data = os.read(output, READ_BYTES)
            if not data:
                return
            log.write(data)


def child(request: dict[str, Any], events: int, output: int, group: limits.TrialGroup | None, asked: float) -> NoReturn:
    """Run one trial in a process group of its own; never returns."""
    status = 1
    try:
        os.setsid()
        family.die_with_parent()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        with contextlib.suppress(OSError):
            # So that a burst of output does not make the trial wait for the server.
            fcntl.fcntl(1, F_SETPIPE_SZ, READ_BYTES)
        faulthandler.enable()
        run_request(request, group, asked, lambda event: write_all(events, json.dumps(event).encode() + b"\n"))
        status = 0
    except BaseException:  # noqa: BLE001  (a forked child must not unwind into the server's code)
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        # Skips atexit handlers and destructors, which belong to the server.
        os._exit(status)


def run_request(request: dict[str, Any], group: limits.TrialGroup | None, asked: float, emit: Any) -> None:
    """Unpack a request, hold this process to its memory limit, and run the trial."""
    from harness.run.trial import run_trial
    from harness.suite.plan import Trial

    trial = Trial.model_validate(request["trial"])
    if request["home"]:
        # Where networks look for files of weights, and for other datasets to learn from.
        os.environ["HARNESS_DATA_HOME"] = request["home"]
    begun: dict[str, Any] = {"spawn_s": asked}
    if trial.limits.memory:
        threads = trial.threads or usable_cores()
        begun["memory_limit_method"] = limits.hold(trial.limits.memory, trial.device, threads, group)
    emit({"event": "measured", "values": begun})
    run_trial(trial, Path(request["home"]) if request["home"] else None, emit)


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`, however little the pipe takes at a time."""
    while data:
        data = data[os.write(fd, data) :]


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
