"""The phase `explain` of a trial: how well what its features measure, and what its estimator does, can be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.run.phases import Emit, measured
from harness.run.record import plain

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from harness.suite.plan import Trial


class Explainable(NamedTuple):
    """A fitted pipeline of features and an estimator, in its pieces."""

    chain: Pipeline
    transform: Callable[[NDArray[np.uint8]], NDArray[Any]]
    """The chain's features of images, (n, d)."""
    estimator: Any
    n_features: int


def explained(
    trial: Trial,
    pieces: Explainable,
    x: NDArray[np.uint8],
    y: NDArray[np.int64],
    x_test: NDArray[np.uint8],
    y_test: NDArray[np.int64],
    emit: Emit,
) -> None:
    """Explain a fitted pipeline and report the columns and lines; what is chosen is chosen on training images.

    Parameters
    ----------
    trial
        Its suite asks for it, and its seed decides what is drawn.
    pieces
        The pipeline.
    x, y, x_test, y_test
        Training and test images, uint8 of (n, h, w) or (n, h, w, c), and their labels.
    emit
        Told what was found.
    """
    # Here, since few trials are explained.
    from harness.explain.run import explain

    assert trial.spec.explain is not None
    found = explain(
        images=x_test,
        labels=y_test,
        train_images=x,
        train_labels=y,
        transform=pieces.transform,
        estimator=pieces.estimator,
        feature_names=feature_names(pieces.chain, pieces.n_features),
        seed=trial.seed,
        options=trial.spec.explain,
    )
    emit(measured(**found.measured))
    for line in found.lines:
        emit({"event": "explanation", "values": plain(line)})


def feature_names(chain: Pipeline, n_features: int) -> list[str]:
    """What the columns of a fitted chain are called; `feature_0`, `feature_1`, ... where a step does not say."""
    names: NDArray[np.object_] | None = None
    for _, step in chain.steps:
        try:
            names = step.get_feature_names_out(names)
        except (AttributeError, ValueError):
            # One that gives images names nothing; a class of scikit-learn refuses what it was not fitted on.
            names = None
    if names is None or len(names) != n_features:
        return [f"feature_{index}" for index in range(n_features)]
    return [str(name) for name in names]
