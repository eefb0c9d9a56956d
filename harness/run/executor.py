"""Where trials run: each in a fresh process, or (for debugging) all in this one.

An executor is a context manager with two methods: `prepare(trials, logs)`, called once before the first trial, and
`run(trials, logs, watch)`, which yields each trial with its record as it ends.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, Self, TypeAlias

from harness import registry
from harness.measure.calibration import calibrate
from harness.measure.environment import machine, usable_cores
from harness.measure.noise import Busy, load_average
from harness.models import accelerators
from harness.run.logs import last_text, tail
from harness.run.phases import FEATURES_VARIABLE
from harness.run.record import Event, Record
from harness.run.server import NotBegunError, Outcome, Server, Start
from harness.suite.plan import Trial

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


About: TypeAlias = Mapping[str, Mapping[str, Any]]
NOTHING: About = MappingProxyType({})


class Executor(Protocol):
    """What the runner asks of an executor."""

    @property
    def machines(self) -> About:
        """What is known of other machines that ran trials, by machine id; empty where all ran here."""
        ...

    @property
    def footprints(self) -> About:
        """What the frameworks take on this machine before any trial does, by lane; empty where nothing tells."""
        ...

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

    def memory(self, trial: Trial) -> int | None:
        """Bytes that a trial is expected to need, for whoever places it; None where nothing is known."""
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

    machines: About = NOTHING
    footprints: About = NOTHING

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
        record.row |= {"machine": machine(), "load_1m": load_average()}
        if trial.backend and "keras" not in sys.modules:
            os.environ["KERAS_BACKEND"] = trial.backend
        if self.home:
            # Where networks look for files of weights and for other datasets, as in `harness.run.forkserver`.
            os.environ["HARNESS_DATA_HOME"] = str(self.home)
        begin = time.perf_counter()

        def emit(event: Event) -> None:
            record.add(event)
            on_event(event)

        run_trial(trial, self.home, emit)
        record.row["total_s"] = own_seconds(record.row, time.perf_counter() - begin)
        return record


class Lane(NamedTuple):
    """What must agree for two trials to come from the same forkserver: it is fixed when a backend is imported."""

    backend: str | None
    device: str
    threads: int
    accelerator: str = "none"
    hybrid: bool = False

    @property
    def name(self) -> str:
        """For people and file names: `tensorflow-gpu`, `sklearn-cpu`, `sklearn-cpu-sklearnex`."""
        words = [self.backend or "sklearn", self.device, *([] if self.accelerator == "none" else [self.accelerator])]
        words += ["hybrid"] if self.hybrid else []
        return "-".join(words)


def lane_of(trial: Trial) -> Lane:
    """The lane of a trial."""
    accelerator = accelerators.resolve(trial.spec, trial.device)
    return Lane(
        trial.backend, trial.device, trial.threads or usable_cores(), accelerator, hybrid=trial.family == "hybrid"
    )


class LocalExecutor:
    """Runs each trial in a fresh process that a forkserver hands out, and holds it to its limits.

    Parameters
    ----------
    home
        The data home.
    plugins
        Files and modules that trials' processes import.
    features
        Folder in which trials keep features for each other; see `harness.run.feature_cache`.
    """

    machines: About = NOTHING

    def __init__(self, home: Path | None, plugins: Sequence[str] = (), features: Path | None = None) -> None:
        self.home = home
        self.plugins = plugins
        self.features = {} if features is None else {FEATURES_VARIABLE: str(features.absolute())}
        self.servers: dict[Lane, Server] = {}
        self.idle: dict[str, dict[str, str]] = {}

    def __enter__(self) -> Self:
        """Servers start when trials need them."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all servers, and with them any trial."""
        for server in self.servers.values():
            server.close()
        self.servers.clear()

    @property
    def footprints(self) -> dict[str, dict[str, Any]]:
        """What the frameworks take before any trial does, by lane.

        Seconds to start Python and to import everything, resident bytes and PSS after that, and for each group of
        `libraries` the seconds and the resident bytes that its imports added.
        """
        return {lane.name: server.footprint for lane, server in self.servers.items() if server.footprint}

    def prepare(self, trials: Sequence[Trial], logs: Path) -> None:
        """Start all forkservers that these trials need, side by side: they import while nothing is measured.

        Where a counter of energy is there, the idle power of this machine is measured first, once for each device.

        Raises
        ------
        HarnessError
            If one cannot import what its trials need.
        """
        lanes = {lane_of(trial) for trial in trials}
        for device in sorted({lane.device for lane in lanes} - set(self.idle)):
            self.idle[device] = idle_power(device)
        for lane in sorted(lanes, key=lambda lane: lane.name):
            if lane not in self.servers or not self.servers[lane].alive:
                self.servers[lane] = self.start(lane, logs)
        for server in self.servers.values():
            server.wait_until_ready()

    def start(self, lane: Lane, logs: Path) -> Server:
        """A new forkserver for a lane."""
        variables = lane_environment(lane) | self.idle.get(lane.device, {}) | self.features
        return Server(Start(lane.name, variables, groups(lane), self.plugins), logs)

    def ready(self, lane: Lane, logs: Path) -> Server:
        """The forkserver of a lane, started anew where it has gone."""
        server = self.servers.get(lane)
        if server is None or not server.alive:
            if server is not None:
                server.close()
            server = self.servers[lane] = self.start(lane, logs)
        server.wait_until_ready()
        return server

    def run(self, trials: Iterable[Trial], logs: Path, watch: Watch) -> Iterator[tuple[Trial, Record]]:
        """Run trials one by one: what is timed runs alone."""
        return one_by_one(trials, logs, watch, self.run_one)

    def run_one(self, trial: Trial, log: Path, on_event: Callable[[Event], None]) -> Record:
        """Run one trial in a fresh process.

        Raises
        ------
        HarnessError
            If the forkserver cannot import what the trial needs.
        """
        record = Record(trial, f"{log.parent.name}/{log.name}")
        lane = lane_of(trial)
        server = self.ready(lane, log.parent)
        row = record.row
        row |= {
            "accelerator": lane.accelerator,
            "machine": machine(),
            "load_1m": load_average(),
            "import_s": server.import_s,
            "calibration_s": calibrate(),
        }
        busy, own_cpu, begin = Busy.start(), time.process_time(), time.perf_counter()
        try:
            outcome = server.run(trial, self.home, log, record, on_event)
        except NotBegunError:
            # It was killed since it was last seen; a trial that did not begin is not lost.
            server = self.ready(lane, log.parent)
            try:
                outcome = server.run(trial, self.home, log, record, on_event)
            except NotBegunError as error:
                outcome = Outcome(stopped=("crashed", str(error)))
        row["total_s"] = own_seconds(row, time.perf_counter() - begin)
        if outcome.cpu_s is not None:
            row["busy_others"] = busy.others(outcome.cpu_s + time.process_time() - own_cpu)
        settle(record, outcome, log)
        return record


