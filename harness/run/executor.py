"""Where trials run: each in a fresh process, or (for debugging) all in this one.

An executor is a context manager with two methods: `prepare(trials, logs)`, called once before the first trial, and
`run(trials, logs, watch)`, which yields each trial with its record as it ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol, Self

import psutil

from harness import registry
from harness.errors import HarnessError
from harness.measure.environment import usable_cores
from harness.run import forkserver
from harness.run.record import Event, EventReader, Record
from harness.suite.plan import Trial

LOST = "the process that hands out trials was killed while this one ran; the system does this when memory runs out"
GRACE_S = 2.0
WATCH_S = 0.5
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
# TensorFlow leaves oneDNN off on CPUs without AVX-512, where it trains VGG16 at a third of the speed (AMD EPYC, two
# cores: 19 against 53 images/s): a slow baseline is an unfair one.
DEFAULTS = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "1"}


class Executor(Protocol):
    """What the runner asks of an executor."""

    def __enter__(self) -> Self:
        """Make ready."""
        ...

    def __exit__(self, *_: object) -> None:
        """Stop everything that still runs."""
        ...

    def prepare(self, trials: Sequence[Trial], logs: Path) -> None:
        """Do what can be done before the first trial's time counts; `logs` is the folder for output."""
        ...

    def run(self, trials: Iterable[Trial], logs: Path, watch: Watch) -> Iterator[tuple[Trial, Record]]:
        """Run trials to their ends, whatever those are; each is yielded as it ends, not always in order.

        A trial is taken from `trials` just before it starts. Closing the iterator ends what still runs.
        """
        ...


class Watch(Protocol):
    """Who is told of what happens to running trials."""

    def started(self, trial: Trial) -> None:
        """A trial begins."""
        ...

    def event(self, trial: Trial, event: Event) -> None:
        """A running trial reports."""
        ...


def one_by_one(
    trials: Iterable[Trial], logs: Path, watch: Watch, run_one: Callable[[Trial, Path, Callable[[Event], None]], Record]
) -> Iterator[tuple[Trial, Record]]:
    """Run each trial when the one before it has ended."""
    for trial in trials:
        watch.started(trial)
        yield trial, run_one(trial, logs / f"{trial.id}.log", partial(watch.event, trial))


class InProcessExecutor:
    """Runs trials in this process: for debuggers and profilers. Isolates nothing and enforces no limit."""

    def __init__(self, home: Path | None) -> None:
        self.home = home

    def __enter__(self) -> Self:
        """Nothing to prepare."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to stop."""

    def prepare(self, trials: Sequence[Trial], logs: Path) -> None:
        """Nothing to prepare."""

    def run(self, trials: Iterable[Trial], logs: Path, watch: Watch) -> Iterator[tuple[Trial, Record]]:
        """Run trials one by one."""
        return one_by_one(trials, logs, watch, self.run_one)

    def run_one(self, trial: Trial, log: Path, on_event: Callable[[Event], None]) -> Record:
        """Run one trial here; its output goes where this process's output goes, so the row names no log."""
        from harness.run.trial import run_trial

        record = Record(trial, None)
        if trial.backend and "keras" not in sys.modules:
            os.environ["KERAS_BACKEND"] = trial.backend
        begin = time.perf_counter()

        def emit(event: Event) -> None:
            record.add(event)
            on_event(event)

        run_trial(trial, self.home, emit)
        record.row["total_s"] = time.perf_counter() - begin
        return record


class Lane(NamedTuple):
    """What must agree for two trials to come from the same forkserver: it is fixed when a backend is imported."""

    backend: str | None
    device: str
    threads: int


def lane_of(trial: Trial) -> Lane:
    """The lane of a trial."""
    return Lane(trial.backend, trial.device, trial.threads or usable_cores())


