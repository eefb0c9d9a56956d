import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data import nested_order, training_subset, validation_split
from harness.errors import DataError

labels = st.lists(st.integers(0, 6), min_size=1, max_size=120).map(np.array)
seeds = st.integers(0, 2**32 - 1)


@given(labels, seeds)
def test_the_order_is_a_permutation_and_the_same_every_time(y, seed):
    order = nested_order(y, seed)

    assert sorted(order) == list(range(len(y)))
    np.testing.assert_array_equal(order, nested_order(y, seed))


@given(labels, seeds)
def test_every_prefix_is_stratified_within_the_stated_bound(y, seed):
    classes, counts = np.unique(y, return_counts=True)
    share = counts / len(y)
    bound = (1 + len(classes) * share) / 2
    taken = np.cumsum(y[nested_order(y, seed)][:, None] == classes, axis=0)
    proportional = np.arange(1, len(y) + 1)[:, None] * share

    assert (np.abs(taken - proportional) <= bound + 1e-9).all()


@given(st.integers(1, 8), st.integers(1, 15), seeds)
def test_equally_frequent_classes_differ_by_at_most_one_image(n_classes, per_class, seed):
    y = np.repeat(np.arange(n_classes), per_class)
    taken = np.cumsum(y[nested_order(y, seed)][:, None] == np.arange(n_classes), axis=0)

    assert (taken.max(axis=1) - taken.min(axis=1) <= 1).all()


@given(labels, seeds, st.data())
def test_a_larger_subset_contains_every_smaller_one(y, seed, data):
    large = data.draw(st.integers(1, len(y)))
    small = data.draw(st.integers(1, large))

    assert set(training_subset(y, small, seed)) <= set(training_subset(y, large, seed))
    assert len(set(training_subset(y, large, seed))) == large


def test_other_seeds_give_other_subsets():
    y = np.repeat(np.arange(10), 50)
    subsets = {tuple(sorted(training_subset(y, 100, seed))) for seed in range(5)}

    assert len(subsets) == 5


def test_within_a_class_every_image_is_as_likely_as_another():
    y = np.array([0] * 5 + [1] * 10)
    times = np.bincount(np.concatenate([training_subset(y, 3, seed) for seed in range(3000)]), minlength=15)

    # 3,000 subsets of one image of class 0 and two of class 1: 600 of each; five standard deviations are 110.
    assert np.abs(times - 600).max() < 110


def test_a_subset_stays_what_it_was():
    assert training_subset(np.arange(1000) % 10, 10, 7).tolist() == [778, 334, 271, 802, 216, 487, 170, 125, 453, 889]


@pytest.mark.parametrize("n", [0, -1, 4])
def test_a_size_that_the_data_do_not_have_is_refused(n):
    with pytest.raises(DataError, match=f"{n} training images were asked for; expected 1 to 3"):
        training_subset(np.array([0, 1, 0]), n, 0)


@given(labels.filter(lambda y: len(y) > 1), st.floats(0.01, 0.99), seeds)
def test_a_validation_part_is_disjoint_contained_and_leaves_every_class(y, fraction, seed):
    train, validation = validation_split(y, fraction, seed)

    assert sorted([*train, *validation]) == list(range(len(y)))
    assert len(train) >= 1
    assert len(validation) >= 1
    n_classes = len(np.unique(y))
    if len(y) > n_classes:
        assert len(np.unique(y[train])) == n_classes
        assert len(validation) == min(max(round(fraction * len(y)), 1), len(y) - n_classes)
    else:
        assert len(validation) == 1
    again = validation_split(y, fraction, seed)
    np.testing.assert_array_equal(train, again[0])
    np.testing.assert_array_equal(validation, again[1])


@given(st.integers(1, 8), st.integers(4, 15), st.floats(0.05, 0.5), seeds)
def test_a_validation_part_is_stratified(n_classes, per_class, fraction, seed):
    y = np.repeat(np.arange(n_classes), per_class)
    _, validation = validation_split(y, fraction, seed)
    counts = np.bincount(y[validation], minlength=n_classes)

    assert counts.max() - counts.min() <= 1


def test_one_image_cannot_be_split():
    with pytest.raises(DataError, match="needs at least 2 training images"):
        validation_split(np.array([3]), 0.2, 0)
