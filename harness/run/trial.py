"""One trial, from loading its images to its scores, in the process that calls `run_trial`."""

from __future__ import annotations

import errno
import math
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss

from harness.data.build import dataset
from harness.data.rows import STREAM_BYTES, Rows, gathered
from harness.data.subsets import training_subset
from harness.errors import DivergedError, HarnessError, TrialError
from harness.hits import MAX_IMAGES, pack
from harness.measure import devices, memory, serving
from harness.measure.environment import usable_cores
from harness.models import accelerators
from harness.models.estimators import n_parameters, n_support
from harness.models.size import pickled_bytes
from harness.run.explaining import Explainable, explained
from harness.run.feature_cache import Extractor
from harness.run.phases import Charge, Emit, Probes, measured, phase, probes
from harness.run.record import TEXT_LENGTH, Event, now, plain
from harness.suite.plan import Trial

if TYPE_CHECKING:
    from harness.models.network_classifier import NetworkClassifier

Images: TypeAlias = NDArray[np.uint8]
Labels: TypeAlias = NDArray[np.int64]
Probabilities: TypeAlias = NDArray[np.floating[Any]]

SERVED_IMAGES = 1000


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
            started_at=now(),
            threads=trial.threads or usable_cores(),
            base_bytes=memory.read().rss,
            memory_method=method,
        )
    )
    try:
        # Said by name: without it joblib gives a forest, which asks for shared memory, one thread.
        with joblib.parallel_config(backend="threading", n_jobs=trial.threads or usable_cores()):
            _phases(trial, home, emit)
    except BaseException as error:  # A library's failure, or its sys.exit, is this trial's result.
        traceback.print_exc()
        status = failure_status(error, trial.device)
        emit(
            {
                "event": "end",
                "status": status,
                "message": failure_message(error),
                "error_type": type(error).__name__,
            }
        )
        if isinstance(error, KeyboardInterrupt):
            raise
    else:
        emit({"event": "end", "status": "ok"})


def failure_status(error: BaseException, device: str) -> str:
    """`diverged`, `oom`, `oom_gpu` or `failed`; each backend has errors of its own for memory that runs out.

    NumPy's ArrayMemoryError and RAPIDS's are MemoryErrors, CuPy's and PyTorch's OutOfMemoryErrors; XLA says
    RESOURCE_EXHAUSTED, TensorFlow ResourceExhausted; PyTorch's CPU allocator raises a RuntimeError, C++ bad_alloc, the
    system ENOMEM.
    """
    if isinstance(error, DivergedError):
        return "diverged"
    words = f"{type(error).__name__} {said(error)}".lower()
    on_gpu = device == "gpu" and not (isinstance(error, MemoryError) and "cuda" not in words)
    exhausted = (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or any(word in words for word in ("resourceexhausted", "resource_exhausted", "outofmemory", "bad_alloc"))
        or ("defaultcpuallocator" in words and "memory" in words)
    )
    if not exhausted:
        return "failed"
    return "oom_gpu" if on_gpu else "oom"


def failure_message(error: BaseException) -> str:
    """An error in words: the harness's own say it all, others need their class, which may be all they have."""
    if isinstance(error, HarnessError):
        return said(error)
    if isinstance(error, MemoryError):
        return f"out of memory: {said(error)}".rstrip(": ")
    return f"{type(error).__name__}: {said(error)}".rstrip(": ")


def said(error: BaseException) -> str:
    """An error's own words, the first of them where there are very many."""
    try:
        return str(error)[:TEXT_LENGTH]
    except Exception as unspeakable:  # noqa: BLE001  (its `__str__` can do anything)
        return f"(its message cannot be shown: {type(unspeakable).__name__})"


