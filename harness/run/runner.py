"""Carry out a suite: every planned trial gets exactly one row, whatever happens to it."""

from __future__ import annotations

import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from harness.data.base import DatasetInfo
from harness.data.build import dataset
from harness.errors import DataError, RunFolderError
from harness.files import write_text
from harness.measure.devices import gpus
from harness.measure.environment import environment, machine
from harness.measure.noise import load_average
from harness.models import accelerators
from harness.models.networks.vgg import missing_weights
from harness.run import foresee, history, journal
from harness.run.datasets import remember
from harness.run.executor import DEFAULTS, Executor
from harness.run.folder import RunFolder
from harness.run.forecast import Forecast
from harness.run.journal import Entry, Journal
from harness.run.progress import ProgressDisplay
from harness.run.record import Event, Record, now
from harness.run.surroundings import Surroundings
from harness.suite.load import LoadedSuite
from harness.suite.model import Match, Part, Suite
from harness.suite.parts import networks_of, sources_of
from harness.suite.plan import Trial, expand, matches

# Rows that are no result yet: their trials are due again whenever the suite runs.
PROVISIONAL = ("interrupted", "skipped")


class Plan(NamedTuple):
    """The trials of a suite in running order, why some cannot run here (by trial id), and its datasets by name."""

    trials: list[Trial]
    skipped: dict[str, str]
    infos: dict[str, DatasetInfo]


class Prospect(NamedTuple):
    """What a run would do.

    Attributes
    ----------
    plan
        All trials of the suite.
    wanted
        Those that are asked for.
    due
        Of these, those that have no row yet, or one that is not to stay.
    ready
        Of these, those that can run here.
    fates
        What the folder's journal says, by trial id.
    sound_bytes
        Length of the journal's sound part.
    forecast
        What is expected of the ready trials.
    past
        The earlier runs that the forecast knows.
    """

    plan: Plan
    wanted: list[Trial]
    due: list[Trial]
    ready: list[Trial]
    fates: dict[str, Fate]
    sound_bytes: int
    forecast: Forecast
    past: history.Past


class Summary(NamedTuple):
    """What a run came to: rows of each status, and by dataset why it could not be read."""

    counts: Counter[str]
    damaged: dict[str, str]


class Fate(NamedTuple):
    """What resuming needs of a row: how it ended, and why where it was skipped or its dataset could not be read."""

    status: str
    reason: str | None


def fetch(parts: Iterable[Part], home: Path | None, progress: ProgressDisplay) -> None:
    """Download what is absent before the first trial, so that no trial's time holds it.

    Raises
    ------
    DataError
        If a dataset is absent and cannot be downloaded. One that is there but damaged is told by its trials' rows.
    """
    for part in parts:
        if absent := dataset(part).info(home).missing:
            progress.say(absent)
            dataset(part).load(home)


def make_plan(suite: Suite, home: Path | None, *, elsewhere: bool = False) -> Plan:
    """Expand a suite and see what this machine lacks; imports no deep-learning library.

    Parameters
    ----------
    suite
        The suite.
    home
        The data home.
    elsewhere
        Trials run on other machines, so that nothing is asked of this one.
    """
    trials, infos = plan_trials(suite, home)
    # Whatever a machine lacks it lacks for all sizes and seeds.
    lacks: dict[tuple[str, str, str | None], str | None] = {}
    skipped = {}
    for trial in trials:
        reason = unfit(trial, infos[trial.dataset.label])
        if reason is None and not elsewhere:
            key = (trial.pipeline, trial.device, trial.backend)
            if key not in lacks:
                lacks[key] = unable_here(trial, home)
            reason = lacks[key]
        if reason:
            skipped[trial.id] = reason
    return Plan(trials, skipped, infos)


