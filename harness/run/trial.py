"""One trial, from loading its images to its scores, in the process that calls `run_trial`."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import joblib
import numpy as np
import numpy.typing as npt
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss

from harness import registry, sklearn_parts
from harness.data.subsets import training_subset
from harness.errors import DivergedError, HarnessError, TrialError
from harness.features.build import build_features
from harness.measure import memory
from harness.measure.devices import device_of
from harness.measure.environment import usable_cores
from harness.models.estimators import n_parameters
from harness.run.columns import PHASES
from harness.run.record import Event, plain
from harness.suite.plan import Trial

Emit: TypeAlias = Callable[[Event], None]
Images: TypeAlias = npt.NDArray[np.uint8]
Labels: TypeAlias = npt.NDArray[np.int64]
Probabilities: TypeAlias = npt.NDArray[np.floating[Any]]


def run_trial(trial: Trial, home: Path | None, emit: Emit) -> None:
    """Carry out one trial and report everything measured through `emit`.

    Whatever goes wrong inside is reported as the trial's end (`failed`, `diverged`, `oom`, `oom_gpu`), with the
    traceback on standard error, which is the trial's log.

    Parameters
    ----------
    trial
        What to run.
    home
        The data home.
    emit
        Called with each event; see `harness.run.record.Record`.
    """
    method = memory.reset_peak()
    emit(
        measured(
            started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            threads=trial.threads or usable_cores(),
            base_bytes=memory.read().rss,
            memory_method=method,
        )
    )
    try:
        # Said by name: without it joblib gives a forest, which asks for shared memory, one thread.
        with joblib.parallel_config(backend="threading", n_jobs=trial.threads or usable_cores()):
            _phases(trial, home, emit)
    except DivergedError as error:
        traceback.print_exc()
        emit({"event": "end", "status": "diverged", "message": str(error)})
    except MemoryError as error:
        traceback.print_exc()
        emit({"event": "end", "status": "oom", "message": f"out of memory: {error}".rstrip(": ")})
    except HarnessError as error:
        traceback.print_exc()
        emit({"event": "end", "status": "failed", "message": str(error)})
    except Exception as error:  # noqa: BLE001  (a library's failure is this trial's result, and its log has the rest)
        traceback.print_exc()
        emit(
            {
                "event": "end",
                "status": failure_status(error, trial.device),
                "message": f"{type(error).__name__}: {error}",
            }
        )
    else:
        emit({"event": "end", "status": "ok"})


def failure_status(error: BaseException, device: str) -> str:
    """Tell an allocation failure of any backend (each has a class of its own) from other failures."""
    words = f"{type(error).__name__} {error}".lower()
    exhausted = "resourceexhausted" in words or "resource_exhausted" in words or "outofmemory" in words
    if not exhausted:
        return "failed"
    return "oom_gpu" if device == "gpu" else "oom"


def measured(**values: Any) -> Event:
    """An event that sets columns of the row."""
    return {"event": "measured", "values": plain(values)}


@contextmanager
def phase(name: str, emit: Emit) -> Iterator[None]:
    """Measure one phase: wall and CPU seconds of this process, and its exact peak memory."""
    assert name in PHASES
    emit({"event": "phase", "phase": name})
    memory.reset_peak()
    before = memory.read().rss
    cpu = time.process_time()
    wall = time.perf_counter()
    yield
    wall = time.perf_counter() - wall
    cpu = time.process_time() - cpu
    peak = memory.read().peak
    emit(
        measured(
            **{
                f"{name}_s": wall,
                f"{name}_cpu_s": cpu,
                f"{name}_peak_bytes": peak,
                f"{name}_added_bytes": max(0, peak - before),
            }
        )
    )


def _phases(trial: Trial, home: Path | None, emit: Emit) -> None:
    dataset = registry.build("datasets", trial.dataset.name, trial.dataset.params)
    with phase("load", emit):
        data = dataset.load(home)
        # Sorted, so that the images are read in file order; the network shuffles, the estimators do not mind.
        chosen = np.sort(training_subset(data.y_train, trial.n_train, trial.seed))
        x, y = np.ascontiguousarray(data.x_train[chosen]), np.asarray(data.y_train[chosen])
        x_test, y_test = np.ascontiguousarray(data.x_test), np.asarray(data.y_test)
    n_classes = len(data.class_names)
    outcome = (_network if trial.spec.network else _traditional)(trial, x, y, x_test, n_classes, emit)
    with phase("evaluate", emit):
        scores = evaluate(y_test, outcome.predicted, outcome.probabilities(), n_classes)
    emit(measured(**scores))


class Outcome(NamedTuple):
    """Predicted classes (n,), and a way to ask for probabilities (n, n_classes), None where a model has none."""

    predicted: Labels
    probabilities: Callable[[], Probabilities | None]


def _traditional(trial: Trial, x: Images, y: Labels, x_test: Images, n_classes: int, emit: Emit) -> Outcome:
    assert trial.spec.estimator is not None
    features = build_features(trial.spec.features or [], trial.seed)
    estimator = sklearn_parts.build(trial.spec.estimator.name, trial.spec.estimator.params, trial.seed, "classifier")
    with phase("features", emit):
        matrix = features.fit_transform(x, y)
    emit(measured(n_features=int(matrix.shape[1])))
    with phase("fit", emit):
        estimator.fit(matrix, y)
    emit(measured(n_parameters=n_parameters(estimator), device_used="cpu"))
    with phase("predict", emit):
        test_matrix = features.transform(x_test)
        predicted = estimator.predict(test_matrix)

    def probabilities() -> Probabilities | None:
        # Asked for after the predict phase, whose time is what a user of the classifier pays.
        if not hasattr(estimator, "predict_proba"):
            return None
        known = estimator.predict_proba(test_matrix)
        every = np.zeros((len(known), n_classes), known.dtype)
        every[:, estimator.classes_] = known
        return every

    return Outcome(predicted, probabilities)


def _network(trial: Trial, x: Images, y: Labels, x_test: Images, n_classes: int, emit: Emit) -> Outcome:
    import keras

    from harness.models.network_classifier import NetworkClassifier

    assert trial.spec.network is not None
    assert trial.optimizer is not None
    if keras.backend.backend() != trial.backend:
        raise TrialError(
            f"asked for the backend {trial.backend}, but Keras was imported with {keras.backend.backend()}"
        )
    classifier = NetworkClassifier(
        network=trial.spec.network,
        optimizer=trial.optimizer,
        train=trial.train,
        n_classes=n_classes,
        seed=trial.seed,
        on_epoch=lambda values: emit({"event": "epoch", "values": plain(values)}),
    )
    with phase("fit", emit):
        classifier.fit(x, y)
    used = device_of(classifier.model_)
    emit(
        measured(
            build_s=classifier.build_s_,
            first_step_s=classifier.first_step_s_,
            n_parameters=classifier.n_parameters_,
            n_features=int(np.prod(x.shape[1:])),
            learning_rate=classifier.learning_rate_,
            epochs=len(classifier.epochs_),
            device_used=used,
        )
    )
    if used != trial.device:
        raise TrialError(f"asked for {trial.device}, but {trial.backend} put the network on {used}")
    with phase("predict", emit):
        probabilities = classifier.predict_proba(x_test)
    return Outcome(probabilities.argmax(axis=1), lambda: probabilities)


def evaluate(y: Labels, predicted: Labels, probabilities: Probabilities | None, n_classes: int) -> dict[str, Any]:
    """Scores on the test set.

    Parameters
    ----------
    y, predicted : int arrays of shape (n,)
        True and predicted classes, 0 to n_classes - 1.
    probabilities : float array of shape (n, n_classes), or None
        Predicted probabilities; without them there is no log loss.
    n_classes
        Number of classes of the dataset.

    Returns
    -------
    dict
        Columns of the row. `accuracy_half_a` and `accuracy_half_b` are over the images of even and odd index: a
        pipeline can be chosen on one half and scored on the other.
    """
    hit = predicted == y
    labels = np.arange(n_classes)
    return {
        "accuracy": float(hit.mean()),
        "accuracy_half_a": float(hit[::2].mean()),
        "accuracy_half_b": float(hit[1::2].mean()),
        "balanced_accuracy": float(balanced_accuracy_score(y, predicted)),
        "f1_macro": float(f1_score(y, predicted, average="macro", labels=labels, zero_division=0)),
        "log_loss": float("nan") if probabilities is None else float(log_loss(y, probabilities, labels=labels)),
        "n_test": len(y),
    }
