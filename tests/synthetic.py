"""Trials and epochs of runs that never happened, with a truth planted in them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

MIB = 2**20


class Planted(NamedTuple):
    """A pipeline's true error, CPU seconds and peak MiB at each training size."""

    family: str
    error: Callable[[float], float]
    seconds: Callable[[float], float] = lambda n: 0.01 * n
    mib: Callable[[float], float] = lambda n: 200 + n / 100
    model: str = "SVC"
    optimizer: str | None = None


def power(constant: float, exponent: float, floor: float = 0.0) -> Callable[[float], float]:
    return lambda n: min(0.9, floor + constant * n**exponent)


def linear(start: float, each: float) -> Callable[[float], float]:
    return lambda n: start + each * n


def trials(
    pipelines: Mapping[str, Planted],
    *,
    sizes: Sequence[int] = (100, 300, 1000, 3000, 10_000),
    seeds: int = 5,
    datasets: Sequence[str] = ("mnist",),
    devices: Sequence[str] = ("cpu",),
    noise: float = 0.02,
    n_test: int = 10_000,
) -> pd.DataFrame:
    """Rows as a run would give them; `noise` is the relative spread over seeds of errors and seconds."""
    rows = []
    for dataset in datasets:
        for name, planted in pipelines.items():
            for n_train in sizes:
                for seed in range(seeds):
                    for device in devices:
                        key = f"{dataset}/{name}/{n_train}/{seed}/{device}"
                        rows.append(_row(key, dataset, name, planted, n_train, seed, device, noise, n_test))
    return pd.DataFrame(rows)


def _row(
    key: str, dataset: str, name: str, planted: Planted, n: int, seed: int, device: str, noise: float, n_test: int
) -> dict[str, Any]:
    random = np.random.default_rng(zlib.crc32(key.encode()))
    deep = planted.family == "deep"
    error = planted.error(n) * float(np.exp(noise * random.standard_normal()))
    halves = [1 - random.binomial(n_test // 2, min(error, 1.0)) / (n_test // 2) for _ in "ab"]
    train_s = planted.seconds(n) * float(np.exp(noise * random.standard_normal())) / (8 if device == "gpu" else 1)
    return {
        "trial_id": f"{zlib.crc32(key.encode()):08x}", "suite": "synthetic", "dataset": dataset, "pipeline": name,
        "family": planted.family, "features": None if deep else "hog", "model": planted.model,
        "optimizer": planted.optimizer, "learning_rate": 0.001 if deep else np.nan, "n_train": n, "seed": seed,
        "device": device, "backend": "tensorflow" if deep else "sklearn", "status": "ok", "phase": None,
        "message": None, "log": f"logs/{name}.log", "accuracy": sum(halves) / 2, "accuracy_half_a": halves[0],
        "accuracy_half_b": halves[1], "n_test": n_test, "features_s": train_s * 0.1, "fit_s": train_s * 0.9,
        "train_s": train_s, "predict_s": 0.5 + n_test * 1e-4, "peak_bytes": planted.mib(n) * MIB,
        "base_bytes": (400 if deep else 120) * MIB, "memory_method": "vmhwm",
        "n_parameters": 421_642 if deep else np.nan, "machine": "bench",
    }  # fmt: skip


def grown(
    name: str,
    family: str,
    error: Callable[[float], float],
    *,
    parameters: Mapping[float, float],
    parameter: str = "width",
    **rows: Any,
) -> pd.DataFrame:
    """A series of one pipeline, whose error depends on its parameters; `rows` as of `trials`."""
    frames = []
    for value, count in parameters.items():
        planted = Planted(family, lambda n, count=count: error(count))  # type: ignore[misc]
        frame = trials({f"{name}/{parameter}={value:g}": planted}, **rows)
        frames.append(frame.assign(n_parameters=count, series=f"{name}/{parameter}", series_value=value))
    return pd.concat(frames, ignore_index=True)


def fail(frame: pd.DataFrame, rows: pd.Series, status: str, message: str, phase: str = "fit") -> pd.DataFrame:
    """The same frame with these rows ended otherwise, nothing measured in them."""
    frame = frame.copy()
    frame.loc[rows, ["status", "message", "phase"]] = [status, message, phase]
    measured = ["accuracy", "accuracy_half_a", "accuracy_half_b", "train_s", "fit_s", "predict_s", "peak_bytes"]
    frame.loc[rows, measured] = np.nan
    return frame


def epochs(frame: pd.DataFrame, *, n_epochs: int = 12, validation: bool = True) -> pd.DataFrame:
    """Training histories of the deep trials: errors that fall to the trial's own, each optimizer at its pace."""
    rows = []
    for trial in frame[(frame["family"] == "deep") & (frame["status"] == "ok")].to_dict("records"):
        random = np.random.default_rng(zlib.crc32(str(trial["trial_id"]).encode()))
        pace = 1 + zlib.crc32(str(trial["optimizer"]).encode()) % 5
        for epoch in range(1, n_epochs + 1):
            error = (1 - trial["accuracy"]) + 0.8 * np.exp(-epoch / pace) * np.exp(0.05 * random.standard_normal())
            rows.append({
                "trial_id": trial["trial_id"], "dataset": trial["dataset"], "pipeline": trial["pipeline"],
                "model": trial["model"], "optimizer": trial["optimizer"], "n_train": trial["n_train"],
                "seed": trial["seed"], "epoch": epoch, "loss": 2.5 * error, "accuracy": 1 - error,
                "val_loss": 2.7 * error if validation else np.nan,
                "val_accuracy": 1 - error if validation else np.nan, "learning_rate": trial["learning_rate"],
                "seconds": trial["train_s"] * epoch / n_epochs,
            })  # fmt: skip
    return pd.DataFrame(rows)


OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamax", "nadam")

LIKE_MNIST = {
    "hog-svm": Planted("traditional", power(0.6, -0.42, 0.008), linear(0.05, 4e-4), linear(160, 0.01)),
    "pixels-rf": Planted("traditional", power(1.2, -0.40, 0.012), linear(0.2, 3e-4), linear(170, 0.015), "RF"),
    "mlp": Planted("deep", power(2.2, -0.46), linear(3.0, 8e-4), linear(600, 0.005), "mlp", "adam"),
    "cnn": Planted("deep", power(4.0, -0.60), linear(4.0, 4e-3), linear(680, 0.01), "cnn", "adam"),
}


def eighteen() -> dict[str, Planted]:
    """A CNN and VGG16, each under the nine optimizers, beside two traditional pipelines."""
    made = {name: LIKE_MNIST[name] for name in ("hog-svm", "pixels-rf")}
    for position, optimizer in enumerate(OPTIMIZERS):
        worse = 1 + 0.25 * position
        made[f"cnn/{optimizer}"] = Planted(
            "deep", power(3.0 * worse, -0.58), linear(4 + 0.1 * position, 4e-3), linear(650, 0.01), "cnn", optimizer
        )
        made[f"vgg16/{optimizer}"] = Planted(
            "deep", power(9.0 * worse, -0.70), linear(30 + position, 0.1), linear(1500, 0.02), "vgg16", optimizer
        )
    return made