class LocalExecutor:
    """Runs each trial in a fresh process that a forkserver hands out, and holds it to its limits."""

    def __init__(self, home: Path | None, plugins: Sequence[str] = ()) -> None:
        self.home = home
        self.plugins = plugins
        self.servers: dict[Lane, Server] = {}

    def __enter__(self) -> Self:
        """Servers start when trials need them."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all servers, and with them any trial."""
        for server in self.servers.values():
            server.close()
        self.servers.clear()

    def prepare(self, trials: Sequence[Trial], logs: Path) -> None:
        """Start all forkservers that these trials need, side by side: they import while nothing is measured.

        Raises
        ------
        HarnessError
            If one cannot import what its trials need.
        """
        for lane in {lane_of(trial) for trial in trials}:
            self.servers[lane] = Server(lane, self.plugins, logs)
        for server in self.servers.values():
            server.wait_until_ready()

    def run(self, trials: Iterable[Trial], logs: Path, watch: Watch) -> Iterator[tuple[Trial, Record]]:
        """Run trials one by one: what is timed runs alone."""
        return one_by_one(trials, logs, watch, self.run_one)

    def run_one(self, trial: Trial, log: Path, on_event: Callable[[Event], None]) -> Record:
        """Run one trial in a fresh process.

        Raises
        ------
        HarnessError
            If the forkserver cannot import what the trial needs, or is itself lost.
        """
        record = Record(trial, f"{log.parent.name}/{log.name}")
        lane = lane_of(trial)
        server = self.servers.get(lane)
        if server is None or not server.alive:
            server = self.servers[lane] = Server(lane, self.plugins, log.parent)
        server.wait_until_ready()
        begin = time.perf_counter()
        try:
            exit_status, stopped = server.run(trial, self.home, log, record, on_event)
        except ServerLostError as error:
            # The next trial gets a new server: what this one did to it is this one's fate.
            server.close()
            exit_status, stopped = 0, ("crashed", str(error))
        record.row["total_s"] = time.perf_counter() - begin
        if stopped:
            # The runner's word on why it stopped the trial stands above whatever the dying process said.
            record.row["status"] = None
            record.end(*stopped)
        elif not record.ended:
            record.end("crashed", death(exit_status))
        if record.garbage and record.row["message"] is None:
            record.row["message"] = f"{record.garbage} lines of its report were not understood"
        return record


class ServerLostError(HarnessError):
    """The forkserver has ended, and with it the trial that ran."""


