"""Same seed, same machine, same result, bit for bit: every pipeline of every shipped suite, on all cores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.measure import serving
from harness.measure.environment import usable_cores
from harness.models.accelerators import installed, unavailable
from harness.registry import load_plugin
from harness.run.executor import LocalExecutor
from harness.suite.load import load_suite
from harness.suite.model import Part, Pipeline, Suite
from harness.suite.plan import Trial, matches, pipeline_names

ROOT = Path(__file__).parents[2]
PLUGIN = str(Path(__file__).with_name("cut_digits.py"))
SCORES = ("accuracy", "accuracy_half_a", "balanced_accuracy", "f1_macro", "log_loss", "n_parameters", "model_bytes")


def cut(spec: Pipeline) -> Pipeline:
    """The same pipeline, trained for a moment."""
    if spec.train is None:
        return spec
    short = {"epochs": 1, "min_steps": 0, "batch_size": min(32, spec.train.batch_size)}
    return spec.model_copy(update={"train": spec.train.model_copy(update=short)})


def trials_of(suite: Suite) -> list[Trial]:
    """One trial per pipeline, backend and accelerator on the CPU."""
    trials = []
    for name, pipeline in suite.pipelines.items():
        for label, spec in pipeline_names(name, pipeline):
            if unavailable(spec, "cpu"):
                continue
            deep = spec.network is not None
            large = deep and spec.network is not None and spec.network.name == "vgg16"
            for backend in suite.backends if deep else [None]:
                if backend and not installed(backend):
                    continue
                trial = Trial(
                    dataset=Part(name="cut_digits"),
                    pipeline=label,
                    spec=cut(spec),
                    n_train=20 if large else 200,
                    seed=3,
                    backend=backend,
                )
                if not any(matches(trial, match) for match in suite.exclude):
                    trials.append(trial)
    return trials


def sort_of(trial: Trial) -> str:
    """Equal for trials that run the same code: with other learning rates, and of VGG16 with other optimizers too."""
    network, optimizer = trial.spec.network, trial.optimizer
    if network is None or optimizer is None:
        return trial.id
    told = [str(network)]
    if network.name != "vgg16":
        told += [optimizer.name, trial.train.model_dump_json(), str(trial.backend)]
    return json.dumps(told)


def every_trial() -> dict[str, Trial]:
    """All shipped pipelines, each sort once."""
    found: dict[str, Trial] = {}
    for path in sorted((ROOT / "suites").glob("*.yaml")):
        for trial in trials_of(load_suite(path).suite):
            found.setdefault(sort_of(trial), trial)
    return found


def test_every_shipped_pipeline_gives_the_same_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The plug-in replaces these, in trials' processes for good, in this one until the test is over.
    for name in ("latency", "throughput"):
        monkeypatch.setattr(serving, name, getattr(serving, name))
    load_plugin(PLUGIN)
    trials = list(every_trial().values())
    assert {trial.family for trial in trials} == {"traditional", "deep"}
    rows: list[list[dict[str, Any]]] = []
    with LocalExecutor(None, [PLUGIN]) as executor:
        executor.prepare(trials, tmp_path)
        for again in range(2):
            log = tmp_path / str(again)
            log.mkdir()
            rows.append([executor.run_one(trial, log / f"{trial.id}.log", lambda event: None).row for trial in trials])
    different = []
    for trial, first, second in zip(trials, *rows, strict=True):
        label = f"{trial.pipeline} ({trial.backend or trial.spec.accelerator or 'sklearn'})"
        for row in (first, second):
            assert row["status"] in ("ok", "diverged"), f"{label}: {row['message']}"
        assert first["threads"] == usable_cores()
        told = {name: (first[name], second[name]) for name in SCORES if first.get(name) != second.get(name)}
        if told:
            different.append(f"{label}: {told}")
    assert not different, "\n".join(different)
