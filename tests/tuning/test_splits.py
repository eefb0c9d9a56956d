from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.tuning.splits import folds, holdout

labels = st.lists(st.integers(0, 6), min_size=1, max_size=60).map(np.array)
seeds = st.integers(0, 2**32 - 1)


@given(labels, st.floats(0.01, 0.99), seeds)
def test_a_holdout_leaves_every_class_to_fit_on(y, fraction, seed):
    fitted, scored = holdout(y, fraction, seed)

    assert sorted([*fitted, *scored]) == list(range(len(y)))
    assert set(y[fitted]) == set(y)
    assert (np.diff(fitted) > 0).all()
    assert (np.diff(scored) > 0).all()
    assert (len(scored) == 0) == (len(set(y)) == len(y))


def test_of_ten_images_of_ten_classes_none_can_be_scored_on():
    fitted, scored = holdout(np.arange(10), 0.2, 0)

    assert fitted.tolist() == list(range(10))
    assert scored.tolist() == []
    assert folds(np.arange(10), 5, 0) == []


@pytest.mark.parametrize("seed", range(3))
def test_one_image_more_is_one_to_score_on(seed):
    y = np.array([*range(10), 4])

    assert y[holdout(y, 0.5, seed)[1]].tolist() == [4]
    assert [y[scored].tolist() for _, scored in folds(y, 5, seed)] == [[4], [4]]


@given(labels, st.integers(2, 6), seeds)
def test_folds_score_each_image_once_and_fit_on_every_class(y, k, seed):
    _, classes, counts = np.unique(y, return_inverse=True, return_counts=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parts = folds(y, k, seed)

    assert len(parts) == (min(k, counts.max()) if counts.max() > 1 else 0)
    scored = sorted(index for _, chosen in parts for index in chosen)
    assert scored == (np.flatnonzero(counts[classes] > 1).tolist() if parts else [])
    for fitted, chosen in parts:
        assert sorted([*fitted, *chosen]) == list(range(len(y)))
        assert set(y[fitted]) == set(y)
        assert len(chosen) > 0
        assert (np.diff(chosen) > 0).all()
    again = folds(y, k, seed)
    assert [part[1].tolist() for part in parts] == [part[1].tolist() for part in again]


def test_folds_are_stratified():
    y = np.repeat([0, 1, 2], [10, 20, 30])

    assert [np.bincount(y[scored]).tolist() for _, scored in folds(y, 5, 0)] == [[2, 4, 6]] * 5


def test_other_seeds_give_other_parts():
    y = np.repeat(np.arange(10), 10)

    assert len({tuple(holdout(y, 0.2, seed)[1]) for seed in range(5)}) == 5
    assert len({tuple(folds(y, 5, seed)[0][1]) for seed in range(5)}) == 5
