"""Carry out a suite: every planned trial gets exactly one row, whatever happens to it."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from harness import registry
from harness.data.base import Dataset, DatasetInfo
from harness.errors import RunFolderError
from harness.files import write_text
from harness.measure.devices import gpus
from harness.measure.environment import environment, machine
from harness.run import journal
from harness.run.executor import DEFAULTS, Executor
from harness.run.folder import RunFolder
from harness.run.forecast import Forecast
from harness.run.journal import Entry, Journal
from harness.run.progress import ProgressDisplay
from harness.run.record import Event, Record
from harness.suite.load import LoadedSuite
from harness.suite.model import Match, Part, Suite
from harness.suite.plan import Trial, expand, matches

# Rows that are no result yet: their trials are due again whenever the suite runs.
PROVISIONAL = ("interrupted", "skipped")


class Plan(NamedTuple):
    """The trials of a suite in running order, and why some of them cannot run here (by trial id)."""

    trials: list[Trial]
    skipped: dict[str, str]


def dataset(part: Part) -> Dataset:
    """The dataset a suite names; not loaded yet."""
    made: Dataset = registry.build("datasets", part.name, part.params)
    return made


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


def make_plan(suite: Suite, home: Path | None) -> Plan:
    """Expand a suite and see what this machine lacks; imports no deep-learning library."""
    infos = {part.name: dataset(part).info(home) for part in suite.datasets}
    trials = expand(suite, lambda part: infos[part.name].n_train)
    reasons = ((trial.id, unable(trial, infos[trial.dataset.name])) for trial in trials)
    return Plan(trials, {trial_id: reason for trial_id, reason in reasons if reason})


def unable(trial: Trial, info: DatasetInfo) -> str | None:
    """Why a trial cannot run here; None where it can."""
    if trial.n_train > info.n_train:
        return f"{info.name} has only {info.n_train:,} training images"
    if trial.n_train < info.n_classes:
        return f"{trial.n_train} images are fewer than the {info.n_classes} classes of {info.name}"
    if trial.backend and find_spec(trial.backend) is None:
        return f"the backend {trial.backend} is not installed; pip install {trial.backend}"
    if trial.device == "gpu":
        if trial.backend is None:
            return "scikit-learn estimators run on the CPU"
        if not gpus():
            return "this machine shows no GPU (neither NVML nor nvidia-smi finds one)"
    return None


def run_suite(
    loaded: LoadedSuite,
    folder: RunFolder,
    make_executor: Callable[[], Executor],
    *,
    home: Path | None,
    only: Sequence[Match] = (),
    retry: Sequence[str] = (),
    progress: ProgressDisplay,
) -> Counter[str]:
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

    Returns
    -------
    Counter
        Number of rows of each status, over the trials that were asked for.

    Raises
    ------
    RunFolderError
        If the folder is in use, damaged or cannot be written.
    KeyboardInterrupt
        On Ctrl-C or TERM, after the journal and the tables are in order.
    """
    folder.create()
    with folder.locked():
        plan = make_plan(loaded.suite, home)
        wanted = [t for t in plan.trials if not only or any(matches(t, match) for match in only)]
        if not wanted:
            raise RunFolderError(f"--only leaves none of the {len(plan.trials)} trials of {loaded.suite.suite!r}")
        contents = journal.read(folder.journal)
        rows = {entry.row["trial_id"]: entry.row for entry in contents.entries}
        due = [t for t in wanted if t.id not in rows or rows[t.id]["status"] in (*PROVISIONAL, *retry)]
        ready = [t for t in due if t.id not in plan.skipped]
        try:
            write_text(folder.suite, loaded.text)
            write_text(folder.environment, json.dumps(environment(DEFAULTS), indent=2) + "\n")
        except OSError as error:
            raise RunFolderError(f"{folder.path}: cannot be written: {error.strerror}") from None
        fetch({t.dataset.name: t.dataset for t in ready}.values(), home, progress)
        with Journal(folder.journal, contents.sound_bytes) as book:
            for trial in due:
                if reason := plan.skipped.get(trial.id):
                    record = Record(trial, None)
                    record.end("skipped", reason)
                    if not same_skip(rows.get(trial.id), reason):
                        rows[trial.id] = finish(record, loaded.suite, book)
            with progress:
                progress.begin(len(ready), len(wanted) - len(due))
                _run_trials(plan.trials, ready, rows, folder, make_executor, loaded.suite, book, progress)
        return Counter(rows[trial.id]["status"] for trial in wanted)


def same_skip(row: dict[str, Any] | None, reason: str) -> bool:
    """Whether the journal says so already."""
    return row is not None and row["status"] == "skipped" and row["message"] == reason


def _run_trials(
    planned: list[Trial],
    ready: list[Trial],
    rows: dict[str, dict[str, Any]],
    folder: RunFolder,
    make_executor: Callable[[], Executor],
    suite: Suite,
    book: Journal,
    progress: ProgressDisplay,
) -> None:
    forecast = Forecast()
    for trial in planned:
        if trial.id in rows:
            learn(forecast, trial, rows[trial.id])
    if not ready:
        return
    watch = Running(ready, forecast, progress)
    with terminable(), make_executor() as executor:
        executor.prepare(ready, folder.logs)
        outcomes = executor.run(iter(ready), folder.logs, watch)
        try:
            for trial, record in outcomes:
                rows[trial.id] = row = finish(record, suite, book)
                learn(forecast, trial, row)
                watch.finished(trial, row)
        except KeyboardInterrupt:
            for trial in watch.running:
                record = Record(trial, f"{folder.logs.name}/{trial.id}.log")
                record.end("interrupted", "the run was stopped while this trial ran")
                rows[trial.id] = finish(record, suite, book)
            raise


class Running:
    """Which trials run now and which are left, told to the display."""

    def __init__(self, ready: Sequence[Trial], forecast: Forecast, progress: ProgressDisplay) -> None:
        self.left = {trial.id: trial for trial in ready}
        self.running: list[Trial] = []
        self.forecast = forecast
        self.progress = progress

    def started(self, trial: Trial) -> None:
        """A trial begins."""
        self.running.append(trial)
        self.progress.started(trial, *self.forecast.remaining(self.left.values()))

    def event(self, trial: Trial, event: Event) -> None:
        """A running trial reports."""
        self.progress.event(event)

    def finished(self, trial: Trial, row: dict[str, Any]) -> None:
        """A trial has its row."""
        self.running.remove(trial)
        del self.left[trial.id]
        self.progress.finished(row, *self.forecast.remaining(self.left.values()))


def learn(forecast: Forecast, trial: Trial, row: dict[str, Any]) -> None:
    """Let the forecast see a row that has a time."""
    if row["status"] in ("ok", "diverged", "timeout") and row.get("total_s"):
        forecast.learn(trial, row["total_s"])


def finish(record: Record, suite: Suite, book: Journal) -> dict[str, Any]:
    """Complete a row with what only the runner knows, and put it in the journal."""
    row = record.row
    row.setdefault("started_at", datetime.now(UTC).isoformat(timespec="milliseconds"))
    row |= {"suite": suite.suite, "machine": machine(), "load_1m": os.getloadavg()[0]}
    book.append(Entry(row, record.epochs))
    return row


@contextmanager
def terminable() -> Iterator[None]:
    """Let TERM and HUP end a run the way Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    # A signal that the caller ignores, as nohup does with HUP, stays ignored.
    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
