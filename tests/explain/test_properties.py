from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import disk

from harness.explain.properties import HUE, SHAPE, bank

SIDE = 40


def one(image: np.ndarray) -> dict[str, float]:
    found = bank(image[None])
    return dict(zip(found.names, found.values[0], strict=True))


def blank() -> np.ndarray:
    return np.zeros((SIDE, SIDE), np.uint8)


def ring() -> np.ndarray:
    image = blank()
    image[disk((20, 20), 14)] = 255
    image[disk((20, 20), 8)] = 0
    return image


def bar(shear: float = 0.0, width: int = 5) -> np.ndarray:
    image = blank()
    for row in range(8, 32):
        left = round(18 + shear * (row - 20))
        image[row, left : left + width] = 255
    return image


def test_a_ring_has_one_hole_and_looks_like_its_mirror_images() -> None:
    found = one(ring())
    assert found["holes"] == 1
    assert found["symmetry_left_right"] > 0.99
    assert found["symmetry_top_bottom"] > 0.99
    assert found["width"] == found["height"] == pytest.approx(27 / SIDE)
    assert found["area"] == pytest.approx(np.mean(ring() > 0))
    # The skeleton is a circle of radius 11, at most a pixel a step.
    assert 2 * np.pi * 11 / SIDE * 0.8 < found["length"] < 2 * np.pi * 11 / SIDE * 1.1
    assert found["thickness"] == pytest.approx(6, abs=1)


def test_an_eight_has_two_holes_and_a_disc_none() -> None:
    eight = blank()
    eight[4:36, 10:30] = 200
    eight[8:18, 14:26] = eight[22:32, 14:26] = 0
    assert one(eight)["holes"] == 2
    full = blank()
    full[disk((20, 20), 10)] = 255
    assert one(full)["holes"] == 0


@pytest.mark.parametrize("shear", [-0.5, 0.0, 0.3])
def test_a_sheared_bar_has_its_slant(shear: float) -> None:
    assert one(bar(shear))["slant"] == pytest.approx(-np.degrees(np.arctan(shear)), abs=1.5)


def test_thickness_and_length_tell_a_thick_bar_from_a_long_one() -> None:
    thin, thick = one(bar(width=3)), one(bar(width=7))
    assert thin["thickness"] == pytest.approx(3, abs=0.5)
    assert thick["thickness"] == pytest.approx(7, abs=1)
    assert thin["length"] == pytest.approx(24 / SIDE, abs=0.1)


def test_an_asymmetric_shape_is_told_apart_by_axis() -> None:
    image = blank()
    image[10:30, 10:14] = image[10:14, 10:26] = 255  # a gamma
    found = one(image)
    assert found["symmetry_left_right"] < 0.5
    assert found["symmetry_top_bottom"] < 0.5
    assert one(bar(0.5))["symmetry_left_right"] < 0.5


def test_dark_ink_on_white_is_the_same_object_as_white_on_black() -> None:
    one_way, other = one(ring()), one(255 - ring())
    for name in ("area", "length", "holes", "slant", "width"):
        assert one_way[name] == pytest.approx(other[name])
    assert one_way["brightness"] == pytest.approx(1 - other["brightness"])


def test_an_empty_image_has_finite_properties() -> None:
    for value in (0, 255):
        found = one(np.full((SIDE, SIDE), value, np.uint8))
        assert found["area"] == found["holes"] == 0
        assert found["brightness"] == value / 255
        assert np.isfinite(list(found.values())).all()


def test_hue_of_colour_images_lies_on_a_circle() -> None:
    images = np.zeros((4, 16, 16, 3), np.uint8)
    images[0, ..., 0] = 255  # red
    images[1, ..., 1] = 255  # green
    images[2] = (255, 0, 4)  # red again, from the scale's other end
    images[3] = 128  # grey has none
    found = bank(images)
    assert found.names == SHAPE + HUE
    hue = found.values[:, -2:]
    np.testing.assert_allclose(hue[0], (1, 0), atol=1e-9)
    np.testing.assert_allclose(hue[1], (-0.5, np.sqrt(0.75)), atol=1e-9)
    np.testing.assert_allclose(hue[2], hue[0], atol=0.03)
    np.testing.assert_allclose(hue[3], 0, atol=1e-9)
    assert bank(images[..., :1]).names == SHAPE
