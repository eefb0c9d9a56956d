"""What every feature keeps to; see `harness.features.base`."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from harness import registry
from harness.conformance.outcome import Check, Subject, expect

N_IMAGES = 12
SEED = 0
# Of a part's sums in another order, as batches of another size make them, in float32.
RTOL, ATOL = 1e-5, 1e-6


class _Case:
    """A feature and what it is given."""

    def __init__(self, subject: Subject, x: NDArray[Any]) -> None:
        self.subject = subject
        self.x = x.copy()
        # Datasets are mapped from files that nobody may write to.
        self.x.flags.writeable = False
        self.y = np.arange(len(x)) % 3

    def made(self) -> Any:
        """A feature that is not fitted, with the seed that a trial would give it."""
        return made(self.subject)

    @cached_property
    def fitted(self) -> Any:
        """The feature fitted on all rows."""
        return self.made().fit(self.x, self.y)

    @cached_property
    def given(self) -> NDArray[Any]:
        """What it makes of all rows."""
        given: NDArray[Any] = self.fitted.transform(self.x)
        return given

    def gives_a_matrix(self) -> None:
        given = self.given
        names = self.fitted.get_feature_names_out()
        expect(isinstance(given, np.ndarray), f"received {type(given).__name__}")
        expect(given.dtype == np.float32, f"received {given.dtype}")
        expect(given.shape == (len(self.x), len(names)), f"received shape {given.shape} and {len(names)} names")
        expect(np.isfinite(given).all(), f"{np.count_nonzero(~np.isfinite(given))} values are NaN or infinite")
        expect(len(set(names)) == len(names), f"{len(names) - len(set(names))} names stand twice")

    def gives_images(self) -> None:
        given = self.given
        expect(isinstance(given, np.ndarray), f"received {type(given).__name__}")
        expect(given.dtype == np.uint8, f"received {given.dtype}")
        good = given.ndim == self.x.ndim and len(given) == len(self.x)
        expect(good, f"received shape {given.shape} for images of shape {self.x.shape}")

    def rows_are_independent(self) -> None:
        one = self.fitted.transform(self.x[3:4])
        same(one, self.given[3:4], "row 3 by itself is not what it is among the others")
        turned = self.fitted.transform(np.ascontiguousarray(self.x[::-1]))
        same(turned[::-1], self.given, "in another order the rows are others")

    def fits_again(self) -> None:
        again = clone(self.made()).fit(self.x, self.y).transform(self.x)
        expect(np.array_equal(again, self.given), "a clone fitted on the same rows gives other values")
        kept = pickle.loads(pickle.dumps(self.fitted)).transform(self.x)  # noqa: S301  (of our own making)
        expect(np.array_equal(kept, self.given), "pickled and read again it gives other values")

    def leaves_its_input(self) -> None:
        writeable = self.x.copy()
        self.made().fit(writeable, self.y).transform(writeable)
        expect(np.array_equal(writeable, self.x), "the rows it was given are changed")

    def learns_only_where_it_says_so(self) -> None:
        half = self.made().fit(self.x[: N_IMAGES // 2], self.y[: N_IMAGES // 2]).transform(self.x)
        same(half, self.given, "fitted on half of the rows it gives other values; say `learned = True`")


def checks(subject: Subject) -> Iterator[Check]:
    """The checks of a feature."""
    part = registry.load_part("features", subject.name)
    takes, gives = getattr(part, "takes", "images"), getattr(part, "gives", "matrix")
    learned = getattr(part, "learned", False)

    def declares() -> None:
        expect(takes in ("images", "matrix"), f"takes is {takes!r}")
        expect(gives in ("images", "matrix"), f"gives is {gives!r}")
        expect(isinstance(learned, bool), f"learned is {learned!r}")

    def only_stores() -> None:
        feature = made(subject)
        params = feature.get_params()
        known = set(registry.parameters("features", subject.name).model_fields)
        expect(set(params) == known, f"get_params has {sorted(params)}, and a suite can set {sorted(known)}")
        extra = sorted(set(vars(feature)) - known)
        expect(not extra, f"the constructor also sets {', '.join(extra)}; leave that to fit")

    yield "takes and gives `images` or a `matrix`, `learned` is True or False", declares
    yield "the constructor stores its parameters and does nothing else", only_stores
    for word, x in inputs(takes, subject.shape).items():
        case = _Case(subject, x)
        if gives == "images":
            yield f"{word}: gives as many images, uint8", case.gives_images
        else:
            yield f"{word}: gives a finite float32 matrix with a name for each column", case.gives_a_matrix
        yield f"{word}: a row does not depend on the other rows", case.rows_are_independent
        yield f"{word}: fitted again it gives the same, cloned and pickled too", case.fits_again
        yield f"{word}: takes rows that nobody may write to, and leaves others as they are", case.leaves_its_input
        if not learned:
            yield f"{word}: gives the same whatever it was fitted on", case.learns_only_where_it_says_so


def made(subject: Subject) -> Any:
    """The feature, not fitted."""
    feature = registry.build("features", subject.name, subject.params)
    if "random_state" in feature.get_params() and "random_state" not in subject.params:
        feature.set_params(random_state=SEED)
    return feature


def inputs(takes: str, shape: tuple[int, int]) -> dict[str, NDArray[Any]]:
    """Noise of every kind that a feature may meet."""
    rng = np.random.default_rng(SEED)
    if takes == "matrix":
        return {"matrix": rng.random((N_IMAGES, 5), dtype=np.float32)}
    return {
        "grey": rng.integers(0, 256, (N_IMAGES, *shape), dtype=np.uint8),
        "colour": rng.integers(0, 256, (N_IMAGES, *shape, 3), dtype=np.uint8),
    }


def same(found: NDArray[Any], expected: NDArray[Any], problem: str) -> None:
    """Images are to be equal, and floats as near as the order of sums leaves them."""
    expect(found.shape == expected.shape, f"shape {found.shape}, expected {expected.shape}")
    if expected.dtype == np.uint8:
        expect(np.array_equal(found, expected), problem)
        return
    far = np.abs(found - expected).max(initial=0)
    expect(np.allclose(found, expected, rtol=RTOL, atol=ATOL), f"{problem}; the largest difference is {far:.3g}")
