"""The phase `tune`: a pipeline's settings, chosen inside its training images by the same budget as every other's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.data.rows import Rows
from harness.features.build import build_features
from harness.models import accelerators
from harness.run.phases import Emit, Probes, measured, phase
from harness.run.record import plain
from harness.suite.plan import Trial
from harness.tuning import search, splits
from harness.tuning.settings import own_settings, space_of_pipeline, with_params

if TYPE_CHECKING:
    from harness.suite.model import Pipeline


class Split(NamedTuple):
    """Training images of a setting that is tried, as its classifier takes them, and those it is scored on."""

    x: NDArray[Any] | Rows
    y: NDArray[np.int64]
    x_held: NDArray[Any]
    y_held: NDArray[np.int64]


def tuned(
    trial: Trial, x: NDArray[np.uint8] | Rows, y: NDArray[np.int64], n_classes: int, emit: Emit, probe: Probes
) -> Trial:
    """Choose a trial's settings, and give the trial with them.

    Every setting is trained on one part of the training images and scored on the other (or in folds); the suite's own
    settings are the first. Features are not searched, so each split has them once. The test set is not seen. Where no
    class has a second image there is nothing to score on, and the trial keeps its settings.

    Parameters
    ----------
    trial
        With `tuning`.
    x, y
        Its training images and labels, uint8 and int64.
    n_classes
        Number of classes of the dataset.
    emit, probe
        As of `harness.run.phases.phase`; each tried setting is a `tuning` event.
    """
    assert trial.tuning is not None
    budget, spec = trial.tuning, trial.spec

    def tried(step: search.Step) -> None:
        values = {
            "candidate": step.number,
            "score": step.score,
            "best": step.best,
            "seconds": step.seconds,
            "cpu_seconds": step.cpu_seconds,
            "params": json.dumps(step.params),
            "message": step.message,
        }
        emit({"event": "tuning", "values": plain(values)})

    with phase("tune", emit, probe):
        pairs = cut(trial, y)
        if not pairs:
            emit(measured(tuning=str(budget), tuning_candidates=0))
            return trial
        parts = list(described(spec, trial.seed, pairs, x, y))

        def score(params: Mapping[str, Any]) -> float:
            candidate = trial.model_copy(update={"spec": with_params(spec, params)})
            return float(np.mean([accuracy(candidate, part, n_classes) for part in parts]))

        space = space_of_pipeline(spec)
        found = search.tune(score, space, budget, trial.seed, tried, own=own_settings(spec, space))
    emit(
        measured(
            tuning=str(budget),
            tuning_candidates=found.candidates,
            tuning_score=found.score,
            tuned_params=json.dumps(found.params),
        )
    )
    return trial.model_copy(update={"spec": with_params(spec, found.params)})


def cut(trial: Trial, y: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Indices to train on and to score on: one pair, or one for each fold; none where nothing can be held out."""
    assert trial.tuning is not None
    if trial.tuning.folds:
        return splits.folds(y, trial.tuning.folds, trial.seed)
    fitted, held = splits.holdout(y, trial.tuning.holdout, trial.seed)
    return [(fitted, held)] if len(held) else []


def described(
    spec: Pipeline,
    seed: int,
    pairs: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    x: NDArray[np.uint8] | Rows,
    y: NDArray[np.int64],
) -> Iterator[Split]:
    """Both parts of each split as a pipeline's classifier takes them: its features, fitted on the first part."""
    for fitted, held in pairs:
        if spec.features is None or isinstance(x, Rows):
            scored = x[held]
            yield Split(x[fitted], y[fitted], scored.read(slice(None)) if isinstance(scored, Rows) else scored, y[held])
            continue
        chain = build_features(spec.features, seed)
        yield Split(chain.fit_transform(x[fitted], y[fitted]), y[fitted], chain.transform(x[held]), y[held])


def accuracy(trial: Trial, part: Split, n_classes: int) -> float:
    """Accuracy on the held-out images of a trial's classifier, trained on the others."""
    if trial.spec.estimator is not None:
        accelerator = accelerators.resolve(trial.spec, trial.device)
        estimator = accelerators.build(trial.spec.estimator, trial.seed, "classifier", accelerator)
        estimator.fit(part.x, part.y)
        return float(np.mean(estimator.predict(part.x_held) == part.y_held))
    import keras

    from harness.models.network_classifier import NetworkClassifier

    # Keras keeps what it built for other settings, which would count as this trial's memory.
    keras.backend.clear_session(free_memory=True)
    classifier = NetworkClassifier.of(trial, n_classes).fit(part.x, part.y)
    return float(np.mean(classifier.predict(part.x_held) == part.y_held))
