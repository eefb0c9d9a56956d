"""The trials table as the analysis reads it: every column there, text as text and what was measured as floats."""

from __future__ import annotations

import pandas as pd

from harness.errors import MisuseError

IDENTITY = ("trial_id", "dataset", "pipeline", "family", "n_train", "seed", "device", "status")
TEXT = (
    "trial_id", "suite", "dataset", "pipeline", "family", "features", "model", "optimizer", "device", "backend",
    "accelerator", "precision", "status", "phase", "message", "log", "memory_method", "memory_limit_method",
    "energy_source", "machine", "timing_note", "tuning", "tuned_params", "scheme", "architecture", "classifier",
    "feature_origin", "series", "removed", "ablation", "correct",
)  # fmt: skip
# What other processes on the machine, or another machine, would change.
TIMES = (
    "spawn_s", "import_s", "load_s", "tune_s", "features_s", "fit_s", "predict_s", "build_s", "first_step_s",
    "step_s", "train_s", "total_s", "latency_p50_s", "latency_p95_s", "latency_p99_s", "throughput",
    "tune_energy_j", "features_energy_j", "fit_energy_j", "predict_energy_j", "idle_w",
)  # fmt: skip
MEMORY = (
    "peak_bytes", "base_bytes", "children_peak_bytes", "gpu_peak_bytes", "gpu_process_bytes", "model_bytes",
)  # fmt: skip
NUMBERS = (
    "learning_rate", "accuracy", "accuracy_half_a", "accuracy_half_b", "balanced_accuracy", "f1_macro", "log_loss",
    "n_test", *TIMES, *MEMORY, "latency_calls", "n_parameters", "load_1m", "calibration_s", "busy_others", "gpu_others",
    "tuning_candidates", "tuning_score", "series_value", "n_choices", "n_support", "n_features", "threads",
    "epochs", "explained_r2", "explained_r2_shuffled", "disentanglement", "completeness", "informativeness",
    "surrogate_fidelity", "deletion_area", "insertion_area", "features_needed",
)  # fmt: skip
# A table with all of these has been completed: no run's has a label.
LABELLED = frozenset((*TEXT, *NUMBERS, "label"))
TUNING_TEXT = ("trial_id", "dataset", "pipeline", "params", "message")
TUNING_NUMBERS = ("n_train", "seed", "candidate", "score", "best", "seconds", "cpu_seconds")
EXPLANATION_TEXT = ("trial_id", "dataset", "pipeline", "model", "measure", "item", "property", "content")
EXPLANATION_NUMBERS = ("n_train", "seed", "repeat", "x", "value")
EPOCH_TEXT = ("trial_id", "dataset", "pipeline", "model", "optimizer")
EPOCH_NUMBERS = ("n_train", "seed", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")
FAMILIES = ("traditional", "hybrid", "deep")


def complete(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials with every column that the analysis reads, and a `label` that tells lines of a figure apart.

    Text that was not recorded becomes `""`, a number that was not measured becomes NaN; `timing_valid` is empty where
    it was not checked, `repeat` 0 where nothing was repeated, `contends` true where nothing says
    otherwise. The label is the pipeline's name; where one pipeline completed on several devices or backends, they are
    added to it.

    Raises
    ------
    MisuseError
        If the table has rows but lacks a column that says what a row is.
    """
    if LABELLED.issubset(trials.columns):
        return trials
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
    frame["repeat"] = pd.to_numeric(_column(trials, "repeat")).fillna(0).astype("int64")
    frame["timing_valid"] = _flag(_column(trials, "timing_valid"))
    frame["contends"] = _flag(_column(trials, "contends")).fillna(True).astype(bool)
    frame["label"] = frame["pipeline"]
    for column in ("device", "backend"):
        ran = ok(frame).groupby("pipeline")[column].nunique()
        several = frame["pipeline"].isin(ran[ran > 1].index)
        frame.loc[several, "label"] = frame["label"] + " (" + frame[column] + ")"
    return frame


def complete_epochs(epochs: pd.DataFrame) -> pd.DataFrame:
    """The epochs with every column that the analysis reads; what was not measured is `""` or NaN."""
    return _typed(epochs, EPOCH_TEXT, EPOCH_NUMBERS)


def complete_tuning(tuning: pd.DataFrame) -> pd.DataFrame:
    """The tried settings with every column that the analysis reads; what was not measured is `""` or NaN."""
    return _typed(tuning, TUNING_TEXT, TUNING_NUMBERS)


def complete_explanations(explanations: pd.DataFrame) -> pd.DataFrame:
    """The lines of explanations with every column that the analysis reads; what was not measured is `""` or NaN."""
    return _typed(explanations, EXPLANATION_TEXT, EXPLANATION_NUMBERS)


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
        values = _column(source, column).astype(object)
        columns[column] = values.where(values.notna(), "").astype(str)
    for column in numbers:
        columns[column] = pd.to_numeric(_column(source, column), errors="coerce").astype(float)
    return pd.DataFrame(columns, index=source.index)


def _column(source: pd.DataFrame, name: str) -> pd.Series:
    return source[name] if name in source.columns else pd.Series(None, index=source.index, dtype=object)


def _flag(values: pd.Series) -> pd.Series:
    """Yes, no or empty; from a CSV file they come as words where some are empty."""
    return values.astype(object).map({True: True, False: False, "True": True, "False": False}).astype("boolean")
