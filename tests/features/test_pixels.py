import numpy as np
import pytest

from harness.errors import TrialError
from harness.features.pixels import Pixels

IMAGES = np.array([[[0, 51], [102, 255]]], dtype=np.uint8)


@pytest.mark.parametrize(("scale", "expected"), [(True, [0, 0.2, 0.4, 1]), (False, [0, 51, 102, 255])])
def test_values(scale, expected):
    matrix = Pixels(scale=scale).fit_transform(IMAGES)

    np.testing.assert_allclose(matrix, [expected], rtol=1e-6)


def test_names_say_where_a_pixel_is():
    colour = np.zeros((1, 1, 2, 3), np.uint8)

    assert Pixels().fit(IMAGES).get_feature_names_out().tolist() == ["pixel_0_0", "pixel_0_1", "pixel_1_0", "pixel_1_1"]
    assert Pixels().fit(colour).get_feature_names_out()[4] == "pixel_0_1_1"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (IMAGES.astype(float), r"expected images as uint8 .* received float64 of \(1, 2, 2\)"),
        (IMAGES[0], r"received uint8 of \(2, 2\)"),
        ([[1, 2]], "received list"),
    ],
)
def test_what_is_no_image_is_refused(wrong, message):
    with pytest.raises(TrialError, match=message):
        Pixels().fit(wrong)


def test_images_of_another_size_are_refused():
    with pytest.raises(TrialError, match=r"fitted on images of shape \(2, 2\), received images of shape \(2, 3\)"):
        Pixels().fit(IMAGES).transform(np.zeros((1, 2, 3), np.uint8))