def plan_trials(
    suite: Suite, home: Path | None, known: Mapping[str, DatasetInfo] | None = None
) -> tuple[list[Trial], dict[str, DatasetInfo]]:
    """The trials of a suite in running order, and what is known of its datasets by name.

    Those in `known` are not asked: their images need not be there.
    """
    infos = {part.label: (known or {}).get(part.label) or dataset(part).info(home) for part in suite.datasets}
    return expand(suite, lambda part: infos[part.label].n_train), infos


def unable(trial: Trial, info: DatasetInfo, home: Path | None) -> str | None:
    """Why a trial cannot run here; None where it can."""
    return unfit(trial, info) or unable_here(trial, home)


def unfit(trial: Trial, info: DatasetInfo) -> str | None:
    """Why a trial can run nowhere; None where it can."""
    if trial.n_train > info.n_train:
        return f"{info.name} has only {info.n_train:,} training images"
    if trial.n_train < info.n_classes:
        return f"{trial.n_train} images are fewer than the {info.n_classes} classes of {info.name}"
    return None


def unable_here(trial: Trial, home: Path | None) -> str | None:
    """What this machine lacks for a trial; None where it has all."""
    for network in networks_of(trial.spec):
        if reason := missing_weights(network.name, network.params, home):
            return reason
    for source in sources_of(trial.spec):
        try:
            there = dataset(source.dataset).info(home).n_train
        except DataError as error:
            return str(error)
        if source.n_train > there:
            return f"{source.dataset.label} has only {there:,} training images, not the {source.n_train:,} of a source"
    if trial.backend and find_spec(trial.backend) is None:
        return f"the backend {trial.backend} is not installed; pip install {trial.backend}"
    if trial.spec.estimator is not None and (reason := accelerators.unavailable(trial.spec, trial.device)):
        return reason
    if trial.device == "gpu" and not gpus():
        return accelerators.NO_GPU
    return None


def prospect(
    suite: Suite,
    folder: RunFolder,
    home: Path | None,
    *,
    only: Sequence[Match] = (),
    retry: Sequence[str] = (),
    elsewhere: bool = False,
) -> Prospect:
    """What a run of a suite would do, and what is expected of it; parameters as of `run_suite`. Writes nothing.

    Raises
    ------
    RunFolderError
        If the folder's journal is damaged.
    """
    plan = make_plan(suite, home, elsewhere=elsewhere)
    wanted = [t for t in plan.trials if not only or any(matches(t, match) for match in only)]
    forecast = Forecast(wanted, history.about(home, plan.infos))
    # Rows of this machine say nothing of what others take.
    past = history.Past({}, []) if elsewhere else history.teach(forecast, wanted, folder)
    fates, sound_bytes = resume(folder.journal, plan.trials, forecast, None if elsewhere else machine())
    due = [t for t in wanted if t.id not in fates or fates[t.id].status in (*PROVISIONAL, *retry)]
    ready = [t for t in due if t.id not in plan.skipped]
    running = {t.id for t in ready}
    for trial in wanted:
        if trial.id not in running:
            forecast.done(trial)
    return Prospect(plan, wanted, due, ready, fates, sound_bytes, forecast, past)