def _phases(trial: Trial, home: Path | None, emit: Emit) -> None:
    source = dataset(trial.dataset)
    accelerator = accelerators.resolve(trial.spec, trial.device)
    probe = probes(trial.backend or ("torch" if accelerator == "array_api" else None), trial.device)
    if probe.idle_w is not None:
        emit(measured(idle_w=probe.idle_w, energy_source=probe.energy_source))
    # Without probes: asking a backend anything would start the device, which belongs to the fit.
    with phase("load", emit):
        data = source.load(home)
        # Sorted, so that the images are read in file order; the network shuffles, the estimators do not mind.
        chosen = np.sort(training_subset(data.y_train, trial.n_train, trial.seed))
        y = np.asarray(data.y_train[chosen])
        x = subset(data.x_train, chosen, streamed=trial.spec.network is not None and trial.spec.features is None)
        x_test, y_test = np.ascontiguousarray(data.x_test), np.asarray(data.y_test)
    for note in data.notes:
        print(f"{data.name}: {note}")
    n_classes = len(data.class_names)
    if trial.backend:
        ready(trial.backend, trial.threads or usable_cores())
    if trial.tuning:
        # Here, since others do without Optuna.
        from harness.run.tune import tuned

        trial = tuned(trial, x, y, n_classes, emit, probe)
    if isinstance(x, Rows) or trial.spec.network:
        outcome = _network(trial, x, y, x_test, n_classes, emit, probe)
    else:
        outcome = _traditional(trial, x, y, x_test, n_classes, emit, probe)
    with phase("evaluate", emit, probe):
        scores = evaluate(y_test, outcome.predicted, outcome.probabilities(), n_classes)
    emit(measured(**scores))
    with phase("serve", emit, probe):
        emit(measured(model_bytes=outcome.model_bytes()))
        images = x_test[:SERVED_IMAGES]
        predict = outcome.serve()
        single = serving.latency(predict, images)
        emit(
            measured(
                latency_p50_s=single.p50_s,
                latency_p95_s=single.p95_s,
                latency_p99_s=single.p99_s,
                latency_calls=single.calls,
                throughput=serving.throughput(predict, images, outcome.batch_size),
            )
        )
    if outcome.explainable and trial.spec.explain:
        assert not isinstance(x, Rows)
        with phase("explain", emit, probe):
            explained(trial, outcome.explainable, x, y, x_test, y_test, emit)
    if trial.device == "gpu":
        devices.reset_gpu_peak(probe.backend)


class Outcome(NamedTuple):
    """A fitted pipeline's predictions on the test set, and what else can be asked of it."""

    predicted: Labels
    """Classes, shape (n,)."""
    probabilities: Callable[[], Probabilities | None]
    """Shape (n, n_classes); None where a model has none."""
    serve: Callable[[], Callable[[Images], Labels]]
    """Gives the whole pipeline, from images to labels, as it would be served."""
    batch_size: int
    """Of a large batch."""
    model_bytes: Callable[[], int | None]
    """Size of the serialised pipeline."""
    explainable: Explainable | None = None
    """The pieces of a pipeline with an estimator."""


def subset(images: Images, chosen: NDArray[np.int64], *, streamed: bool) -> Images | Rows:
    """Some images, in memory; those for a network alone stay in their file where they would take much of it."""
    if streamed and len(chosen) * math.prod(images.shape[1:]) > STREAM_BYTES:
        return Rows(images, chosen)
    return gathered(images, chosen)


def ready(backend: str, threads: int) -> None:
    """Make sure that Keras computes with a backend, on so many threads.

    Raises
    ------
    TrialError
        If it was imported with another one.
    """
    import keras

    if (found := keras.backend.backend()) != backend:
        raise TrialError(f"asked for the backend {backend}, but Keras was imported with {found}")
    devices.pin_threads(backend, threads)


class Described(NamedTuple):
    """Training and test images as features, and what makes features of others."""

    train: NDArray[Any]
    extractor: Extractor
    test: Callable[[Charge], NDArray[Any]]
    """Makes those of the test images, in the phase that is charged for it."""
    held: int
    """Bytes of them that were in memory before that phase."""


def _describe(trial: Trial, x: Images, y: Labels, x_test: Images, emit: Emit, probe: Probes) -> Described:
    """The phase `features`: fit the chain on the training images, and describe those."""
    extractor = Extractor(trial.spec.features or [], trial.seed, (trial.threads or usable_cores(), trial.repeat))
    known, known_test = extractor.find(x), extractor.find(x_test)
    with phase("features", emit, probe, known.held) as charge:
        train = extractor.fit_transform(x, y, known, charge)
    emit(measured(n_features=int(np.prod(train.shape[1:])), features_cached=extractor.cached))
    return Described(train, extractor, lambda charge: extractor.transform(x_test, known_test, charge), known_test.held)


