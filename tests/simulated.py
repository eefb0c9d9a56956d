"""Runs of any number of trials that end at once: what is left is the cost of keeping their books."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from rich.console import Console

from harness.run.columns import PHASES, REAL, TRIAL_COLUMNS, WHOLE
from harness.run.executor import NOTHING, Executor, Watch
from harness.run.folder import RunFolder
from harness.run.progress import ProgressDisplay
from harness.run.record import Record
from harness.run.runner import Summary, run_suite
from harness.suite.load import LoadedSuite, parse_suite
from harness.suite.plan import Trial

SIZES = 10
PIPELINES = ("nb", "forest", "cnn/adam", "cnn/sgd")
N_EPOCHS = 5


def suite(n_trials: int) -> LoadedSuite:
    """A suite of that many trials: 4 pipelines (2 of them networks), 10 sizes, as many seeds as it takes."""
    seeds, rest = divmod(n_trials, SIZES * len(PIPELINES))
    assert not rest
    text = f"""\
suite: simulated
datasets: digits
sizes: [{", ".join(str(100 * (1 + i)) for i in range(SIZES))}]
seeds: {seeds}
limits: {{time: 1h, memory: 8GiB}}
pipelines:
  nb: {{features: [pixels, {{pca: {{n_components: 20}}}}], estimator: sklearn.naive_bayes.GaussianNB}}
  forest:
    features: [{{hog: {{pixels_per_cell: 4}}}}]
    estimator: {{sklearn.ensemble.RandomForestClassifier: {{n_estimators: 50}}}}
  cnn:
    network: {{cnn: {{depth: 2}}}}
    optimizer: [adam, {{sgd: {{learning_rate: 0.1}}}}]
    train: {{epochs: {N_EPOCHS}}}
"""
    return LoadedSuite(parse_suite(text, "simulated.yaml"), text)


def record(trial: Trial) -> Record:
    """What a trial might have measured: every number of the table, and epochs where it has a network."""
    made = Record(trial, f"logs/{trial.id}.log")
    measured: dict[str, Any] = {}
    for place, (name, kind) in enumerate(TRIAL_COLUMNS.items()):
        if name not in made.row and name not in ("timing_valid", "suite", "train_s", "peak_bytes"):
            if kind == REAL:
                measured[name] = 0.1 + place / 997 + trial.seed * 1e-7
            elif kind == WHOLE:
                measured[name] = 2**28 + 4096 * place + trial.seed
    measured |= {
        "accuracy": 0.9,
        "started_at": "2026-01-01T00:00:00.000+00:00",
        "machine": "simulate",
        "device_used": "cpu",
    }
    measured |= {f"{phase}_s": trial.n_train * 1e-4 for phase in PHASES}
    measured |= {"tune_s": 0.0, "total_s": trial.n_train * 6e-4}
    made.row |= {**measured, "status": "ok"}
    if trial.spec.network:
        values = {"loss": 0.123456789, "accuracy": 0.987654321, "learning_rate": 0.001, "seconds": 0.01234567}
        made.epochs = [{"epoch": 1 + epoch, **values} for epoch in range(N_EPOCHS)]
    return made


class PowerCutError(Exception):
    """The run ends here, with no time to do anything more."""


class Simulator:
    """An executor whose trials end at once; after `stop_after` of them it is as if the power failed."""

    machines = footprints = NOTHING

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after = stop_after
        self.ran = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def prepare(self, trials: Sequence[Trial], logs: Path) -> None:
        pass

    def run(self, trials: Iterable[Trial], logs: Path, watch: Watch) -> Iterator[tuple[Trial, Record]]:
        for trial in trials:
            if self.ran == self.stop_after:
                raise PowerCutError
            watch.started(trial)
            self.ran += 1
            yield trial, record(trial)


def carry_out(loaded: LoadedSuite, folder: Path, make: Callable[[], Executor]) -> Summary:
    """Run it, with nobody watching."""

    class Void(io.TextIOBase):
        def write(self, text: str) -> int:
            return len(text)

    progress = ProgressDisplay(Console(file=Void()))  # type: ignore[arg-type]
    return run_suite(loaded, RunFolder(folder), make, home=None, progress=progress)
