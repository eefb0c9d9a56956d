import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.split import sorted_names, split
from harness.errors import DataError


def test_numbers_are_sorted_by_value_and_words_by_letter():
    assert sorted_names(["10", "9", "-1", "9"]) == ["-1", "9", "10"]
    assert sorted_names(["10", "9", "a"]) == ["10", "9", "a"]


@given(st.integers(2, 5), st.integers(5, 30), st.floats(0.05, 0.5))
def test_the_split_is_stratified_ascending_and_always_the_same(k, per_class, fraction):
    labels = [f"c{i % k}" for i in range(k * per_class)]
    found = split(labels, [None] * len(labels), fraction, "x")

    assert sorted([*found.train, *found.test]) == list(range(len(labels)))
    assert (np.diff(found.train) > 0).all()
    assert (np.diff(found.test) > 0).all()
    assert len(found.test) == max(round(fraction * len(labels)), 1)
    counts = np.bincount(found.y[found.test], minlength=k)
    assert counts.max() - counts.min() <= 1
    again = split(labels, [None] * len(labels), fraction, "x")
    np.testing.assert_array_equal(found.test, again.test)


def test_given_parts_are_kept():
    found = split(["b", "a", "b"], ["train", "train", "test"], 0.2, "x")

    assert found.class_names == ("a", "b")
    assert (found.train.tolist(), found.test.tolist(), found.y.tolist()) == ([0, 1], [2], [1, 0, 1])


@pytest.mark.parametrize(
    ("labels", "parts", "message"),
    [
        ([], [], "0 usable images in no class; expected at least two"),
        (["a"], [None], "1 usable images in 1 class; expected at least two"),
        (["a", "a", "a"], [None] * 3, "3 usable images in 1 class"),
        (["a", "b"], ["train", "test"], "no training image of 'b'"),
        (["a", "b"], [None] * 2, "no training image of"),
        (["a", "b"], ["train", "train"], "no usable test image"),
        (["a", "b" * 500], [None] * 2, "has 500 characters"),
    ],
)
def test_what_is_no_dataset_is_refused(labels, parts, message):
    with pytest.raises(DataError, match=message):
        split(labels, parts, 0.2, "x")
