"""The columns of the four tables: what a trial's line, or that of an epoch, tried setting or explanation, can hold.

Seconds end in `_s`, bytes in `_bytes`, joules in `_j`, watts in `_w`. What was not measured is empty, never zero.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from harness.hits import MAX_LENGTH

Phase: TypeAlias = Literal["load", "tune", "features", "fit", "predict", "evaluate", "serve", "explain"]

PHASES: tuple[str, ...] = get_args(Phase)
# What the pipeline does itself: explaining it is the harness's work, whose memory is not the pipeline's.
OWN_PHASES = tuple(phase for phase in PHASES if phase != "explain")
COUNTED_PHASES = ("tune", "features", "fit", "predict")
TEXT = "string"
WHOLE = "Int64"
REAL = "float64"
FLAG = "boolean"

EXPLAINED = (
    "explained_r2",
    "explained_r2_shuffled",
    "disentanglement",
    "completeness",
    "informativeness",
    "surrogate_fidelity",
    "deletion_area",
    "insertion_area",
    "features_needed",
)
TRIAL_COLUMNS: dict[str, str] = {
    # Which trial it is.
    **dict.fromkeys(("trial_id", "suite", "dataset", "pipeline", "family", "features", "model", "optimizer"), TEXT),
    "learning_rate": REAL,
    **dict.fromkeys(("n_train", "seed", "repeat"), WHOLE),
    **dict.fromkeys(("device", "backend", "accelerator", "precision"), TEXT),
    "jit_compile": FLAG,
    # What is compared: how a network was trained, which one, which classifier, where its features come from; the series
    # it is one of, what was removed from which pipeline, and how much of it a person chose.
    **dict.fromkeys(("scheme", "architecture", "classifier", "feature_origin", "series"), TEXT),
    "series_value": REAL,
    **dict.fromkeys(("removed", "ablation"), TEXT),
    # Whether it may be called the best of its family.
    "contends": FLAG,
    "n_choices": WHOLE,
    # How it ended; `log_tail` is the end of its output, empty where it ended well.
    **dict.fromkeys(("status", "phase", "error_type", "message", "log", "log_tail"), TEXT),
    # What it is worth, on the test set.
    **dict.fromkeys(("accuracy", "balanced_accuracy", "f1_macro", "log_loss"), REAL),
    **dict.fromkeys(("accuracy_half_a", "accuracy_half_b"), REAL),
    "n_test": WHOLE,
    # Which test images were classified rightly; see `harness.hits`.
    "correct": TEXT,
    # Time, cold: fork to first instruction, the imports of its forkserver (paid once for all its trials).
    **dict.fromkeys(("spawn_s", "import_s"), REAL),
    **{f"{phase}_{clock}": REAL for phase in PHASES for clock in ("s", "cpu_s")},
    # Inside fit: building, the first step (trace and compile), one step of the steady state (mean).
    **dict.fromkeys(("build_s", "first_step_s", "step_s", "train_s", "total_s"), REAL),
    # Time, warm: one image at a time, and images per second in large batches.
    **dict.fromkeys(("latency_p50_s", "latency_p95_s", "latency_p99_s"), REAL),
    "latency_calls": WHOLE,
    "throughput": REAL,
    # Memory of the trial's process and its children.
    **{f"{phase}_{kind}_bytes": WHOLE for phase in PHASES for kind in ("peak", "added")},
    **dict.fromkeys(("children_peak_bytes", "peak_bytes", "base_bytes", "gpu_peak_bytes", "gpu_process_bytes"), WHOLE),
    "memory_method": TEXT,
    "memory_limit_method": TEXT,
    "model_bytes": WHOLE,
    # Energy above idle, from counters only; `energy_source` names them.
    **{f"{phase}_energy_j": REAL for phase in COUNTED_PHASES},
    "idle_w": REAL,
    "energy_source": TEXT,
    **dict.fromkeys(("n_parameters", "n_features", "n_support", "epochs", "threads"), WHOLE),
    # Whether features were taken from the run's cache; their times and memory are those of computing them.
    "features_cached": FLAG,
    # Tuning: its budget, settings tried, the best one's accuracy on held-out training images, and what it changed.
    "tuning": TEXT,
    "tuning_candidates": WHOLE,
    "tuning_score": REAL,
    "tuned_params": TEXT,
    # How well what the features measure, and what the classifier does, can be told; see `harness.explain`.
    **dict.fromkeys(EXPLAINED, REAL),
    # Where and under what load; `busy_others` is cores kept busy by other processes while the trial ran.
    **dict.fromkeys(("started_at", "machine", "device_used"), TEXT),
    **dict.fromkeys(("load_1m", "calibration_s", "busy_others"), REAL),
    "gpu_others": WHOLE,
    "timing_valid": FLAG,
    "timing_note": TEXT,
}
EPOCH_IDENTITY = (
    "trial_id",
    "dataset",
    "pipeline",
    "model",
    "optimizer",
    "n_train",
    "seed",
    "repeat",
    "device",
    "backend",
)
EPOCH_COLUMNS: dict[str, str] = {
    **{column: TRIAL_COLUMNS[column] for column in EPOCH_IDENTITY},
    "epoch": WHOLE,
    **dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"), REAL),
}
# One line per setting that tuning tried.
TUNING_COLUMNS: dict[str, str] = {
    **{column: TRIAL_COLUMNS[column] for column in EPOCH_IDENTITY},
    "candidate": WHOLE,
    # Accuracy on held-out training images: this setting's, and the best so far.
    "score": REAL,
    "best": REAL,
    # Since tuning began.
    **dict.fromkeys(("seconds", "cpu_seconds"), REAL),
    "params": TEXT,
    "message": TEXT,
}
# One line per thing that explaining measured; what `item`, `x` and `value` are depends on `measure`.
EXPLANATION_COLUMNS: dict[str, str] = {
    **{column: TRIAL_COLUMNS[column] for column in EPOCH_IDENTITY},
    **dict.fromkeys(("measure", "item", "property"), TEXT),
    **dict.fromkeys(("x", "value"), REAL),
    "content": TEXT,
}

# Texts that are data, by the characters they may have; others are for people, and cut.
LONG = {"correct": MAX_LENGTH, "content": 2**15}

SHARES = (
    "score",
    "best",
    "tuning_score",
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "accuracy_half_a",
    "accuracy_half_b",
)
AMOUNTS = ("_s", "_bytes", "_j", "_w")
# No time, size or count comes near it, and sums, ratios and figures of larger numbers overflow.
MOST = 10**18
# The largest number of 32 bits: what a training that runs away can reach.
MOST_LOSS = 3.5e38


def sensible(name: str, value: float) -> bool:
    """Whether a number can be a measurement of that column: no time or size is negative, no accuracy above 1."""
    if name in SHARES:
        return 0 <= value <= 1
    if name.endswith("loss"):
        return abs(value) <= MOST_LOSS
    return abs(value) <= MOST and (value >= 0 or not name.endswith(AMOUNTS))


def fits(value: object, dtype: str) -> bool:
    """Whether a plain value (see `harness.run.record.plain`) can stand in a column of that type; None always can."""
    match dtype:
        case "string":
            return value is None or isinstance(value, str)
        case "boolean":
            return value is None or isinstance(value, bool)
        case "Int64":
            return value is None or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63)
        case _:
            return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
