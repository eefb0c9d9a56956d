import numpy as np
import pytest
from mahotas.features import zernike_moments
from pydantic import ValidationError

from harness import registry
from harness.data.mnist import Mnist
from harness.features.zernike import Zernike

NOISE = np.random.default_rng(0).integers(0, 256, (6, 15, 20), dtype=np.uint8)


@pytest.mark.parametrize("degree", [1, 8, 12, 20])
@pytest.mark.parametrize("radius", [None, 4, 30])
def test_moments_agree_with_mahotas(degree, radius):
    found = Zernike(degree=degree, radius=radius).fit_transform(NOISE)
    expected = [zernike_moments(image, radius or 7.5, degree) for image in NOISE]

    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_the_centre_of_the_image_agrees_with_mahotas_too():
    found = Zernike(centre="image").fit_transform(NOISE)

    np.testing.assert_allclose(
        found, [zernike_moments(image, 7.5, 8, cm=(7, 9.5)) for image in NOISE], rtol=1e-6, atol=1e-6
    )


def test_real_digits_agree_with_mahotas(mnist_home):
    images = Mnist().load(mnist_home).x_test[:40]

    np.testing.assert_allclose(
        Zernike().fit_transform(images), [zernike_moments(image, 14) for image in images], rtol=1e-6, atol=1e-6
    )


def test_hand_computed_moments_of_two_dots():
    # Two dots of equal brightness, two pixels left and right of their centre, on a disc of radius 4: r = 1/2. Then
    # A(n, k) = (n + 1) / pi * R(n, k)(1/2) for even k, and 0 for odd ones, where the dots cancel.
    # R(0,0) = 1, R(2,0) = 2 r^2 - 1 = -1/2, R(2,2) = r^2 = 1/4.
    dots = np.zeros((1, 9, 9), np.uint8)
    dots[0, 4, [2, 6]] = 100
    zernike = Zernike(degree=2, radius=4).fit(dots)

    assert list(zernike.get_feature_names_out()) == ["zernike_0_0", "zernike_1_1", "zernike_2_0", "zernike_2_2"]
    np.testing.assert_allclose(zernike.transform(dots) * np.pi, [[1, 0, 3 / 2, 3 / 4]], atol=1e-6)


def test_shifts_quarter_turns_mirrors_and_brightness_change_nothing():
    blots = np.zeros((3, 40, 40), np.uint8)
    blots[:, 9:20, 12:22] = NOISE[:3, :11, :10] // 2
    expected = Zernike(radius=10).fit_transform(blots)

    for changed in (np.roll(blots, (7, 3), axis=(1, 2)), np.rot90(blots, axes=(1, 2)), blots[:, :, ::-1], blots * 2):
        np.testing.assert_allclose(Zernike(radius=10).fit_transform(changed), expected, atol=1e-6)


def test_a_black_image_is_all_zero():
    assert not Zernike().fit_transform(np.zeros((1, 8, 8), np.uint8)).any()


@pytest.mark.parametrize("params", [{"degree": 0}, {"degree": 21}, {"radius": 0.5}, {"centre": "corner"}])
def test_wrong_parameters_are_refused(params):
    with pytest.raises(ValidationError):
        registry.build("features", "zernike", params)
