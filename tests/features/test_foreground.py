import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from harness.features.foreground import Threshold, foreground


def test_each_image_gets_its_own_threshold():
    dim, bright = np.full((2, 6, 6), 10, np.uint8), np.full((2, 6, 6), 150, np.uint8)
    dim[:, 2:4, 2:4], bright[:, 2:4, 2:4] = 60, 250
    expected = np.zeros((6, 6), bool)
    expected[2:4, 2:4] = True

    for inside in foreground(np.concatenate([dim, bright]), "otsu"):
        np.testing.assert_array_equal(inside, expected)


def test_a_fixed_threshold_is_not_part_of_the_foreground():
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)

    assert foreground(ramp, 0.2).sum() == 255 - 51
    assert foreground(ramp, 0.0).sum() == 255


@pytest.mark.parametrize("value", [0, 200])
def test_one_brightness_has_no_foreground_by_otsu(value):
    assert not foreground(np.full((2, 5, 5), value, np.uint8), "otsu").any()


@pytest.mark.parametrize("wrong", [-0.1, 1.0, "mean"])
def test_what_is_no_threshold_is_refused(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(Threshold).validate_python(wrong)
