"""All measures of one fitted pipeline of features and a classifier.

The procedure is the same for every representation: it is given a function from images to features and a classifier, and
does not know what made them.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from harness.explain.dci import dci
from harness.explain.predictability import predict_features, shuffled
from harness.explain.properties import Bank, bank
from harness.explain.saliency import Curves, curves
from harness.explain.scores import importances, varying, weights
from harness.explain.sparsity import sparsity
from harness.explain.surrogate import LEAVES, fidelities
from harness.features.base import FloatMatrix

# The most important features, of which R2 is asked, and those whose properties and values are told one by one.
FEATURES = 256
TOLD = 8
SALIENCY_IMAGES = 100
SHOWN = 8
SHOWN_SIDE = 64


class Options(Protocol):
    """What a suite can set: how many images to use, patches along a side, numbers of leaves."""

    @property
    def images(self) -> int: ...  # noqa: D102
    @property
    def patches(self) -> int: ...  # noqa: D102
    @property
    def leaves(self) -> Sequence[int]: ...  # noqa: D102


class Explanation(NamedTuple):
    """Columns of the trial's row, and lines of `explanations.parquet`."""

    measured: dict[str, float]
    lines: list[dict[str, Any]]


# Many small products of matrices: threads cost more than they bring, ten times as much where a machine is busy.
@threadpool_limits.wrap(limits=1)  # type: ignore[untyped-decorator]
def explain(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    train_images: NDArray[np.uint8],
    train_labels: NDArray[np.int64],
    transform: Callable[[NDArray[np.uint8]], NDArray[Any]],
    estimator: Any,
    feature_names: Sequence[str],
    seed: int,
    options: Options,
) -> Explanation:
    """Measure how easily the features of a fitted pipeline can be explained.

    Parameters
    ----------
    images, labels
        Images that nothing was fitted on, and their classes; of more than `options.images`, so many drawn at random.
    train_images, train_labels
        What features and classifier were fitted on; likewise, twice as many.
    transform
        From uint8 images to features, (n, d).
    estimator
        The fitted classifier.
    feature_names
        d names.
    seed
        Decides which images are drawn, folds, permutations and random orders; the same for all that shares a seed.
    options
        See `Options`.

    Returns
    -------
    Explanation
        `explained_r2`, `explained_r2_shuffled`, `disentanglement`, `completeness`, `informativeness`,
        `surrogate_fidelity`, `deletion_area`, `insertion_area`, `features_needed`; and the lines behind them.
    """
    random = np.random.default_rng(seed)
    chosen, fitted = _some(random, len(images), options.images), _some(random, len(train_images), 2 * options.images)
    images, labels, train_images, train_labels = (
        images[chosen],
        labels[chosen],
        train_images[fitted],
        train_labels[fitted],
    )

    def describe(some: NDArray[np.uint8]) -> FloatMatrix:
        made = np.asarray(transform(some), dtype=np.float32)
        return made.reshape(len(made), -1)

    held, train = describe(images), describe(train_images)
    names = [str(name) for name in feature_names]
    importance = importances(estimator, held, seed)
    order = np.argsort(-importance, kind="stable")
    top = order[varying(held)[order]][:FEATURES]
    properties = bank(images)
    measured: dict[str, float] = {}
    lines: list[dict[str, Any]] = []
    if len(top):
        weight = weights(importance[top])
        found = predict_features(properties.values, held[:, top], seed, falls=True)
        control = predict_features(shuffled(properties.values, seed), held[:, top], seed)
        measured["explained_r2"] = float(weight @ found.r2)
        measured["explained_r2_shuffled"] = float(weight @ control.r2)
        lines += [
            {"measure": "r2", "item": names[at], "x": float(share), "value": float(r2)}
            for at, share, r2 in zip(top, weight, found.r2, strict=True)
        ]
        lines += [
            {"measure": "property_r2", "item": names[at], "property": name, "value": float(value)}
            for at, fall in zip(top[:TOLD], found.fall, strict=False)
            for name, value in zip(properties.names, fall, strict=True)
        ]
        measured |= dci(held[:, top], properties.values, seed)._asdict()
    imitated = fidelities(estimator, train, held, {*options.leaves, LEAVES}, seed)
    measured["surrogate_fidelity"] = imitated[LEAVES]
    lines += [{"measure": "fidelity", "x": float(leaves), "value": value} for leaves, value in imitated.items()]
    blank = np.round(train_images.mean(axis=0)).astype(np.uint8)
    asked = images[_some(random, len(images), SALIENCY_IMAGES)]
    drawn = curves(asked, blank, describe, estimator, options.patches, seed)
    measured |= {"deletion_area": drawn.deletion_area, "insertion_area": drawn.insertion_area}
    lines += _curve_lines(drawn)
    few = sparsity(estimator, order, train, train_labels, held, labels)
    measured["features_needed"] = few.needed
    lines += [
        {"measure": "sparsity", "x": float(count), "value": accuracy}
        for count, accuracy in zip(few.counts, few.accuracies, strict=True)
    ]
    lines += _examples(images, labels, held, top[:TOLD], names, properties)
    return Explanation({name: value for name, value in measured.items() if not math.isnan(value)}, lines)


def _some(random: np.random.Generator, n: int, most: int) -> NDArray[np.intp]:
    """Up to so many positions, drawn anew by each seed: else all seeds would share the luck of a few test images."""
    return np.sort(random.permutation(n)[:most])


def _curve_lines(drawn: Curves) -> list[dict[str, Any]]:
    return [
        {"measure": measure, "x": float(share), "value": float(value)}
        for measure in ("deletion", "insertion", "random_deletion", "random_insertion")
        for share, value in zip(drawn.share, getattr(drawn, measure), strict=True)
    ]


def _examples(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    held: FloatMatrix,
    top: NDArray[np.intp],
    names: Sequence[str],
    properties: Bank,
) -> list[dict[str, Any]]:
    """A few images, the first of each class before others, with the values of features and properties."""
    firsts = np.sort(np.unique(labels, return_index=True)[1])[:SHOWN]
    shown = np.concatenate([firsts, np.setdiff1d(np.arange(len(labels)), firsts)])[:SHOWN]
    # In standard deviations from the mean: features of different kinds have no common unit.
    values = (held[:, top] - held[:, top].mean(axis=0)) / np.maximum(held[:, top].std(axis=0), 1e-12)
    lines: list[dict[str, Any]] = []
    for index, at in enumerate(shown):
        small = _small(images[at])
        packed = base64.b64encode(zlib.compress(np.ascontiguousarray(small).tobytes(), 9)).decode()
        size = "x".join(map(str, small.shape))
        lines.append({"measure": "image", "item": size, "x": float(index), "content": packed})
        lines += [
            {"measure": "activation", "item": names[feature], "x": float(index), "value": float(value)}
            for feature, value in zip(top, values[at], strict=True)
        ]
        lines += [
            {"measure": "property_value", "property": name, "x": float(index), "value": float(value)}
            for name, value in zip(properties.names, properties.values[at], strict=True)
        ]
    return lines


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every second, third, ... pixel of an image that is larger than a report shows."""
    step = math.ceil(max(image.shape[:2]) / SHOWN_SIDE)
    return image[::step, ::step]
