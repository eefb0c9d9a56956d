"""A run as tidy pandas tables."""

from __future__ import annotations

import io
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pandas.api.types import pandas_dtype

from harness.errors import MisuseError, RunFolderError
from harness.files import write_atomic
from harness.hits import sound
from harness.run import journal
from harness.run.columns import (
    EPOCH_COLUMNS,
    EPOCH_IDENTITY,
    EXPLANATION_COLUMNS,
    OWN_PHASES,
    REAL,
    TEXT,
    TRIAL_COLUMNS,
    TUNING_COLUMNS,
)
from harness.run.datasets import recall
from harness.run.folder import RunFolder
from harness.run.runner import plan_trials
from harness.run.surroundings import read_environment
from harness.run.tables import ARROW, read_table
from harness.run.validity import judge
from harness.suite.load import load_suite

# A row without one of these tells of nothing.
REQUIRED = ("trial_id", "dataset", "pipeline", "family", "n_train", "seed", "device", "status")


@dataclass(frozen=True)
class Results:
    """What a run measured.

    Attributes
    ----------
    trials
        One row per planned trial.
    epochs
        One row per trial and epoch, networks only.
    tuning
        One row per trial and setting that tuning tried.
    environment
        The machine and the software.
    name
        The suite's name.
    explanations
        One row per trial and thing that explaining it measured.
    """

    trials: pd.DataFrame
    epochs: pd.DataFrame
    tuning: pd.DataFrame
    environment: dict[str, Any]
    name: str
    explanations: pd.DataFrame = field(default_factory=pd.DataFrame)


def load_results(path: str | Path) -> Results:
    """Read a run folder, also while it runs.

    Where the folder has a journal, the tables come from it; a folder that keeps only the tables, as reference results
    do, is read from those.

    Parameters
    ----------
    path
        The run folder.

    Raises
    ------
    RunFolderError
        If it is not a run folder, or is damaged.
    """
    folder = RunFolder(Path(path))
    if folder.journal.exists():
        frames = _from_journal(folder)
    elif folder.trials.exists() and folder.epochs.exists():
        frames = tuple(_read(file, columns) for file, columns in tables(folder))
        trials = frames[0]
        for name in REQUIRED:
            if trials[name].isna().any() or (name == "n_train" and trials[name].lt(1).any()):
                raise RunFolderError(f"{folder.trials}: not a table of a run: {name} is not known in every row")
        if trials["trial_id"].duplicated().any():
            raise RunFolderError(f"{folder.trials}: not a table of a run: it has two rows of one trial")
        packed = trials.loc[trials["correct"].notna(), ["trial_id", "correct", "n_test"]]
        for trial_id, text, n_test in packed.itertuples(index=False):
            if not sound(text, None if pd.isna(n_test) else int(n_test)):
                raise RunFolderError(f"{folder.trials}: not a table of a run: correct of trial {trial_id} is damaged")
    else:
        raise RunFolderError(
            f"{path}: not a run folder: it holds neither journal.jsonl nor trials.parquet and epochs.parquet"
        )
    trials, epochs, tuning, explanations = frames
    name = str(trials["suite"].iloc[0]) if len(trials) else folder.path.name
    return Results(trials, epochs, tuning, read_environment(folder.environment), name, explanations)


def save_tables(results: Results, folder: RunFolder) -> None:
    """Write `trials.parquet` and `epochs.parquet` into a run folder.

    And `tuning.parquet` where anything was tuned, `explanations.parquet` where anything was explained.
    """
    frames = (results.trials, results.epochs, results.tuning, results.explanations)
    for frame, (file, columns) in zip(frames, tables(folder), strict=True):
        if columns in MAY_LACK and frame.empty:
            continue
        write_atomic(file, lambda beside, frame=frame: frame.to_parquet(beside, index=False))  # type: ignore[misc]


# Of a run that tuned or explained nothing there is no such file.
MAY_LACK = (TUNING_COLUMNS, EXPLANATION_COLUMNS)


def tables(folder: RunFolder) -> tuple[tuple[Path, dict[str, str]], ...]:
    """The files of the four tables and their columns."""
    return (
        (folder.trials, TRIAL_COLUMNS),
        (folder.epochs, EPOCH_COLUMNS),
        (folder.tuning, TUNING_COLUMNS),
        (folder.explanations, EXPLANATION_COLUMNS),
    )


def _read(file: Path, columns: dict[str, str]) -> pd.DataFrame:
    """A table from its file; one of `MAY_LACK` that is not there is empty."""
    if columns in MAY_LACK and not file.exists():
        return _typed(pd.DataFrame(), columns)
    return _as_frame(read_table(file, columns), columns)


