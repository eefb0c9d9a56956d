"""Earlier rows of this machine, from the run folders beside a run's own, for a forecast to learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pydantic

from harness.data.base import DatasetInfo
from harness.data.build import dataset
from harness.errors import HarnessError
from harness.measure.environment import machine
from harness.run import journal
from harness.run.columns import TRIAL_COLUMNS
from harness.run.folder import RunFolder
from harness.run.forecast import Forecast
from harness.suite.load import load_suite
from harness.suite.model import Part, Suite
from harness.suite.plan import Trial, variants

# The latest folders and rows are read: a plan should be told in a second, however many runs lie there.
FOLDERS, ROWS, TAIL_BYTES = 30, 2000, 2**21


class Past(NamedTuple):
    """What a forecast learned of earlier runs.

    Attributes
    ----------
    rows
        Number of rows that told something of the planned trials, by run folder, the latest folder first.
    unread
        One line on each folder that could not be read.
    """

    rows: dict[Path, int]
    unread: list[str]


def teach(forecast: Forecast, planned: Iterable[Trial], folder: RunFolder) -> Past:
    """Let a forecast learn what this machine's earlier runs say of planned trials.

    Rows of other machines, and of trials that the folder's suite no longer has, are passed over; of the rest the oldest
    is learned first, so that the latest count.

    Parameters
    ----------
    forecast
        What learns.
    planned
        The trials to be predicted.
    folder
        The run's folder, which need not exist; the folders beside it are read, it itself is not.
    """
    # Trials of one plan share their pipelines' specifications.
    specs = {id(trial.spec): trial.spec for trial in planned}.values()
    models = {model.name.rpartition(".")[2] for spec in specs if (model := spec.network or spec.estimator)}
    past = Past({}, [])
    found: list[tuple[Path, list[tuple[Trial, Mapping[str, Any]]]]] = []
    wanted = ROWS
    for other in beside(folder):
        try:
            pairs = read(other, models, wanted)
        except HarnessError as error:
            past.unread.append(str(error).splitlines()[0])
            continue
        found.append((other.path, pairs))
        wanted -= len(pairs)
        if wanted <= 0:
            break
    told = {path: sum([forecast.learn(trial, row) for trial, row in pairs]) for path, pairs in reversed(found)}
    past.rows.update((path, told[path]) for path, _ in found if told[path])
    return past


def about(home: Path | None, known: Mapping[str, DatasetInfo]) -> Callable[[Part], DatasetInfo | None]:
    """What is known of datasets, as `Forecast` asks; nothing of one that this installation does not have.

    Of those that are not `known`, by name, only such are asked as tell without being read.
    """

    def info(part: Part) -> DatasetInfo | None:
        if part.label in known:
            return known[part.label]
        if part.params:
            return None
        try:
            return dataset(part).info(home)
        except (HarnessError, pydantic.ValidationError):
            return None

    return info


def beside(folder: RunFolder) -> list[RunFolder]:
    """The run folders in the same place as one that have rows, the latest written first."""
    found = []
    try:
        for path in folder.path.absolute().parent.iterdir():
            other = RunFolder(path)
            if path.name != folder.path.absolute().name and (file := rows_file(other)) is not None:
                found.append((file.stat().st_mtime, other))
    except OSError:
        return []
    return [other for _, other in sorted(found, key=lambda pair: pair[0], reverse=True)[:FOLDERS]]


def rows_file(folder: RunFolder) -> Path | None:
    """Where a run folder has its rows: its journal, or the table where it keeps only that; None without either."""
    return next((path for path in (folder.journal, folder.trials) if path.is_file()), None)


def read(folder: RunFolder, models: set[str], most: int = ROWS) -> list[tuple[Trial, Mapping[str, Any]]]:
    """The latest rows that this machine made of some models, with the trials they are of, oldest first.

    Raises
    ------
    HarnessError
        If the folder's suite or its rows cannot be read.
    """
    file = rows_file(folder)
    if file is None:
        return []
    here = machine()
    rows = tail(file) if file == folder.journal else table(file)
    mine = [row for row in rows if row.get("machine") == here and str(row.get("model")) in models][-most:]
    if not mine:
        return []
    trial_of = Rebuild(load_suite(str(folder.suite), check=False).suite)
    made = ((trial_of(row), row) for row in mine)
    pairs = [(trial, row) for trial, row in made if trial is not None and trial.n_train > 0]
    # An id that does not fit: the suite was changed since, and the row is of what stood there before.
    return [(trial, row) for trial, row in pairs if trial.id == row.get("trial_id")]


def tail(path: Path) -> Iterator[dict[str, Any]]:
    """The rows at the end of a journal; lines that are damaged or cut off are passed over.

    Raises
    ------
    HarnessError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            lines = file.read(TAIL_BYTES).split(b"\n")
    except OSError as error:
        raise HarnessError(f"{path}: cannot be read: {error.strerror}") from None
    for line in lines:
        try:
            yield journal.decode(line + b"\n").row
        except (ValueError, KeyError):
            continue


def table(path: Path) -> list[dict[str, Any]]:
    """The rows of a trials table; large ones are passed over.

    Raises
    ------
    HarnessError
        If it cannot be read.
    """
    from harness.run.tables import read_table

    found = read_table(path, TRIAL_COLUMNS)
    rows: list[dict[str, Any]] = [] if len(found) > 10 * ROWS else found.to_pylist()
    return sorted(rows, key=lambda row: row["started_at"] or "")


class Rebuild:
    """Makes trials from rows and the suite they were planned by."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.pipelines = variants(suite)
        self.datasets = {part.label: part for part in suite.datasets}

    def __call__(self, row: Mapping[str, Any]) -> Trial | None:
        """The trial that has the row's names and numbers; None where the suite has none."""
        try:
            backend = row["backend"]
            spec, tuning, origin = self.pipelines[row["pipeline"]]
            return Trial(
                dataset=self.datasets[row["dataset"]],
                pipeline=row["pipeline"],
                spec=spec,
                n_train=row["n_train"],
                seed=row["seed"],
                repeat=row.get("repeat") or 0,
                device=row["device"],
                backend=None if backend == "sklearn" else backend,
                threads=self.suite.threads,
                limits=self.suite.limits,
                tuning=tuning,
                origin=origin,
            )
        except (KeyError, TypeError, pydantic.ValidationError):
            return None