def run_suite(
    loaded: LoadedSuite,
    folder: RunFolder,
    make_executor: Callable[[], Executor],
    *,
    home: Path | None,
    only: Sequence[Match] = (),
    retry: Sequence[str] = (),
    progress: ProgressDisplay,
    elsewhere: bool = False,
) -> Summary:
    """Run a suite, or what is left of it, in its folder.

    Parameters
    ----------
    loaded
        The suite and its text.
    folder
        Where the run lies; what its journal holds is not run again.
    make_executor
        Makes the executor, once there is something to run.
    home
        The data home.
    only
        Run only trials that match one of these.
    retry
        Statuses whose trials are run again.
    progress
        Told of everything that happens.
    elsewhere
        The executor runs trials on other machines.

    Returns
    -------
    Summary
        Number of rows of each status over the trials that were asked for, and the datasets that could not be read.

    Raises
    ------
    RunFolderError
        If the folder is in use, damaged or cannot be written.
    KeyboardInterrupt
        On Ctrl-C or TERM, after the journal and the tables are in order.
    """
    folder.create()
    with folder.locked():
        ahead = prospect(loaded.suite, folder, home, only=only, retry=retry, elsewhere=elsewhere)
        plan, wanted, due, ready, fates, sound_bytes, forecast, past = ahead
        if not wanted:
            raise RunFolderError(f"--only leaves none of the {len(plan.trials)} trials of {loaded.suite.suite!r}")
        try:
            write_text(folder.suite, loaded.text)
        except OSError as error:
            raise RunFolderError(f"{folder.path}: cannot be written: {error.strerror}") from None
        remember(folder.datasets, plan.infos, {t.dataset.label for t in plan.trials if t.id in fates})
        surroundings = Surroundings(folder.environment, environment(DEFAULTS))
        if not elsewhere:
            sources = [one.dataset for spec in {t.pipeline: t.spec for t in ready}.values() for one in sources_of(spec)]
            fetch({t.dataset.label: t.dataset for t in ready}.values(), home, progress)
            fetch({str(part): part for part in sources}.values(), home, progress)
        for name, info in plan.infos.items():
            for note in info.notes:
                progress.say(f"dataset {name}: {note}")
        with Journal(folder.journal, sound_bytes) as book:
            session = Session(loaded.suite, book, fates, None if elsewhere else machine(), surroundings)
            for trial in due:
                if (reason := plan.skipped.get(trial.id)) and fates.get(trial.id) != Fate("skipped", reason):
                    record = Record(trial, None)
                    record.end("skipped", reason)
                    session.finish(trial, record)
            with progress:
                progress.begin(len(ready), len(wanted) - len(due))
                if ready:
                    watch = Running(forecast, progress)
                    watch.foretell(ready, past, folder.path if fates else None)
                    _run_trials(ready, folder, make_executor, session, watch)
        # Of use to this run's trials only; a run that was stopped keeps it for the rest of them.
        shutil.rmtree(folder.features, ignore_errors=True)
        ends = [(trial.dataset.label, fates[trial.id]) for trial in wanted]
        unread = {name: end.reason for name, end in ends if end.status == "failed" and end.reason}
        return Summary(Counter(end.status for _, end in ends), unread)


def resume(path: Path, planned: Sequence[Trial], forecast: Forecast, here: str | None) -> tuple[dict[str, Fate], int]:
    """What a journal says of the planned trials, and how many bytes of it are sound; keeps no row.

    The forecast learns the rows of the machine `here`, or all where that is None.

    Raises
    ------
    RunFolderError
        If a line is damaged.
    """
    trials = {trial.id: trial for trial in planned}
    fates: dict[str, Fate] = {}
    sound_bytes = 0
    for entry, sound_bytes in journal.stream(path):  # noqa: B007  (the last one counts)
        if trial := trials.get(entry.row["trial_id"]):
            fates[trial.id] = fate(entry.row)
            if here is None or entry.row.get("machine") == here:
                forecast.learn(trial, entry.row)
    return fates, sound_bytes


def fate(row: Mapping[str, Any]) -> Fate:
    """What is kept of a row."""
    unread = row["status"] == "failed" and row.get("error_type") == "DataError" and row.get("phase") == "load"
    return Fate(sys.intern(row["status"]), row.get("message") if unread or row["status"] == "skipped" else None)


