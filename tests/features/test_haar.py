import numpy as np
import pytest
from pydantic import ValidationError
from skimage.feature import haar_like_feature
from skimage.transform import integral_image

from harness import registry
from harness.errors import TrialError
from harness.features.haar import SIGNS, Haar

NOISE = np.random.default_rng(0).integers(0, 256, (4, 13, 17), dtype=np.uint8)


def of_scikit_image(image, name):
    """The value of a column by its name, by scikit-image and from rectangles of its own."""
    _, kind, size, row, column = name.split("_")
    (height, width), top, left = map(int, size.split("x")), int(row), int(column)
    places = {
        "type-2-x": [(0, 0), (0, 1)],
        "type-2-y": [(0, 0), (1, 0)],
        "type-3-x": [(0, 0), (0, 1), (0, 2)],
        "type-3-y": [(0, 0), (1, 0), (2, 0)],
        "type-4": [(0, 0), (0, 1), (1, 1), (1, 0)],
    }[kind]
    corners = [(top + down * height, left + across * width) for down, across in places]
    coordinates = np.empty((1, len(corners)), dtype=object)
    coordinates[0] = [[(r, c), (r + height - 1, c + width - 1)] for r, c in corners]
    sides = image.shape[::-1]
    value = haar_like_feature(integral_image(image.astype(int)), 0, 0, *sides, np.array([kind]), coordinates)
    return value[0] / (255 * height * width)


@pytest.mark.parametrize("kind", SIGNS)
def test_values_agree_with_scikit_image_on_the_same_rectangles(kind):
    haar = Haar(types=(kind,), sizes=(0.3, 0.6, 1.0), grid=3).fit(NOISE)
    names = haar.get_feature_names_out()
    expected = [[of_scikit_image(image, name) for name in names] for image in NOISE]

    np.testing.assert_allclose(haar.transform(NOISE), expected, rtol=1e-5, atol=1e-6)


def test_hand_computed_values_of_an_edge_and_a_bar():
    images = np.zeros((2, 6, 6), np.uint8)
    images[0, :, 3:] = 255
    images[1, :, 2:4] = 255
    haar = Haar(sizes=(1.0,), grid=3).fit(images)

    assert list(haar.get_feature_names_out()) == [
        "haar_type-2-x_6x3_0_0",
        "haar_type-2-y_3x6_0_0",
        "haar_type-3-x_6x2_0_0",
        "haar_type-3-y_2x6_0_0",
        "haar_type-4_3x3_0_0",
    ]
    # Against two dark rectangles stands one bright one: an even brightness b gives -b for three of them.
    np.testing.assert_allclose(
        haar.transform(images), [[1, 0, -0.5, -0.5, 0], [0, 0, 1, -1 / 3, 0]], rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("shape", [(28, 28), (200, 90)])
def test_the_count_does_not_grow_with_the_image(shape):
    haar = Haar(sizes=(0.25, 0.5), grid=4).fit(np.zeros((1, *shape), np.uint8))

    assert len(haar.get_feature_names_out()) == 5 * 2 * 4**2


def test_places_reach_from_edge_to_edge():
    patterns = Haar(types=("type-2-x",), sizes=(0.4,), grid=3).patterns(10, 20)

    assert [(p.height, p.width, list(p.rows), list(p.columns)) for p in patterns] == [(4, 4, [0, 3, 6], [0, 6, 12])]


def test_sizes_that_come_to_the_same_pixels_count_once():
    haar = Haar(types=("type-2-x", "type-2-x"), sizes=(0.5, 0.51), grid=2).fit(np.zeros((1, 8, 8), np.uint8))

    assert len(haar.get_feature_names_out()) == 4


def test_the_smallest_images():
    assert Haar().fit_transform(np.zeros((1, 3, 3), np.uint8)).shape[1] > 5
    with pytest.raises(TrialError, match=r"haar: type-3-x needs .* 3x3 pixels, received 3x2; leave it out of types"):
        Haar().fit(np.zeros((1, 3, 2), np.uint8))
    assert Haar(types=("type-4",)).fit_transform(np.zeros((1, 2, 2), np.uint8)).shape == (1, 1)


@pytest.mark.parametrize("params", [{"types": []}, {"types": ["type-5"]}, {"sizes": [0]}, {"sizes": [1.1]}])
def test_wrong_parameters_are_refused(params):
    with pytest.raises(ValidationError):
        registry.build("features", "haar", params)
