"""The trials table as the analysis reads it: every column there, text as text and what was measured as floats."""

from __future__ import annotations

import pandas as pd

from harness.errors import MisuseError

IDENTITY = ("trial_id", "dataset", "pipeline", "family", "n_train", "seed", "device", "status")
TEXT = (
    "trial_id", "suite", "dataset", "pipeline", "family", "features", "model", "optimizer", "device", "backend",
    "status", "phase", "message", "log", "memory_method", "machine",
)  # fmt: skip
NUMBERS = (
    "learning_rate", "accuracy", "accuracy_half_a", "accuracy_half_b", "n_test", "features_s", "fit_s", "predict_s",
    "train_s", "peak_bytes", "base_bytes", "n_parameters",
)  # fmt: skip
EPOCH_TEXT = ("trial_id", "dataset", "pipeline", "model", "optimizer")
EPOCH_NUMBERS = ("n_train", "seed", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")
FAMILIES = ("traditional", "hybrid", "deep")


def complete(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials with every column that the analysis reads, and a `label` that tells lines of a figure apart.

    Text that was not recorded becomes `""`, a number that was not measured becomes NaN. The label is the pipeline's
    name; where one pipeline completed on several devices or backends, they are added to it.

    Raises
    ------
    MisuseError
        If the table has rows but lacks a column that says what a row is.
    """
    missing = [column for column in IDENTITY if column not in trials.columns]
    if missing and len(trials):
        has = ", ".join(map(str, trials.columns)) or "no columns"
        raise MisuseError(
            f"the trials table lacks {', '.join(missing)}; it has {has}: pass the frame that harness.load_results gives"
        )
    frame = _typed(trials, TEXT, NUMBERS)
    for column in ("n_train", "seed"):
        values = trials[column] if column in trials.columns else pd.Series(dtype=float, index=trials.index)
        frame[column] = pd.to_numeric(values).astype("int64")
    frame["label"] = frame["pipeline"]
    for column in ("device", "backend"):
        ran = ok(frame).groupby("pipeline")[column].nunique()
        several = frame["pipeline"].isin(ran[ran > 1].index)
        frame.loc[several, "label"] = frame["label"] + " (" + frame[column] + ")"
    return frame


def complete_epochs(epochs: pd.DataFrame) -> pd.DataFrame:
    """The epochs with every column that the analysis reads; what was not measured is `""` or NaN."""
    return _typed(epochs, EPOCH_TEXT, EPOCH_NUMBERS)


def ok(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that ended well."""
    return trials[trials["status"] == "ok"]


def lines_of(trials: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Every (label, family) with a completed trial: traditional first, then hybrid, deep, and by name."""
    ran = ok(trials)[["label", "family"]].drop_duplicates()
    pairs = zip(ran["label"], ran["family"], strict=True)
    rank = {family: position for position, family in enumerate(FAMILIES)}
    return tuple(sorted(pairs, key=lambda pair: (rank.get(pair[1], len(rank)), pair[0])))


def _typed(source: pd.DataFrame, text: tuple[str, ...], numbers: tuple[str, ...]) -> pd.DataFrame:
    columns: dict[str, pd.Series] = {}
    for column in text:
        values = source[column] if column in source.columns else pd.Series(None, index=source.index, dtype=object)
        columns[column] = values.astype(object).where(values.notna(), "").astype(str)
    for column in numbers:
        values = source[column] if column in source.columns else pd.Series(None, index=source.index, dtype=float)
        columns[column] = pd.to_numeric(values, errors="coerce").astype(float)
    return pd.DataFrame(columns, index=source.index)
