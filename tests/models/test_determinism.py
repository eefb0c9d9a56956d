"""Same seed, same machine, same result, bit for bit: all code that any shipped suite runs, on all cores."""

from __future__ import annotations

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
from harness.suite.plan import Trial, matches
from harness.suite.variants import expanded

ROOT = Path(__file__).parents[2]
PLUGIN = str(Path(__file__).with_name("cut_digits.py"))
SCORES = ("accuracy", "accuracy_half_a", "balanced_accuracy", "f1_macro", "log_loss", "n_parameters", "model_bytes")


# Features and networks that draw, sample or keep a running state of their own.
DRAWS = ("patches", "bovw", "scattering", "embedding", "rbf", "lstm", "resnet", "autoencoder", "cnn", "mlp")
SHORT = {"epochs": 1, "min_steps": 0}


def cut(spec: Pipeline) -> Pipeline:
    """The same pipeline, trained for a moment."""
    train = spec.train and spec.train.model_copy(update=SHORT | {"batch_size": min(32, spec.train.batch_size)})
    features = [
        Part(name=part.name, params=part.params | {"train": (part.params.get("train") or {}) | SHORT})
        if "network" in part.params
        else part
        for part in spec.features or ()
    ]
    return spec.model_copy(update={"train": train, "features": features or None})


def trials_of(suite: Suite) -> list[Trial]:
    """One trial per pipeline, backend and accelerator on the CPU."""
    trials = []
    for name, pipeline in suite.pipelines.items():
        for label, spec, _ in expanded(name, pipeline):
            # A quadratic discriminant wants more images of each class than features, and here are ten.
            quadratic = spec.estimator is not None and "Quadratic" in spec.estimator.name
            if quadratic or unavailable(spec, "cpu"):
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
                    n_train=20 if large else 100,
                    seed=3,
                    backend=backend,
                )
                if not any(matches(trial, match) for match in suite.exclude):
                    trials.append(trial)
    return trials


def code_of(trial: Trial) -> set[str]:
    """What a trial runs that could differ from one time to the next: what draws random numbers, and what has threads.

    Features that learn nothing count as one, and so do networks of layers that others have; VGGs are one, as slow as
    they are.
    """
    spec, train = trial.spec, trial.train
    parts = [*(spec.features or ()), *(part for part in (spec.estimator, spec.network) if part)]
    if any(part.name.startswith("vgg") for part in networks_of(spec)):
        return {"vgg"}
    told = {
        f"{part.name if part.name.startswith('sklearn.') or part.name in DRAWS else 'other'} "
        f"{trial.backend} {spec.accelerator}"
        for part in parts
    }
    told |= {str(part.params.get("kind")) for part in parts} & {"variational", "denoising"}
    if trial.optimizer:
        told.add(f"{trial.backend} {train.precision} {train.jit_compile} {train.augment}")
        # The others are like these: a few lines of arithmetic on each weight by itself.
        told |= {trial.optimizer.name} & {"adam", "adafactor", "muon"}
    return told


def every_trial() -> list[Trial]:
    """Of all shipped pipelines those that run something that none before them does."""
    found: list[Trial] = []
    seen: set[str] = set()
    for path in sorted((ROOT / "suites").glob("*.yaml")):
        for trial in trials_of(load_suite(path).suite):
            if not (told := code_of(trial)) <= seen:
                seen |= told
                found.append(trial)
    return found


@pytest.mark.timeout(900)
def test_every_shipped_pipeline_gives_the_same_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The plug-in replaces these, in trials' processes for good, in this one until the test is over.
    for name in ("latency", "throughput"):
        monkeypatch.setattr(serving, name, getattr(serving, name))
    load_plugin(PLUGIN)
    trials = every_trial()
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
