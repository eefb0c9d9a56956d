"""A run as tidy pandas tables."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from harness.errors import MisuseError, RunFolderError
from harness.files import write_atomic
from harness.run import journal
from harness.run.columns import EPOCH_COLUMNS, EPOCH_IDENTITY, PHASES, TRIAL_COLUMNS
from harness.run.folder import RunFolder
from harness.run.runner import make_plan
from harness.suite.load import load_suite


@dataclass(frozen=True)
class Results:
    """What a run measured.

    Attributes
    ----------
    trials
        One row per planned trial.
    epochs
        One row per trial and epoch, networks only.
    environment
        The machine and the software.
    name
        The suite's name.
    """

    trials: pd.DataFrame
    epochs: pd.DataFrame
    environment: dict[str, Any]
    name: str


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
        trials, epochs = _from_journal(folder)
    elif folder.trials.exists() and folder.epochs.exists():
        trials, epochs = (_typed(_read_parquet(file), columns) for file, columns in tables(folder))
    else:
        raise RunFolderError(
            f"{path}: not a run folder: it holds neither journal.jsonl nor trials.parquet and epochs.parquet"
        )
    name = str(trials["suite"].iloc[0]) if len(trials) else folder.path.name
    return Results(trials, epochs, _read_environment(folder), name)


def save_tables(results: Results, folder: RunFolder) -> None:
    """Write `trials.parquet` and `epochs.parquet` into a run folder."""
    for frame, (file, _) in zip((results.trials, results.epochs), tables(folder), strict=True):
        write_atomic(file, lambda beside, frame=frame: frame.to_parquet(beside, index=False))  # type: ignore[misc]


def tables(folder: RunFolder) -> tuple[tuple[Path, dict[str, str]], tuple[Path, dict[str, str]]]:
    """The files of the two tables and their columns."""
    return (folder.trials, TRIAL_COLUMNS), (folder.epochs, EPOCH_COLUMNS)


def _from_journal(folder: RunFolder) -> tuple[pd.DataFrame, pd.DataFrame]:
    entries = {entry.row["trial_id"]: entry for entry in journal.read(folder.journal).entries}
    suite = load_suite(str(folder.suite), check=False).suite
    rows: list[dict[str, Any]] = []
    epochs: list[dict[str, Any]] = []
    for trial in make_plan(suite, None).trials:
        waiting = {"status": "interrupted", "message": "not run yet; run the same command again to resume"}
        entry = entries.get(trial.id)
        # The plan's names stand above the journal's: a renamed pipeline keeps its rows.
        row = (entry.row if entry else waiting) | trial.identity() | {"suite": suite.suite}
        rows.append(row)
        if entry:
            epochs += [{**{key: row[key] for key in EPOCH_IDENTITY}, **values} for values in entry.epochs]
    frame = _typed(pd.DataFrame(rows), TRIAL_COLUMNS)
    frame["train_s"] = frame["fit_s"] + frame["features_s"].fillna(0.0)
    frame["peak_bytes"] = frame[[f"{phase}_peak_bytes" for phase in PHASES]].max(axis=1)
    return _typed(frame, TRIAL_COLUMNS), _typed(pd.DataFrame(epochs), EPOCH_COLUMNS)


def _typed(frame: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """The columns in their order and types; those the frame lacks are empty."""
    return frame.reindex(columns=list(columns)).astype(columns)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise RunFolderError(f"{path}: not a readable Parquet file: {str(error).splitlines()[0]}") from None


def _read_environment(folder: RunFolder) -> dict[str, Any]:
    try:
        values = json.loads(folder.environment.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{folder.environment}: cannot be read: {error}") from None
    if not isinstance(values, dict):
        raise RunFolderError(f"{folder.environment}: expected a JSON object")
    return values


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
