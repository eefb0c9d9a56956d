"""What every estimator keeps to: a scikit-learn classifier of float32 rows and int64 labels."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_blobs

from harness.conformance.outcome import Check, Subject, expect
from harness.models.build import build_estimator
from harness.suite.model import Part

SEED = 0
N_CLASSES = 3
LEAST_ACCURACY = 0.8
"""Of the rows it was fitted on, which lie in three clusters that do not touch; chance is 0.33."""


class _Case:
    """An estimator and rows to tell apart."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        x, y = make_blobs(90, 6, centers=N_CLASSES, cluster_std=0.5, random_state=SEED)
        # Of no sign but plus, which multinomial naive Bayes asks for and most features have.
        self.x: NDArray[np.float32] = (x - x.min()).astype(np.float32)
        self.y: NDArray[np.int64] = y.astype(np.int64)

    def made(self) -> Any:
        """The estimator, not fitted, with the seed that a trial would give it."""
        return build_estimator(Part(name=self.subject.name, params=self.subject.params), SEED, "classifier")

    @cached_property
    def fitted(self) -> Any:
        """The estimator fitted on all rows."""
        return self.made().fit(self.x, self.y)

    def is_a_classifier(self) -> None:
        expect(is_classifier(self.made()), f"{type(self.made()).__name__} is none, by scikit-learn's `is_classifier`")

    def learns(self) -> None:
        predicted = self.fitted.predict(self.x)
        expect(np.shape(predicted) == self.y.shape, f"predict gives shape {np.shape(predicted)} of {len(self.x)} rows")
        expect(set(np.unique(predicted)) <= set(range(N_CLASSES)), f"predict gives labels {np.unique(predicted)}")
        right = float(np.mean(predicted == self.y))
        expect(right >= LEAST_ACCURACY, f"gets {right:.0%} of them right, expected {LEAST_ACCURACY:.0%}")

    def gives_probabilities(self) -> None:
        if not hasattr(self.fitted, "predict_proba"):
            return
        given = np.asarray(self.fitted.predict_proba(self.x))
        expect(given.shape == (len(self.x), N_CLASSES), f"received shape {given.shape}")
        expect(np.isfinite(given).all() and (given >= 0).all(), "some are negative, NaN or infinite")
        expect(np.allclose(given.sum(axis=1), 1, atol=1e-5), "they do not sum to 1")

    def fits_again(self) -> None:
        predicted = self.fitted.predict(self.x)
        again = clone(self.made()).fit(self.x, self.y).predict(self.x)
        expect(np.array_equal(again, predicted), "a clone fitted on the same rows predicts otherwise")
        kept = pickle.loads(pickle.dumps(self.fitted)).predict(self.x)  # noqa: S301  (of our own making)
        expect(np.array_equal(kept, predicted), "pickled and read again it predicts otherwise")

    def takes_rows_it_may_not_write_to(self) -> None:
        rows = self.x.copy()
        rows.flags.writeable = False
        self.made().fit(rows, self.y).predict(rows)


def checks(subject: Subject) -> Iterator[Check]:
    """The checks of an estimator."""
    case = _Case(subject)
    yield "is a classifier to scikit-learn", case.is_a_classifier
    yield "learns three clusters that do not touch", case.learns
    yield "where it has predict_proba, that gives probabilities that sum to 1", case.gives_probabilities
    yield "fitted again it gives the same, cloned and pickled too", case.fits_again
    yield "takes rows that nobody may write to", case.takes_rows_it_may_not_write_to
