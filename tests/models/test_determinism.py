"""Same seed, same machine, same result, bit for bit: every pipeline of every shipped suite, on all cores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.measure import serving
from harness.measure.environment import usable_cores
from harness.models.accelerators import installed, unavailable
from harness.models.networks.vgg import missing_weights
from harness.registry import load_plugin
from harness.run.executor import LocalExecutor
from harness.suite.load import load_suite
from harness.suite.model import Part, Pipeline, Suite
from harness.suite.parts import networks_of
from harness.suite.plan import Trial, matches, pipeline_names

ROOT = Path(__file__).parents[2]
PLUGIN = str(Path(__file__).with_name("cut_digits.py"))
SCORES = ("accuracy", "accuracy_half_a", "balanced_accuracy", "f1_macro", "log_loss", "n_parameters", "model_bytes")


def cut(spec: Pipeline) -> Pipeline:
    """The same pipeline, trained for a moment."""
    values = spec.model_dump(exclude_unset=True)
    inner = [part["params"] for part in values.get("features") or () if "network" in part["params"]]
    for holder in (values, *inner):
        train = holder.get("train") or {}
        if train or holder.get("network"):
            holder["train"] = train | {"epochs": 1, "min_steps": 0, "batch_size": min(32, train.get("batch_size", 32))}
    return Pipeline.model_validate(values)


def trials_of(suite: Suite) -> list[Trial]:
    """One trial per pipeline, backend and accelerator on the CPU."""
    trials = []
    for name, pipeline in suite.pipelines.items():
        for label, spec in pipeline_names(name, pipeline):
            if unavailable(spec, "cpu"):
                continue
            networks = networks_of(spec)
            if any(missing_weights(part.name, part.params) for part in networks):
                continue
            large = any(part.name.startswith("vgg") for part in networks)
            for backend in suite.backends if networks else [None]:
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
    """Equal for trials that run the same code: with other learning rates, and of VGGs with anything but their norm."""
    network, optimizer = trial.spec.network, trial.optimizer
    if network is None or optimizer is None:
        return trial.id
    large = network.name.startswith("vgg")
    told = [network.name, str("batch_norm" in network.params)] if large else [str(network), str(trial.spec.features)]
    if not large:
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
    assert {trial.family for trial in trials} == {"traditional", "hybrid", "deep"}
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