class Server:
    """The runner's end of one forkserver."""

    def __init__(self, lane: Lane, plugins: Sequence[str], logs: Path) -> None:
        self.lane = lane
        self.log = logs / f"forkserver-{lane.backend or 'sklearn'}-{lane.device}.log"
        ours, theirs = socket.socketpair()
        with theirs, self.log.open("ab") as output:
            command = [sys.executable, "-m", "harness.run.forkserver", str(theirs.fileno())]
            self.process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=os.environ | lane_environment(lane),
            )
        self.channel = ours
        self.ready = False
        forkserver.send(self.channel, {"modules": modules(lane), "plugins": list(plugins)})

    @property
    def alive(self) -> bool:
        """Whether the server still runs."""
        return self.process.poll() is None

    def wait_until_ready(self) -> None:
        """Wait until the server has imported what trials of its lane need; costs nothing after the first time."""
        if self.ready:
            return
        answer, _ = forkserver.receive(self.channel)
        if "ready" not in answer:
            self.close()
            reason = answer.get("error", "it ended")
            raise HarnessError(f"the process that runs trials cannot start: {reason}; see {self.log}")
        self.ready = True

    def run(
        self, trial: Trial, home: Path | None, log: Path, record: Record, on_event: Callable[[Event], None]
    ) -> tuple[int, tuple[str, str] | None]:
        """One child from fork to exit.

        Returns
        -------
        exit_status, stopped
            The child's wait status; and the status and message for the row where a limit ended it.
        """
        read, write = os.pipe()
        try:
            request = {
                "trial": trial.model_dump(mode="json"),
                "home": str(home) if home else None,
                "log": str(log.absolute()),
            }
            try:
                forkserver.send(self.channel, request, [write])
            except BrokenPipeError:
                raise ServerLostError(LOST) from None
            finally:
                os.close(write)
            pid = self.receive()["pid"]
            try:
                return self.watch(pid, trial, read, record, on_event)
            except BaseException:
                forkserver.kill_group(pid, signal.SIGKILL)
                with contextlib.suppress(ServerLostError):
                    self.receive()
                raise
        finally:
            os.close(read)

    def watch(
        self, pid: int, trial: Trial, read: int, record: Record, on_event: Callable[[Event], None]
    ) -> tuple[int, tuple[str, str] | None]:
        """Pass on events and enforce limits until the child is gone."""
        reader = EventReader()
        limits = trial.limits
        deadline = time.monotonic() + limits.time if limits.time else None
        stopped: tuple[str, str] | None = None
        kill_at: float | None = None
        watched: list[int | socket.socket] = [read, self.channel]

        def take(data: bytes) -> None:
            for event in reader.feed(data):
                record.add(event)
                on_event(event)

        while True:
            now = time.monotonic()
            if stopped is None:
                if deadline is not None and now >= deadline:
                    stopped = ("timeout", f"over its time limit of {limits.time:g} s")
                elif limits.memory and (used := group_rss(pid)) > limits.memory:
                    stopped = (
                        "oom",
                        f"used {used / 2**20:,.0f} MiB, over its limit of {limits.memory / 2**20:,.0f} MiB",
                    )
                if stopped:
                    forkserver.kill_group(pid, signal.SIGTERM)
                    kill_at = now + GRACE_S
            elif kill_at is not None and now >= kill_at:
                forkserver.kill_group(pid, signal.SIGKILL)
                kill_at = None
            waits = [t - now for t in (deadline if stopped is None else None, kill_at) if t is not None]
            if limits.memory and stopped is None:
                waits.append(WATCH_S)
            ready, _, _ = select.select(watched, [], [], max(0.0, min(waits)) if waits else None)
            if read in ready:
                if data := os.read(read, 2**16):
                    take(data)
                else:
                    watched.remove(read)
            if self.channel in ready:
                status = int(self.receive()["exit"])
                # Children of the trial may hold the pipe open, so only what is there now is read.
                os.set_blocking(read, False)
                with contextlib.suppress(BlockingIOError):
                    while data := os.read(read, 2**16):
                        take(data)
                return status, stopped

    def receive(self) -> dict[str, int]:
        """One message of the server; it says nothing only when it is gone."""
        answer, _ = forkserver.receive(self.channel)
        if not answer:
            raise ServerLostError(LOST)
        return answer

    def close(self) -> None:
        """Hang up, which ends the server and its child."""
        self.channel.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def lane_environment(lane: Lane) -> dict[str, str]:
    """Environment of a forkserver: backend, device and threads are fixed before anything is imported."""
    variables = dict.fromkeys(THREAD_VARIABLES, str(lane.threads))
    variables["PYTHONHASHSEED"] = "0"
    if lane.backend:
        variables["KERAS_BACKEND"] = lane.backend
    for name, value in DEFAULTS.items():
        variables[name] = os.environ.get(name, value)
    if lane.device == "cpu":
        variables["CUDA_VISIBLE_DEVICES"] = "-1"
        variables["JAX_PLATFORMS"] = "cpu"
    else:
        # Both would take nearly all of the GPU's memory at once, whatever the trial needs.
        variables["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
        variables["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    return variables


def modules(lane: Lane) -> list[str]:
    """What trials of a lane import; imported once, in the server."""
    kinds: tuple[registry.Kind, ...] = (
        ("datasets", "networks", "optimizers") if lane.backend else ("datasets", "features")
    )
    parts = sorted({target.partition(":")[0] for kind in kinds for target in registry.BUILT_IN[kind].values()})
    networks = [lane.backend, "keras", "harness.models.network_classifier"] if lane.backend else []
    return ["harness.run.trial", *parts, *networks]


def group_rss(pid: int) -> int:
    """Resident memory of a process and its children, in bytes; pages they share count in each."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            total += member.memory_info().rss
    return total


def death(status: int) -> str:
    """A wait status in words."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"its process ended with exit status {code} and no result"
    name = signal.Signals(-code).name
    hint = "; the system does this when memory runs out" if -code == signal.SIGKILL else ""
    return f"its process was killed by {name}{hint}"