class Session:
    """Completes rows and puts them in the journal."""

    def __init__(
        self, suite: Suite, book: Journal, fates: dict[str, Fate], here: str | None, surroundings: Surroundings
    ) -> None:
        self.suite = suite.suite
        self.book = book
        self.fates = fates
        self.here = here
        self.surroundings = surroundings

    def finish(self, trial: Trial, record: Record, machines: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Complete a row with what only the runner knows, and put it in the journal."""
        row = record.row
        row.setdefault("started_at", now())
        row["suite"] = self.suite
        if self.here:
            row.setdefault("machine", self.here)
            row.setdefault("load_1m", load_average())
        self.book.append(Entry(row, record.epochs, record.tuning, record.explanations))
        self.fates[trial.id] = fate(row)
        self.surroundings.saw(row, machines or {})
        return row


def _run_trials(
    ready: Sequence[Trial], folder: RunFolder, make_executor: Callable[[], Executor], session: Session, watch: Running
) -> None:
    with terminable() as interrupts, make_executor() as executor:
        executor.prepare(ready, folder.logs)
        try:
            for trial, record in executor.run(iter(ready), folder.logs, watch):
                # Between the journal's line and the word that the trial is over, Ctrl-C would give it a second row.
                with interrupts.held():
                    watch.finished(trial, session.finish(trial, record, executor.machines))
        except KeyboardInterrupt:
            with interrupts.held():
                for trial in watch.running.values():
                    log = folder.log(trial.id)
                    record = Record(trial, f"{folder.logs.name}/{log.name}" if log.exists() else None)
                    record.end("interrupted", "the run was stopped while this trial ran")
                    session.finish(trial, record)
            raise
        finally:
            # A full disk has been told by the journal already, with what to do.
            with suppress(RunFolderError):
                session.surroundings.end(executor.footprints, executor.machines)


class Running:
    """Which trials run now, told to the forecast and the display."""

    def __init__(self, forecast: Forecast, progress: ProgressDisplay) -> None:
        self.running: dict[str, Trial] = {}
        self.forecast = forecast
        self.progress = progress
        self.warned: set[tuple[object, ...]] = set()

    def foretell(self, trials: Sequence[Trial], past: history.Past, own: Path | None) -> None:
        """Say before the first trial what is expected of all, where earlier rows tell."""
        seconds, unknown = self.forecast.remaining()
        if unknown < len(trials):
            expected, known = foresee.total(seconds, unknown, len(trials)), foresee.origin(past.rows, own)
            self.progress.say(f"expected: {expected}, known from {known}")
        passing = [one for one in foresee.expect_all(trials, self.forecast) if one.passes]
        self.warned.update(foresee.cell(one.trial) for one in passing)
        for line in foresee.warnings(passing):
            self.progress.say(f"{line}; run all the same")

    def started(self, trial: Trial) -> None:
        """A trial begins; once for each pipeline and size it is told if it is expected to pass a limit."""
        self.running[trial.id] = trial
        if foresee.cell(trial) not in self.warned and (one := foresee.expect(trial, self.forecast)).passes:
            self.warned.add(foresee.cell(trial))
            self.progress.say(f"{foresee.warning(one)}; run all the same")
        self.progress.started(trial, *self.forecast.remaining())

    def event(self, trial: Trial, event: Event) -> None:
        """A running trial reports."""
        self.progress.event(trial, event)

    def memory(self, trial: Trial) -> int | None:
        """Bytes that a trial is expected to need; None where nothing is known."""
        return self.forecast.memory(trial)

    def finished(self, trial: Trial, row: Mapping[str, Any]) -> None:
        """A trial has its row."""
        self.running.pop(trial.id, None)
        self.forecast.learn(trial, row)
        self.forecast.done(trial)
        self.progress.finished(row, *self.forecast.remaining())


class Interrupts:
    """What Ctrl-C, TERM and HUP do: end the run at once, or at the end of what must not be torn apart."""

    def __init__(self) -> None:
        self.holding = self.waiting = False

    def __call__(self, *_: object) -> None:
        """Handle a signal."""
        if not self.holding:
            raise KeyboardInterrupt
        self.waiting = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a signal wait for the end of the block."""
        self.holding = True
        try:
            yield
        finally:
            self.holding = False
        if self.waiting:
            self.waiting = False
            raise KeyboardInterrupt


@contextmanager
def terminable() -> Iterator[Interrupts]:
    """Let TERM and HUP end a run the way Ctrl-C does."""
    interrupts = Interrupts()
    # A signal that the caller ignores, as nohup does with HUP, stays ignored.
    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    numbers = [number for number in wanted if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupts) for number in numbers}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
