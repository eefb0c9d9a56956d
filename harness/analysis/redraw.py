"""Bootstrap draws of seeds and of test images, as weights: one matrix product instead of a loop over the draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.analysis.intervals import Floats, resamples
from harness.errors import MisuseError
from harness.hits import unpack

# Whether each test image was classified rightly, shape (pipelines, seeds, images); the mean of several devices.
Hits: TypeAlias = NDArray[np.float32]
# How often each image of half a and of half b was drawn, shape (images of the half, draws) each.
Weights: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]


def stacked(
    correct: NDArray[np.object_], n_test: Floats, index: NDArray[np.intp], column: NDArray[np.intp], count: Floats
) -> Hits | None:
    """The column `correct` of several rows as one array.

    Parameters
    ----------
    correct : object, shape (rows,)
        As `harness.hits.pack` writes it.
    n_test : float, shape (rows,)
    index, column : int, shape (rows,)
        Pipeline and seed of each row.
    count : float, shape (pipelines, seeds)
        How many rows each has.

    Returns
    -------
    Hits or None
        Zeros where nothing was measured; None where a row lacks its hits or has other test images than the rest.

    Raises
    ------
    MisuseError
        If a text cannot be read.
    """
    if len(correct) == 0 or not (n_test == n_test[0]).all() or not all(correct) or not n_test[0] > 0:
        return None
    hits = np.zeros((*count.shape, int(n_test[0])), dtype=np.float32)
    for text, row, seed in zip(correct, index, column, strict=True):
        try:
            hits[row, seed] += unpack(str(text), int(n_test[0]))
        except ValueError as error:
            raise MisuseError(f"column correct of the trials table is damaged: {error}; take the table anew") from error
    if count.max() > 1:
        hits /= np.maximum(count, 1)[..., None].astype(np.float32)
    return hits


def drawn_seeds(n: int, times: int) -> Floats:
    """How often each of `n` seeds comes in each draw of a bootstrap, shape (times, n)."""
    positions = resamples(n, times)
    counts = np.zeros((times, n))
    np.add.at(counts, (np.arange(times)[:, None], positions), 1)
    return counts


def drawn_images(n: int, times: int) -> Weights:
    """How often each test image comes in each draw, as many of half a (even places) and of half b as there are.

    The halves stay what they are: one chooses, the other scores.
    """
    random = np.random.default_rng(1)
    halves = []
    for size in ((n + 1) // 2, n // 2):
        places = random.integers(0, size, size=(times, size), dtype=np.int32)
        places += (np.arange(times, dtype=np.int32) * size)[:, None]
        counts = np.bincount(places.ravel(), minlength=times * size).reshape(times, size)
        halves.append(np.ascontiguousarray(counts.T, dtype=np.float32))
    return halves[0], halves[1]


def drawn_accuracies(hits: Sequence[Hits], weights: Weights) -> list[tuple[Floats, Floats]]:
    """Accuracies on either half of the images in each draw, shape (pipelines, seeds, draws) each, of several tables."""
    shapes = [each.shape[:2] for each in hits]
    ends = np.cumsum([pipelines * seeds for pipelines, seeds in shapes])[:-1]
    halves = []
    for half, drawn in enumerate(weights):
        # One product of large matrices instead of many of small ones.
        flat = np.concatenate([each[:, :, half::2].reshape(-1, len(drawn)) for each in hits])
        parts = np.split((flat @ drawn).astype(float) / len(drawn), ends)
        halves.append([part.reshape(*shape, -1) for part, shape in zip(parts, shapes, strict=True)])
    return list(zip(*halves, strict=True))


def drawn_cross_fit(half_a: Floats, half_b: Floats, counts: Floats) -> Floats:
    """`families.cross_fit` for draws that are given as weights.

    Parameters
    ----------
    half_a, half_b : float, shape (pipelines, seeds, draws), or (pipelines, seeds, 1) where images are not drawn
        NaN where a seed was not measured.
    counts : float, shape (draws, seeds)

    Returns
    -------
    Floats
        The score of each seed in each draw, shape (draws, seeds).
    """
    draws = np.arange(len(counts))

    def choose(half: Floats) -> NDArray[np.intp]:
        known = ~np.isnan(half[:, :, 0])
        filled = np.where(known[..., None], half, 0.0)
        total = filled[:, :, 0] @ counts.T if half.shape[2] == 1 else np.einsum("psd,ds->pd", filled, counts)
        weight = known @ counts.T
        means = np.where(weight > 0, total / np.maximum(weight, 1), -1.0)
        return np.asarray(np.argmax(means, axis=0), dtype=np.intp)

    def of(half: Floats, chosen: NDArray[np.intp]) -> Floats:
        return half[chosen, :, draws if half.shape[2] > 1 else 0]

    return (of(half_b, choose(half_a)) + of(half_a, choose(half_b))) / 2


def weighted_mean(values: Floats, counts: Floats) -> Floats:
    """Mean over the last axis, weighted, of what is not NaN; NaN where nothing with a weight is known."""
    known = ~np.isnan(values)
    total = (np.where(known, values, 0.0) * counts).sum(axis=-1)
    weight = (known * counts).sum(axis=-1)
    return np.where(weight > 0, total / np.maximum(weight, 1), np.nan)