def _from_journal(folder: RunFolder) -> tuple[pd.DataFrame, ...]:
    """The four tables, column by column: no more than a chunk of rows is in memory as Python objects."""
    suite = load_suite(str(folder.suite), check=False).suite
    planned, _ = plan_trials(suite, None, recall(folder.datasets))
    places = {trial.id: place for place, trial in enumerate(planned)}
    # The plan's names stand above the journal's: a renamed pipeline keeps its rows.
    identity = {name: TRIAL_COLUMNS[name] for name in planned[0].identity()}
    names = Columns(identity)
    for trial in planned:
        names.add(trial.identity())
    rows = Columns({name: kind for name, kind in TRIAL_COLUMNS.items() if name not in identity})
    histories = [Lines(EPOCH_COLUMNS), Lines(TUNING_COLUMNS), Lines(EXPLANATION_COLUMNS)]
    # Of several rows of a trial the last counts.
    row_of = np.full(len(planned), -1, np.int64)
    for entry, _ in journal.stream(folder.journal):
        place = places.get(entry.row["trial_id"])
        if place is None:
            continue
        row_of[place] = rows.length
        for lines, cells in zip(histories, entry[1:], strict=True):
            lines.add(cells, rows.length)
        rows.add(entry.row)
    owner = np.full(rows.length, -1, np.int64)
    owner[row_of[row_of >= 0]] = np.flatnonzero(row_of >= 0)
    waiting = row_of < 0
    columns = names.take(np.arange(len(planned))) | rows.take(row_of)
    frame = pd.DataFrame({name: columns.pop(name) for name in TRIAL_COLUMNS})
    frame["suite"] = suite.suite
    frame.loc[waiting, ["status", "message"]] = ["interrupted", "not run yet; run the same command again to resume"]
    frame["train_s"] = frame["fit_s"] + frame["features_s"].fillna(0.0)
    frame["peak_bytes"] = frame[[f"{phase}_peak_bytes" for phase in OWN_PHASES]].max(axis=1)
    frame[["timing_valid", "timing_note"]] = judge(frame)
    return _typed(frame, TRIAL_COLUMNS), *(lines.take(owner, names) for lines in histories)


class Columns:
    """Rows that come one by one, kept as typed columns.

    Parameters
    ----------
    kinds
        Types by column name, as in `harness.run.columns`; what else a row holds is left out. That values fit them is
        the journal's care.
    """

    CHUNK = 2048

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self.kinds = kinds
        self.length = 0
        self.waiting: list[Mapping[str, Any]] = []
        self.chunks: dict[str, list[pa.Array]] = {name: [] for name in kinds}

    def add(self, row: Mapping[str, Any]) -> None:
        """Take in a row."""
        self.waiting.append(row)
        self.length += 1
        if len(self.waiting) == self.CHUNK:
            self.pack()

    def pack(self) -> None:
        """Turn the rows that wait into columns."""
        for name, kind in self.kinds.items():
            values = [row.get(name) for row in self.waiting]
            try:
                chunk = pa.array(values, ARROW[kind])
            except (pa.ArrowInvalid, UnicodeEncodeError):
                # A whole number beyond 2**53 in a column of real ones, or half of a surrogate pair.
                chunk = pa.array([_forced(value, kind) for value in values], ARROW[kind])
            self.chunks[name].append(chunk)
        self.waiting.clear()

    def take(self, order: NDArray[np.int64], names: Iterable[str] | None = None) -> dict[str, Any]:
        """Columns as pandas arrays, the rows in that order; where it says -1, the cells are empty."""
        if self.waiting:
            self.pack()
        indices = pa.array(order, mask=order < 0)
        taken = {}
        for name in self.kinds if names is None else names:
            column = pa.chunked_array(self.chunks[name], ARROW[self.kinds[name]]).take(indices)
            taken[name] = _as_pandas(column, self.kinds[name])
        return taken


class Lines:
    """What trials report line by line, such as epochs, and which row each line belongs to."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self.columns = columns
        self.cells = Columns({name: kind for name, kind in columns.items() if name not in EPOCH_IDENTITY})
        self.owners = array("q")

    def add(self, lines: Sequence[Mapping[str, Any]], row: int) -> None:
        """Take in the lines of a row."""
        for line in lines:
            self.cells.add(line)
            self.owners.append(row)

    def take(self, owner: NDArray[np.int64], names: Columns) -> pd.DataFrame:
        """The table of the lines whose rows belong to planned trials (`owner`, -1 where not), in the plan's order."""
        of_line = owner[np.frombuffer(self.owners, np.int64)] if self.owners else np.empty(0, np.int64)
        kept = np.argsort(of_line, kind="stable")[int(np.count_nonzero(of_line < 0)) :]
        found = names.take(of_line[kept], EPOCH_IDENTITY) | self.cells.take(kept)
        return pd.DataFrame({name: found.pop(name) for name in self.columns})


def _forced(value: Any, kind: str) -> Any:
    if value is None:
        return None
    return float(value) if kind == REAL else str(value).encode(errors="replace").decode()


def _typed(frame: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """The columns in their order and types; those the frame lacks are empty."""
    return frame.reindex(columns=list(columns)).astype(columns)


def _as_frame(table: pa.Table, columns: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({name: _as_pandas(table.column(name), kind) for name, kind in columns.items()})


# But line ends and tabs: what a terminal obeys. No run writes it (see `harness.run.logs`); a file from elsewhere may.
CONTROLS = r"[\x00-\x08\x0b-\x1f\x7f-\x{9f}]"


def _as_pandas(column: pa.ChunkedArray, kind: str) -> Any:
    if kind == TEXT:
        column = pc.replace_substring_regex(column, CONTROLS, "")
    dtype: Any = pandas_dtype(kind)
    return column.to_numpy() if kind == REAL else dtype.__from_arrow__(column)


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "csv": lambda frame: frame.to_csv(index=False).encode(),
    "json": lambda frame: (frame.to_json(orient="records", indent=1, double_precision=15) + "\n").encode(),
    "parquet": _parquet,
}


def export(frame: pd.DataFrame, kind: str) -> bytes:
    """A table in one of `FORMATS`, complete."""
    if kind not in FORMATS:
        raise MisuseError(f"unknown format {kind!r}; known: {', '.join(FORMATS)}")
    return FORMATS[kind](frame)
