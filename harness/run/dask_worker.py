"""What runs inside a Dask worker: one trial at a time, in a process of its own, by a LocalExecutor that stays.

The worker process only waits while a trial runs. Its forkservers live from one trial to the next, so that a trial costs
here what it costs on one machine. All of this module's state belongs to one worker process.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from harness import __version__
from harness.data.build import dataset
from harness.data.home import data_home
from harness.errors import HarnessError, MisuseError
from harness.measure.environment import environment, machine
from harness.registry import load_plugin
from harness.run.executor import DEFAULTS, Lane, LocalExecutor, lane_of
from harness.run.record import Event
from harness.run.runner import unable_here
from harness.suite.model import Part
from harness.suite.plan import Trial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Worker

# Phases are a handful of messages per trial, epochs can be thousands: those stay here.
TOLD = ("phase",)


class Plugin(NamedTuple):
    """A `--plugin`: a module's name, or a file's name and what is in it."""

    name: str
    content: bytes | None

    @classmethod
    def of(cls, option: str) -> Plugin:
        """A `--plugin` option ready to be sent."""
        path = Path(option)
        return cls(path.name, path.read_bytes()) if path.suffix == ".py" else cls(option, None)

    @property
    def digest(self) -> str:
        """Hash of the content, under which a worker keeps it."""
        return hashlib.sha256(self.content or b"").hexdigest()[:16]


class Setup(NamedTuple):
    """What all trials of a run share."""

    run: str
    """A name for the run that no other run has."""
    version: str
    home: str | None
    """The data home; None stands for the worker's own default."""
    plugins: tuple[Plugin, ...]
    share: int
    """How many workers share this machine's cores, where the run started them itself; 1 leaves all cores to a trial."""


class Answer(TypedDict, total=False):
    """What a worker says of one trial."""

    row: dict[str, Any]
    epochs: list[dict[str, Any]]
    tuning: list[dict[str, Any]]
    explanations: list[dict[str, Any]]
    log: bytes
    machine: str
    environment: dict[str, Any]
    """With the first answer of each worker process."""
    footprint: dict[str, Any]
    unfit: str
    """Why the trial cannot run on this worker."""
    error: str
    """Why no trial can run on this worker."""


@dataclass
class Resident:
    """One executor of this worker process and where its trials' output goes."""

    executor: LocalExecutor
    logs: Path
    lanes: set[Lane] = field(default_factory=set)
    told: bool = False


LOCK = threading.Lock()
RESIDENTS: dict[str, list[Resident]] = defaultdict(list)
IDLE: dict[str, list[Resident]] = defaultdict(list)


def topic(run: str) -> str:
    """The Dask topic on which a run's workers tell what their trials do."""
    return f"harness-{run}"


def run_trial(setup: Setup, values: dict[str, Any]) -> Answer:
    """Run one trial in a fresh process of this machine; the task that is submitted to Dask."""
    from distributed import get_worker

    worker = get_worker()
    try:
        trial = Trial.model_validate(values)
        if __version__ != setup.version:
            return Answer(unfit=f"{called(worker)} has harness {__version__}, this run {setup.version}")
        if reason := unable_here(trial, home_of(setup)):
            return Answer(unfit=f"{called(worker)}: {reason}")
        pin(worker.name, setup.share)
        with lent(setup, worker) as resident:
            return carry_out(resident, trial, lambda event: tell(worker, setup.run, trial.id, event))
    except (HarnessError, OSError) as error:
        return Answer(error=f"{called(worker)}: {error}")


def carry_out(resident: Resident, trial: Trial, emit: Callable[[Event], None]) -> Answer:
    """One trial by one executor."""
    lane = lane_of(trial)
    if lane not in resident.lanes:
        resident.executor.prepare([trial], resident.logs)
        resident.lanes.add(lane)
    answer = Answer(machine=machine())
    if not resident.told:
        answer["environment"] = environment(DEFAULTS)
    emit({"event": "started"})
    log = resident.logs / f"{trial.id}.log"
    record = resident.executor.run_one(trial, log, lambda event: emit(event) if event.get("event") in TOLD else None)
    answer |= Answer(
        row=record.row,
        epochs=record.epochs,
        tuning=record.tuning,
        explanations=record.explanations,
        log=log.read_bytes() if log.exists() else b"",
    )
    answer["footprint"] = resident.executor.footprints
    log.unlink(missing_ok=True)
    resident.told = True
    return answer


