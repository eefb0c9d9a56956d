"""The runner's end of a forkserver: one trial at a time, its events taken in and its limits enforced."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import HarnessError, RunFolderError
from harness.run import family, forkserver
from harness.run.limits import divisible_group
from harness.run.record import Event, EventReader, Record
from harness.suite.plan import Trial

LOST = "the process that hands out trials was killed while this one ran; the system does this when memory runs out"
STUCK = "the process that hands out trials did not answer any more, and was killed with this one"
GRACE_S = 2.0
# After SIGKILL a server has so long to clear up before it is taken for lost: its own patience and a little more.
CLEAR_S = family.END_S + 5.0
WATCH_S = 0.5
# Looking at children must cost less than 1% of the time between two looks, but a limit wants looks now and then.
SLOWEST_WATCH_S = 5.0
COST_FACTOR = 200.0
# Names the processes of one server, also those that outlive it.
MARK = "HARNESS_SERVER"


class ServerLostError(HarnessError):
    """The forkserver has ended, and with it the trial that ran."""


class NotBegunError(ServerLostError):
    """The forkserver was gone before the trial began."""


@dataclass
class Outcome:
    """What the system says of a trial's end.

    Attributes
    ----------
    exit_status
        The child's wait status; None where the server was lost.
    stopped
        Status and message for the row where a limit, or the loss of the server, ended the trial.
    cpu_s
        CPU seconds of the trial, of all its children and of the server meanwhile.
    left
        Processes that could not be ended.
    kills, peak
        What its control group says, where it had one; see `harness.run.limits.GroupEnd`.
    children_peak_bytes, gpu_process_bytes
        Peaks over the samples; None where none was seen.
    """

    exit_status: int | None = None
    stopped: tuple[str, str] | None = None
    cpu_s: float | None = None
    left: int = 0
    kills: int = 0
    peak: int | None = None
    children_peak_bytes: int | None = None
    gpu_process_bytes: int | None = None


@dataclass
class Watchdog:
    """Looks at a trial's processes now and then: for the table's peaks, and for the memory limit."""

    server: int
    pid: int
    trial: Trial
    outcome: Outcome
    due: float = field(default_factory=lambda: time.monotonic() + WATCH_S)

    def look(self) -> str | None:
        """Take a sample; a message where the trial is over its memory limit."""
        begin = time.perf_counter()
        seen = family.sample(self.server, self.pid)
        if seen.children:
            self.outcome.children_peak_bytes = max(self.outcome.children_peak_bytes or 0, seen.children_bytes)
        if self.trial.device == "gpu":
            self._look_at_gpu([self.pid, *seen.children])
        cost = time.perf_counter() - begin
        self.due = time.monotonic() + min(max(WATCH_S, COST_FACTOR * cost), SLOWEST_WATCH_S)
        limit = self.trial.limits.memory
        if not limit or seen.total_bytes <= limit:
            return None
        return f"used {seen.total_bytes / 2**20:,.0f} MiB, over its limit of {limit / 2**20:,.0f} MiB"

    def _look_at_gpu(self, pids: list[int]) -> None:
        from harness.measure.devices import process_gpu_bytes

        if (used := process_gpu_bytes(pids)) is not None:
            self.outcome.gpu_process_bytes = max(self.outcome.gpu_process_bytes or 0, used)


class Start(NamedTuple):
    """What a forkserver is started with: names of its log and of its processes, environment, imports by group."""

    name: str
    variables: Mapping[str, str]
    groups: Mapping[str, Sequence[str]]
    plugins: Sequence[str]


class Server:
    """The runner's end of one forkserver."""

    def __init__(self, start: Start, logs: Path) -> None:
        self.log = logs / f"forkserver-{start.name}.log"
        self.mark = os.urandom(8).hex()
        group = divisible_group()
        begun = time.monotonic()
        try:
            # A link would lead out of the run folder, a pipe would be waited for.
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            # A trial may have removed it.
            logs.mkdir(exist_ok=True)
            output = os.fdopen(os.open(self.log, flags, 0o666), "ab")
        except OSError as error:
            raise RunFolderError(f"{self.log}: cannot be written: {error.strerror}") from None
        ours, theirs = socket.socketpair()
        with theirs, output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "harness.run.forkserver", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, **start.variables, MARK: self.mark},
            )
        self.channel = ours
        self.footprint: dict[str, Any] = {}
        order = {
            "begun": begun,
            "groups": {name: list(modules) for name, modules in start.groups.items()},
            "plugins": list(start.plugins),
            "cgroup": str(group) if group else None,
        }
        with contextlib.suppress(BrokenPipeError):
            forkserver.send(self.channel, order)

    @property
    def alive(self) -> bool:
        """Whether the server still runs."""
        return self.process.poll() is None

    @property
    def import_s(self) -> float | None:
        """Seconds of its imports."""
        return self.footprint.get("import_s")

    def wait_until_ready(self) -> None:
        """Wait until the server has imported what trials of its lane need; costs nothing after the first time.

        Raises
        ------
        HarnessError
            If it cannot.
        """
        if self.footprint:
            return
        answer, _ = forkserver.receive(self.channel)
        if "ready" not in answer:
            self.close()
            reason = answer.get("error", "it ended")
            raise HarnessError(f"the process that runs trials cannot start: {reason}; see {self.log}")
        self.footprint = answer["ready"]

    def run(
        self, trial: Trial, home: Path | None, log: Path, record: Record, on_event: Callable[[Event], None]
    ) -> Outcome:
        """One trial, from fork to the end of the last process that came of it.

        Raises
        ------
        NotBegunError
            If the server was gone before it could begin.
        """
        read, write = os.pipe()
        try:
            request = {
                "trial": trial.model_dump(mode="json"),
                "home": str(home) if home else None,
                "log": str(log.absolute()),
                "asked": time.monotonic(),
            }
            try:
                forkserver.send(self.channel, request, [write])
                pid = self.receive()["pid"]
            except (BrokenPipeError, ConnectionResetError, ServerLostError):
                self.process.kill()
                self.close()
                raise NotBegunError(LOST) from None
            finally:
                os.close(write)
            outcome = Outcome()
            try:
                self.watch(Watchdog(self.process.pid, pid, trial, outcome), read, record, on_event)
            except ServerLostError as error:
                outcome.stopped = outcome.stopped or ("crashed", str(error))
                self.process.kill()
                self.close()
            except BaseException:
                family.kill_group(pid, signal.SIGKILL)
                self.close()
                raise
            return outcome
        finally:
            os.close(read)

    def watch(self, dog: Watchdog, read: int, record: Record, on_event: Callable[[Event], None]) -> None:
        """Pass on events and enforce limits until nothing of the trial is left."""
        reader = EventReader()
        outcome, limits = dog.outcome, dog.trial.limits
        deadline = time.monotonic() + limits.time if limits.time else None
        kill_at: float | None = None
        lost_at: float | None = None
        watched: list[int | socket.socket] = [read, self.channel]

        def take(data: bytes) -> None:
            for event in reader.feed(data):
                record.add(event)
                on_event(event)

        while True:
            now = time.monotonic()
            if outcome.stopped is None:
                if deadline is not None and now >= deadline:
                    outcome.stopped = ("timeout", f"over its time limit of {limits.time:g} s")
                elif now >= dog.due and (over := dog.look()):
                    outcome.stopped = ("oom", over)
                if outcome.stopped:
                    family.kill_group(dog.pid, signal.SIGTERM)
                    kill_at = now + GRACE_S
            elif kill_at is not None and now >= kill_at:
                family.kill_group(dog.pid, signal.SIGKILL)
                kill_at, lost_at = None, now + CLEAR_S
            elif lost_at is not None and now >= lost_at:
                raise ServerLostError(STUCK)
            times = (deadline, dog.due) if outcome.stopped is None else (kill_at, lost_at)
            waits = [t - time.monotonic() for t in times if t is not None]
            ready, _, _ = select.select(watched, [], [], max(0.0, min(waits)))
            if read in ready:
                if data := os.read(read, 2**16):
                    take(data)
                else:
                    watched.remove(read)
            if self.channel in ready:
                answer = self.receive()
                outcome.exit_status, outcome.cpu_s, outcome.left = answer["exit"], answer["cpu_s"], answer["left"]
                outcome.kills, outcome.peak = answer.get("kills", 0), answer.get("peak")
                # Something the server could not end may hold the pipe open, so only what is there now is read.
                os.set_blocking(read, False)
                with contextlib.suppress(BlockingIOError):
                    for _ in range(forkserver.LAST_READS):
                        take(os.read(read, forkserver.READ_BYTES))
                return

    def receive(self) -> dict[str, Any]:
        """One message of the server; it says nothing only when it is gone."""
        answer, _ = forkserver.receive(self.channel)
        if not answer:
            raise ServerLostError(LOST)
        return answer

    def close(self) -> None:
        """Hang up, which ends the server and its trial; whatever outlives it is killed."""
        self.channel.close()
        try:
            self.process.wait(timeout=family.END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.returncode:
            family.kill_marked(MARK, self.mark)