def _traditional(
    trial: Trial, x: Images, y: Labels, x_test: Images, n_classes: int, emit: Emit, probe: Probes
) -> Outcome:
    assert trial.spec.estimator is not None
    accelerator = accelerators.resolve(trial.spec, trial.device)
    emit(measured(accelerator=accelerator))
    estimator = accelerators.build(trial.spec.estimator, trial.seed, "classifier", accelerator)
    described = _describe(trial, x, y, x_test, emit, probe)
    features = described.extractor
    with phase("fit", emit, probe):
        estimator.fit(described.train, y)
    used = accelerators.device_of(estimator)
    emit(measured(n_parameters=_all_parameters(features, estimator), n_support=n_support(estimator), device_used=used))
    _prove(used, trial, accelerator, emit)
    with phase("predict", emit, probe, described.held) as charge:
        test_matrix = described.test(charge)
        predicted = estimator.predict(test_matrix)
    features.keep()

    def probabilities() -> Probabilities | None:
        # Asked for after the predict phase, whose time is what a user of the classifier pays.
        if not hasattr(estimator, "predict_proba"):
            return None
        known = estimator.predict_proba(test_matrix)
        every = np.zeros((len(known), n_classes), known.dtype)
        every[:, estimator.classes_] = known
        return every

    return Outcome(
        predicted,
        probabilities,
        serve=lambda: lambda images: estimator.predict(features.transform(images)),
        batch_size=SERVED_IMAGES,
        model_bytes=lambda: pickled_bytes((features.chain, estimator)),
        explainable=Explainable(features.chain, features.transform, estimator, described.train.shape[1]),
    )


def _all_parameters(features: Extractor, estimator: Any) -> int | None:
    """Of the classifier, and of networks that its features were learned by."""
    own = n_parameters(estimator)
    return None if own is None else own + sum(getattr(step, "n_parameters_", 0) for _, step in features.chain.steps)


def _network(
    trial: Trial, x: Images | Rows, y: Labels, x_test: Images, n_classes: int, emit: Emit, probe: Probes
) -> Outcome:
    from harness.models.network_classifier import PREDICT_BATCH_SIZE, NetworkClassifier

    assert trial.optimizer is not None
    assert trial.backend is not None
    described = None if isinstance(x, Rows) or not trial.spec.features else _describe(trial, x, y, x_test, emit, probe)

    def epoch_ended(values: dict[str, float]) -> None:
        emit({"event": "epoch", "values": plain(values)})
        if values["epoch"] == 1:
            # Said as soon as it is known: training may be stopped from outside.
            emit(_training(classifier))

    classifier = NetworkClassifier.of(trial, n_classes, on_epoch=epoch_ended)
    try:
        with phase("fit", emit, probe):
            classifier.fit(described.train if described else x, y)
    finally:
        if hasattr(classifier, "epochs_") and classifier.epochs_:
            emit(_training(classifier))
    used = devices.device_of(classifier.model_)
    emit(measured(device_used=used))
    _prove(used, trial, trial.backend, emit)
    with phase("predict", emit, probe, described.held if described else 0) as charge:
        probabilities = classifier.predict_proba(described.test(charge) if described else x_test)
    if described is None:
        emit(measured(n_features=int(np.prod(x.shape[1:]))))
    else:
        described.extractor.keep()

    def serve() -> Callable[[Images], Labels]:
        call = classifier.serve()
        if described is None:
            return call
        transform = described.extractor.transform
        return lambda images: call(transform(images))

    # Keras's own files hold the optimizer's state too, whatever `include_optimizer` says (3.15).
    weights = classifier.model_.get_weights
    return Outcome(
        probabilities.argmax(axis=1),
        lambda: probabilities,
        serve=serve,
        batch_size=PREDICT_BATCH_SIZE,
        model_bytes=lambda: pickled_bytes((described.extractor.chain, weights()) if described else weights()),
    )


def _training(classifier: NetworkClassifier) -> Event:
    """What is known of a network after an epoch of its training."""
    return measured(
        build_s=classifier.build_s_,
        first_step_s=classifier.first_step_s_,
        step_s=classifier.step_s_,
        n_parameters=classifier.n_parameters_,
        learning_rate=classifier.learning_rate_,
        epochs=len(classifier.epochs_),
        precision=classifier.precision_,
        jit_compile=classifier.jit_compile_,
    )


def _prove(used: str, trial: Trial, by: str, emit: Emit) -> None:
    """Refuse a result of another device than was asked for, and look who else is on the GPU."""
    if used != trial.device:
        raise TrialError(f"asked for {trial.device}, but {by} computed on the {used}")
    if used == "gpu":
        emit(measured(gpu_others=devices.other_gpu_processes([os.getpid()])))


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
        pipeline can be chosen on one half and scored on the other. `correct` is `harness.hits.pack` of what is right,
        None where the test set is too large for a cell.
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
        "correct": pack(hit) if len(hit) <= MAX_IMAGES else None,
    }