@contextmanager
def lent(setup: Setup, worker: Worker) -> Iterator[Resident]:
    """An executor that nothing else uses at this moment; made where none is idle."""
    with LOCK:
        for other in [run for run in RESIDENTS if run != setup.run]:
            # A run that was killed could not say that it is over; while its trial still runs, it is left alone.
            if len(IDLE[other]) == len(RESIDENTS[other]):
                close(other)
        resident = IDLE[setup.run].pop() if IDLE[setup.run] else None
    if resident is None:
        # The last folder is called as in a run folder: rows name their log by it.
        logs = scratch(worker, setup.run) / f"{len(RESIDENTS[setup.run])}" / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        without_dask_settings()
        local = LocalExecutor(home_of(setup), unpack(setup, scratch(worker, setup.run)))
        resident = Resident(local.__enter__(), logs)
        with LOCK:
            RESIDENTS[setup.run].append(resident)
    try:
        yield resident
    finally:
        with LOCK:
            IDLE[setup.run].append(resident)


def scratch(worker: Worker, run: str) -> Path:
    """This run's folder on this worker; Dask removes it with the worker's own."""
    return Path(worker.local_directory) / topic(run)


def home_of(setup: Setup) -> Path:
    """The data home on this machine."""
    return data_home(Path(setup.home) if setup.home else None)


def without_dask_settings() -> None:
    """Take back what Dask's nanny sets for its workers (one thread, another malloc): trials are to run as elsewhere."""
    import dask

    for name, value in dask.config.get("distributed.nanny.pre-spawn-environ", {}).items():
        if os.environ.get(name) == str(value):
            del os.environ[name]


def unpack(setup: Setup, folder: Path) -> list[str]:
    """The plug-ins as names that this machine can import."""
    names = []
    for plugin in setup.plugins:
        if plugin.content is None:
            names.append(plugin.name)
            continue
        path = folder / plugin.digest / plugin.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(plugin.content)
        names.append(str(path))
    return names


def tell(worker: Worker, run: str, trial_id: str, event: Event) -> None:
    """Pass an event on to the run."""
    worker.log_event(topic(run), {**event, "trial_id": trial_id, "worker": called(worker)})


def called(worker: Worker) -> str:
    """A worker's name for people: `worker 0 (tcp://127.0.0.1:41235) on node7`."""
    own = "" if str(worker.name) == worker.address else f"{worker.name} "
    return f"worker {own}({worker.address}) on {socket.gethostname()}"


def pin(name: object, share: int) -> None:
    """Give the workers of one machine cores of their own, so that trials that run at once do not share any.

    Processes that this thread starts inherit them, and `usable_cores` counts them.
    """
    if share > 1 and isinstance(name, int) and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(os.getpid()))
        if len(cores) >= share:
            os.sched_setaffinity(0, cores[name::share])


def lacks(setup: Setup, parts: Sequence[dict[str, Any]], dask_worker: Worker) -> str | None:
    """What this worker lacks for a run, in one line; None where it has all. Dask passes `dask_worker`."""
    try:
        for name in unpack(setup, scratch(dask_worker, setup.run)):
            load_once(name)
        for part in parts:
            if missing := dataset(Part.model_validate(part)).info(home_of(setup)).missing:
                return missing
    except (HarnessError, OSError) as error:
        return str(error)
    return None


LOADED: set[str] = set()


def load_once(plugin: str) -> None:
    """Load a plug-in into this worker process, where its content is not there already."""
    path = Path(plugin)
    key = f"{path.parent.name}/{path.name}" if path.suffix == ".py" else plugin
    if key not in LOADED:
        try:
            load_plugin(plugin)
        except MisuseError as error:
            # Two versions of one plug-in register the same names; the forkservers, which run the trials, are fresh.
            if "already registered" not in str(error):
                raise
        LOADED.add(key)


def stop(run: str) -> None:
    """End the trials of a run that run on this worker, as Ctrl-C does."""
    with LOCK:
        for resident in RESIDENTS[run]:
            for server in list(resident.executor.servers.values()):
                # The forkserver sees that nobody listens any more, and ends its trial; the waiting thread sees that it
                # has gone.
                with suppress(OSError):
                    server.channel.shutdown(socket.SHUT_RDWR)


def release(run: str) -> None:
    """Close what is idle of a run that is over."""
    with LOCK:
        close(run)


def close(run: str) -> None:
    """Close the idle executors of a run; the lock is held."""
    for resident in IDLE.pop(run, []):
        resident.executor.__exit__()
        shutil.rmtree(resident.logs.parent, ignore_errors=True)
        RESIDENTS[run].remove(resident)
    if not RESIDENTS[run]:
        del RESIDENTS[run]
