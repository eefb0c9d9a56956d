import numpy as np
import pytest

from harness.features.regions import Regions


def described(image, **params):
    regions = Regions(**params).fit(image[None])
    names = [name.removeprefix("regions_") for name in regions.get_feature_names_out()]
    return dict(zip(names, regions.transform(image[None])[0], strict=True))


def test_hand_computed_properties_of_a_rectangle():
    image = np.zeros((10, 20), np.uint8)
    image[2:6, 8:16] = 200
    found = described(image)
    diagonal = np.hypot(10, 20)
    # The ellipse of equal second moments: its axes are 4 standard deviations, of the numbers 1 to 8 and 1 to 4.
    major, minor = (4 * np.sqrt((side**2 - 1) / 12) for side in (8, 4))

    expected = {
        "area": 32 / 200,
        "row": 0.4,
        "column": 0.6,
        "top": 0.2,
        "left": 0.4,
        "bottom": 0.6,
        "right": 0.8,
        "major_axis": major / diagonal,
        "minor_axis": minor / diagonal,
        "eccentricity": np.sqrt(1 - (minor / major) ** 2),
        "orientation_cos": -np.sqrt(1 - (minor / major) ** 2),  # across: 90 degrees, twice that is 180
        "orientation_sin": 0,
        "extent": 1,
        "solidity": 1,
        "perimeter": 20 / 60,  # from middle to middle of the pixels: 2 * (7 + 3)
    }
    assert found == pytest.approx(expected, abs=1e-6)


def test_orientation_does_not_jump():
    falling = np.eye(9, dtype=np.uint8) * 255
    upright = np.zeros((9, 9), np.uint8)
    upright[:, 4] = 255
    angles = {
        name: [described(image)[f"orientation_{what}"] for what in ("cos", "sin")]
        for name, image in {"|": upright, "\\": falling, "/": falling[::-1], "-": upright.T}.items()
    }

    assert angles["|"] == pytest.approx([1, 0], abs=1e-6)
    assert angles["-"] == pytest.approx([-1, 0], abs=1e-6)
    assert angles["\\"] == pytest.approx([0, 1], abs=1e-6)
    assert angles["/"] == pytest.approx([0, -1], abs=1e-6)


def test_all_pieces_are_one_region():
    pieces = np.zeros((8, 8), np.uint8)
    pieces[0, 0] = pieces[7, 7] = 255
    found = described(pieces)

    assert (found["top"], found["left"], found["bottom"], found["right"]) == (0, 0, 1, 1)
    assert found["area"] == pytest.approx(2 / 64)
    assert found["extent"] == pytest.approx(2 / 64)
    assert found["solidity"] < 0.5


def test_a_disc_has_no_orientation():
    y, x = np.mgrid[-10:11, -10:11]
    found = described(np.uint8(255) * (x**2 + y**2 <= 81))

    assert found["eccentricity"] == pytest.approx(0, abs=1e-3)
    assert found["orientation_cos"] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (5, 7)])
@pytest.mark.parametrize("value", [0, 255])
def test_empty_and_full_images_are_finite(shape, value):
    found = np.array(list(described(np.full(shape, value, np.uint8), threshold=0.5).values()))

    assert np.isfinite(found).all()
    assert found.any() == (value == 255)
