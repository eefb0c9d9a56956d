from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.families import cross_fit
from harness.analysis.intervals import resamples
from harness.analysis.redraw import (
    drawn_accuracies,
    drawn_cross_fit,
    drawn_images,
    drawn_seeds,
    stacked,
    weighted_mean,
)
from harness.errors import MisuseError
from harness.hits import pack


def test_drawn_seeds_are_those_of_resamples() -> None:
    counts = drawn_seeds(4, 30)
    for draw, positions in zip(counts, resamples(4, 30), strict=True):
        assert draw.tolist() == np.bincount(positions, minlength=4).tolist()


def test_drawn_images_are_as_many_of_either_half_as_there_are() -> None:
    half_a, half_b = drawn_images(101, 2000)
    assert half_a.shape == (51, 2000)
    assert (half_a.sum(axis=0) == 51).all()
    assert (half_b.sum(axis=0) == 50).all()
    # Of 50 draws with replacement from 50, each comes once on average and varies by 1 - 1 / 50.
    assert half_b.mean() == pytest.approx(1)
    assert half_b.var() == pytest.approx(1 - 1 / 50, rel=0.02)


def test_accuracies_of_draws_are_those_of_the_images_taken_as_often() -> None:
    random = np.random.default_rng(2)
    tables = [random.random((pipelines, 3, 21)).round().astype(np.float32) for pipelines in (2, 1)]
    weights = drawn_images(21, 5)
    for hits, halves in zip(tables, drawn_accuracies(tables, weights), strict=True):
        for half, (accuracy, weight) in enumerate(zip(halves, weights, strict=True)):
            for draw in range(5):
                taken = np.repeat(hits[:, :, half::2], weight[:, draw].astype(int), axis=2)
                assert accuracy[:, :, draw] == pytest.approx(taken.mean(axis=2), rel=1e-6)


def test_cross_fits_of_draws_are_those_of_their_seeds() -> None:
    half_a, half_b = np.random.default_rng(5).random((2, 4, 6))
    half_a[0, 1] = half_b[0, 1] = np.nan
    expected = cross_fit(half_a, half_b, resamples(6, 40)).scores
    counts = drawn_seeds(6, 40)
    for last in (1, 40):
        wide = [np.repeat(half[:, :, None], last, axis=2) for half in (half_a, half_b)]
        mean = weighted_mean(drawn_cross_fit(wide[0], wide[1], counts), counts)
        assert mean == pytest.approx(np.nanmean(expected, axis=1))


def test_hits_are_read_averaged_over_devices_or_refused() -> None:
    one, other = np.array([True, False, True]), np.array([True, True, False])
    texts = np.array([pack(one), pack(other), pack(one)], dtype=object)
    index, column = np.array([0, 0, 0]), np.array([0, 0, 1])
    found = stacked(texts, np.full(3, 3.0), index, column, np.array([[2.0, 1.0, 0.0]]))
    assert found is not None
    assert found.tolist() == [[[1.0, 0.5, 0.5], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]]
    assert (
        stacked(np.array([texts[0], ""], dtype=object), np.full(2, 3.0), index[:2], column[:2], np.ones((1, 1))) is None
    )
    with pytest.raises(MisuseError, match="column correct of the trials table is damaged"):
        stacked(np.array(["%"], dtype=object), np.array([3.0]), index[:1], column[:1], np.ones((1, 1)))