def own_seconds(row: Mapping[str, Any], seconds: float) -> float:
    """What of a trial's seconds is the pipeline's: explaining it is not."""
    return max(0.0, seconds - (row.get("explain_s") or 0.0))


def settle(record: Record, outcome: Outcome, log: Path) -> None:
    """Decide a trial's fate from what it said, what the system says and what ended it; complete its row."""
    row, limit = record.row, record.memory_limit
    printed = tail(log)
    if outcome.stopped:
        # The runner's word on why it stopped the trial stands above whatever the dying process said.
        record.overrule(*outcome.stopped)
    elif outcome.kills and row["status"] != "ok":
        most = f", at its peak of {outcome.peak / 2**20:,.0f} MiB beside what it shares" if outcome.peak else ""
        record.overrule("oom", f"the system ended it at its limit of {(limit or 0) / 2**20:,.0f} MiB{most}")
    elif not record.ended and outcome.exit_status is not None:
        if os.WIFSIGNALED(outcome.exit_status) and "std::bad_alloc" in last_text(log):
            record.end("oom", "out of memory: an allocation in native code failed (std::bad_alloc)", "std::bad_alloc")
        else:
            record.end("crashed", death(outcome.exit_status), signal_name(outcome.exit_status))
    record.check_result()
    row["children_peak_bytes"] = outcome.children_peak_bytes
    row["gpu_process_bytes"] = outcome.gpu_process_bytes
    if outcome.children_peak_bytes is not None and row.get("memory_method") == "vmhwm":
        row["memory_method"] = "vmhwm+pss"
    if row["status"] != "ok":
        row["log_tail"] = printed
    if outcome.left:
        record.remark(f"{outcome.left} of its processes hang in the kernel and could not be ended")
    record.remark_losses()


def idle_power(device: str) -> dict[str, str]:
    """The variable that tells trials this machine's idle power in watts; empty where no counter of energy is there."""
    from harness.measure import energy

    watts = energy.idle_watts(device=device)
    return {} if watts is None else {"HARNESS_IDLE_W": repr(watts)}


def lane_environment(lane: Lane) -> dict[str, str]:
    """Environment of a forkserver: backend, device and threads are fixed before anything is imported."""
    variables = dict.fromkeys(THREAD_VARIABLES, str(lane.threads))
    variables["PYTHONHASHSEED"] = "0"
    if lane.backend:
        variables["KERAS_BACKEND"] = lane.backend
    if lane.accelerator == "array_api":
        variables["SCIPY_ARRAY_API"] = "1"
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


def groups(lane: Lane) -> Mapping[str, Sequence[str]]:
    """What trials of a lane import, by groups that are timed apart; imported once, in the server."""
    kinds: list[registry.Kind] = ["datasets"]
    kinds += ["networks", "optimizers"] if lane.backend else []
    kinds += ["features"] if lane.hybrid or not lane.backend else []
    parts = sorted({target.partition(":")[0] for kind in kinds for target in registry.BUILT_IN[kind].values()})
    networks = ["keras", "harness.models.network_classifier", "harness.models.batches"] if lane.backend else []
    found = {"sklearn": ["numpy", "scipy", "joblib", "sklearn.base", "sklearn.metrics"]}
    if lane.backend:
        found[lane.backend] = [lane.backend]
    if lane.accelerator != "none":
        found[lane.accelerator] = accelerators.modules(lane.accelerator)
    return found | {"harness": ["harness.run.trial", *parts, *networks]}


def death(status: int) -> str:
    """A wait status in words."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"its process ended with exit status {code} and no result"
    hint = "; the system does this when memory runs out" if -code == signal.SIGKILL else ""
    return f"its process was killed by {signal_name(status)}{hint}"


def signal_name(status: int) -> str | None:
    """The signal of a wait status, such as `SIGSEGV`; None where none ended the process."""
    if not os.WIFSIGNALED(status):
        return None
    number = os.WTERMSIG(status)
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
