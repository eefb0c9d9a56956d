from dataclasses import replace

import numpy as np
import pytest

from harness.data import ImageData
from harness.errors import DataError

GOOD = ImageData(
    name="tiny",
    x_train=np.zeros((3, 4, 5), np.uint8),
    y_train=np.array([0, 1, 0]),
    x_test=np.zeros((2, 4, 5), np.uint8),
    y_test=np.array([1, 0]),
    class_names=("a", "b"),
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": np.zeros((3, 4, 5), np.float32)}, "expected images as uint8"),
        ({"x_test": np.zeros((2, 20), np.uint8)}, "expected images as uint8"),
        ({"y_train": np.array([0, 1])}, "expected one int64 label per image"),
        ({"y_train": np.array([0, 1, 0], np.uint8)}, "expected one int64 label per image"),
        ({"x_test": np.zeros((0, 4, 5), np.uint8), "y_test": np.zeros(0, np.int64)}, "at least one image"),
        ({"y_test": np.array([2, 0])}, "y_test has labels 0 to 2; expected 0 to 1"),
        ({"y_train": np.array([0, -1, 0])}, "y_train has labels -1 to 0; expected 0 to 1"),
        ({"x_test": np.zeros((2, 5, 4), np.uint8)}, "expected one size"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(DataError, match=message):
        replace(GOOD, **changes)


def test_colour_images_are_taken():
    colour = replace(GOOD, x_train=np.zeros((3, 4, 5, 3), np.uint8), x_test=np.zeros((2, 4, 5, 3), np.uint8))

    assert colour.x_train.shape == (3, 4, 5, 3)
