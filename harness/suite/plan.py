"""A suite expanded into trials: who runs on what, at which size and seed."""

from __future__ import annotations

import hashlib
import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

from harness.suite.model import (
    COMPARISON,
    Backend,
    Device,
    Limits,
    Match,
    Model,
    Part,
    PartSpec,
    Pipeline,
    Suite,
    TrainSpec,
    Tuning,
)
from harness.suite.parts import needs_keras
from harness.suite.variants import NOWHERE, Origin, expanded

# Raised when the meaning of a trial's settings changes, so that rows made before are not taken for current ones.
TRIAL_FORMAT = 1

COMPARE: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Trial(Model):
    """One pipeline on one dataset at one training size, seed, device and backend."""

    dataset: PartSpec
    pipeline: str
    spec: Pipeline
    n_train: int
    seed: int
    repeat: int = 0
    device: Device = "cpu"
    backend: Backend | None = None
    threads: int | None = None
    limits: Limits = Limits()
    full: bool = False
    tuning: Tuning | None = None
    origin: Origin = NOWHERE

    @cached_property
    def id(self) -> str:
        """A hash of what decides the result; names and limits do not."""
        decisive = self.model_dump(mode="json", include={"dataset", "n_train", "seed", "device", "backend", "threads"})
        decisive["spec"] = self.spec.plain
        if self.repeat:
            decisive["repeat"] = self.repeat
        if self.tuning:
            decisive["tuning"] = self.tuning.model_dump(mode="json", exclude_none=True)
        decisive["format"] = TRIAL_FORMAT
        text = json.dumps(decisive, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def family(self) -> str:
        """`traditional`, `deep`, or `hybrid`: features before a network, or a network's before an estimator."""
        if self.spec.network:
            return "hybrid" if self.spec.features else "deep"
        return "hybrid" if self.backend else "traditional"

    @property
    def optimizer(self) -> Part | None:
        """The network's optimizer; adam where the suite names none."""
        return self.spec.chosen_optimizer

    @property
    def train(self) -> TrainSpec:
        """The network's training settings."""
        return self.spec.train or TrainSpec()

    def identity(self) -> dict[str, Any]:
        """The columns of a row that are known before the trial runs."""
        model = self.spec.network or self.spec.estimator
        assert model is not None
        return {
            "trial_id": self.id,
            "dataset": self.dataset.label,
            "pipeline": self.pipeline,
            "family": self.family,
            "features": " > ".join(part.name.rpartition(".")[2] for part in self.spec.features)
            if self.spec.features
            else None,
            "model": model.name.rpartition(".")[2],
            "optimizer": self.optimizer.name if self.optimizer else None,
            "n_train": self.n_train,
            "seed": self.seed,
            "repeat": self.repeat,
            "device": self.device,
            "backend": self.backend or "sklearn",
            **self.spec.compared,
            **self.origin._asdict(),
        }


class Variant(NamedTuple):
    """A pipeline as its trials run it: one optimizer, one accelerator, tuned or as the suite has it."""

    spec: Pipeline
    tuning: Tuning | None = None
    origin: Origin = NOWHERE


TUNED = "tuned"


def variants(suite: Suite) -> dict[str, Variant]:
    """Everything that the pipelines of a suite stand for, by name.

    With `tuning`, each comes twice: with the suite's own settings, and as `NAME/tuned`. Of an ablation, the tuned ones
    are one of their own; to a series they do not belong, since tuning may choose the parameter that is varied.
    """
    found = {}
    for name, pipeline in suite.pipelines.items():
        for label, spec, origin in expanded(name, pipeline):
            found[label] = Variant(_unsearched(spec), origin=origin)
            if suite.tuning:
                ablation = origin.ablation and f"{origin.ablation}/{TUNED}"
                tuned = origin._replace(series=None, series_value=None, ablation=ablation)
                found[f"{label}/{TUNED}"] = Variant(spec, suite.tuning, tuned)
    return found


def _unsearched(spec: Pipeline) -> Pipeline:
    """The same pipeline without `search`: what would be tried decides nothing where nothing is."""
    if spec.search is None:
        return spec
    # Made anew: a copy would keep `plain`, where that was asked for already.
    return Pipeline.model_validate({name: getattr(spec, name) for name in spec.model_fields_set - {"search"}})


def expand(suite: Suite, n_available: Callable[[Part], int]) -> list[Trial]:
    """All trials of a suite, in the order in which they run.

    Seeds are outermost and pipelines innermost: a run that is cut short has whole curves of its first seeds, and the
    pipelines that are compared run interleaved, their repeats too (A B A B), so that a drift of the machine hits all
    alike.

    Parameters
    ----------
    suite
        The suite.
    n_available
        Number of training images of a dataset; what `full` stands for.
    """
    pipelines = variants(suite)
    with_keras = {name: needs_keras(variant.spec) for name, variant in pipelines.items()}
    datasets = {part.label: part for part in suite.datasets}
    available = {name: n_available(part) for name, part in datasets.items()}

    fields = set(Trial.model_fields)

    def grid(axes: Mapping[str, Sequence[Any]]) -> Iterator[Trial]:
        keys = ("seeds", "sizes", "dataset", "repeats", "pipeline", "devices", "backends")
        for seed, size, dataset, repeat, pipeline, device, backend in product(*(axes[key] for key in keys)):
            spec, tuning, origin = pipelines[pipeline]
            full = size == "full" or size == available[dataset]
            # Of values that the suite has checked already, and one set of names for all: half the memory of a plan.
            yield Trial.model_construct(
                _fields_set=fields,
                dataset=datasets[dataset],
                pipeline=pipeline,
                spec=spec,
                n_train=available[dataset] if full else size,
                seed=seed,
                repeat=repeat,
                device=device,
                backend=backend if with_keras[pipeline] else None,
                threads=suite.threads,
                limits=suite.limits,
                full=full,
                tuning=tuning,
                origin=origin,
            )

    everything: dict[str, Sequence[Any]] = {
        "seeds": suite.seeds,
        "sizes": suite.sizes,
        "dataset": list(datasets),
        "repeats": range(suite.repeats),
        "pipeline": list(pipelines),
        "devices": suite.devices,
        "backends": suite.backends,
    }
    trials = [trial for trial in grid(everything) if not any(matches(trial, match) for match in suite.exclude)]
    for addition in suite.include:
        axes = everything | addition.model_dump(include={"sizes", "seeds", "devices", "backends"}, exclude_none=True)
        axes["pipeline"] = _named(pipelines, addition.pipeline)
        axes["dataset"] = _named(datasets, addition.dataset or ["*"])
        trials += grid(axes)
    unique = {trial.id: trial for trial in reversed(trials)}
    order = {name: position for position, name in enumerate(pipelines)}
    places = {name: position for position, name in enumerate(datasets)}
    return sorted(
        unique.values(),
        key=lambda t: (
            t.seed,
            t.n_train,
            places[t.dataset.label],
            t.repeat,
            order[t.pipeline],
            t.device,
            t.backend or "",
        ),
    )


def _named(names: Iterable[str], patterns: Sequence[str]) -> list[str]:
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def matches(trial: Trial, match: Match) -> bool:
    """Whether every key of the pattern fits the trial."""
    named = {"pipeline": trial.pipeline, "dataset": trial.dataset.label}
    for key, value in named.items():
        patterns = getattr(match, key)
        if patterns is not None and not any(fnmatchcase(value, pattern) for pattern in patterns):
            return False
    if match.size is not None and not any(_size_fits(trial, size) for size in match.size):
        return False
    return all(
        getattr(match, key) is None or getattr(trial, key) in getattr(match, key)
        for key in ("seed", "device", "backend")
    )


def _size_fits(trial: Trial, size: int | str) -> bool:
    if isinstance(size, int):
        return trial.n_train == size
    if comparison := COMPARISON.match(size):
        return COMPARE[comparison[1]](trial.n_train, int(comparison[2]))
    return trial.full


def parse_only(text: str) -> Match:
    """`hog*`, `size=100`, `pipeline=cnn,seed=0` as a pattern.

    Raises
    ------
    ValueError
        If a key is unknown or a value does not fit it.
    """
    entry: dict[str, Any] = {}
    for item in text.split(","):
        key, equals, value = item.partition("=") if not item.startswith(("size<", "size>")) else ("size", "=", item[4:])
        key, value = (key.strip(), value.strip()) if equals else ("pipeline", item.strip())
        entry.setdefault(key, []).append(int(value) if re.fullmatch("[0-9]{1,18}", value) else value)
    return Match.model_validate(entry)
