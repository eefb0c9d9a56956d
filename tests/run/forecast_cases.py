"""Trials and rows whose costs are known, for the tests of the forecast."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from harness.measure.environment import machine
from harness.run.columns import OWN_PHASES
from harness.run.folder import RunFolder
from harness.run.journal import Entry, encode
from harness.run.runner import plan_trials
from harness.suite.load import parse_suite
from harness.suite.model import Limits, Part, Pipeline
from harness.suite.plan import Trial

SUITE = """\
suite: earlier
datasets: digits
sizes: [100, 300]
seeds: 2
pipelines:
  svm: {features: pixels, estimator: sklearn.svm.SVC}
  cnn: {network: cnn, optimizer: [adam, sgd], train: {epochs: 2}}
"""
MIB = 2**20
SVC = Pipeline.model_validate({"features": "pixels", "estimator": "sklearn.svm.SVC"})
FOREST = Pipeline.model_validate({"features": "pixels", "estimator": "sklearn.ensemble.RandomForestClassifier"})


def network(optimizer: str = "adam", **train: Any) -> Pipeline:
    return Pipeline.model_validate({"network": "cnn", "optimizer": optimizer, "train": train})


def trial(n_train: int, spec: Pipeline = SVC, *, seed: int = 0, dataset: str = "digits", **limits: Any) -> Trial:
    limited = Limits.model_validate(limits)
    return Trial(
        dataset=Part(name=dataset),
        pipeline=(spec.network or spec.estimator or Part(name="none")).name.rpartition(".")[2],
        spec=spec,
        n_train=n_train,
        seed=seed,
        backend="tensorflow" if spec.network else None,
        limits=limited,
    )


def row(of: Trial, fit_s: float, *, other_s: float = 0.0, peak: int = 100 * MIB, **changes: Any) -> dict[str, Any]:
    """What an untuned trial that ended well measured: `fit_s` to fit, `other_s` for each of the other phases."""
    seconds = {f"{phase}_s": other_s for phase in OWN_PHASES if phase != "tune"} | {"fit_s": fit_s}
    measured = {**seconds, "total_s": sum(seconds.values()), "peak_bytes": peak, "base_bytes": peak // 2}
    return of.identity() | {"status": "ok", "phase": None, "machine": "here"} | measured | changes


def planned(text: str = SUITE) -> list[Trial]:
    return plan_trials(parse_suite(text, "suite.yaml"), None)[0]


def earlier(
    path: Path, seconds: float = 1.0, *, age: float = 0.0, text: str = SUITE, table: bool = False, **changes: Any
) -> None:
    """A run of a suite, whose trials took so long per 100 images; `age` in seconds."""
    path.mkdir(parents=True)
    folder = RunFolder(path)
    folder.suite.write_text(text)
    rows: list[Mapping[str, Any]] = [
        row(one, seconds * one.n_train / 100, machine=machine()) | changes for one in planned(text)
    ]
    if table:
        pd.DataFrame(rows).to_parquet(folder.trials)
        file = folder.trials
    else:
        folder.journal.write_bytes(b"".join(encode(Entry(dict(each), [])) for each in rows))
        file = folder.journal
    stamp = file.stat().st_mtime - age
    os.utime(file, (stamp, stamp))
