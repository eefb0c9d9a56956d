import numpy as np
import pytest
from skimage.measure import moments_central, moments_hu, moments_normalized

from harness.data.mnist import Mnist
from harness.features.hu import Hu, normalised_moments

NOISE = np.random.default_rng(1).integers(0, 256, (9, 13, 17), dtype=np.uint8)


def moments(images):
    """The moments themselves, the logarithm undone."""
    logarithms = Hu().fit_transform(images).astype(float)
    return np.sign(logarithms) * (10 ** np.abs(logarithms) - 1) * 1e-12


def by_image(images):
    return [moments_hu(moments_normalized(moments_central(image / 255))) for image in images]


@pytest.fixture(scope="module")
def shapes():
    """Blots without symmetry, on a black ground with room to move."""
    images = np.zeros((5, 40, 40), np.uint8)
    images[:, 8:21, 8:25] = NOISE[:5]
    images[:, 8:14, 8:12] = 255
    images[:, 19:21, 14:25] = 0
    return images


def test_moments_agree_with_scikit_image_on_each_image_of_its_own():
    np.testing.assert_allclose(moments(NOISE), by_image(NOISE), rtol=1e-4, atol=1e-16)


def test_real_digits_agree_with_scikit_image(mnist_home):
    images = Mnist().load(mnist_home).x_test[:40]
    expected = np.array(by_image(images))

    np.testing.assert_allclose(
        Hu().fit_transform(images), np.sign(expected) * np.log10(1 + np.abs(expected) / 1e-12), rtol=0, atol=1e-5
    )


def test_hand_computed_moments_of_a_bar():
    # Four bright pixels in a row: mass 4, second moment along it 2 * (0.5 ** 2 + 1.5 ** 2) = 5, all others 0; divided
    # by mass ** 2, 5/16. Its sum and difference with 0 give h1 = 5/16 and h2 = (5/16) ** 2.
    bar = np.zeros((1, 3, 6), np.uint8)
    bar[0, 1, 1:5] = 255

    np.testing.assert_allclose(moments(bar), [[5 / 16, 25 / 256, 0, 0, 0, 0, 0]], rtol=1e-5, atol=1e-12)
    assert normalised_moments(bar)[0, 0, 2] == pytest.approx(5 / 16)


def test_shift_quarter_turns_and_scale_change_nothing(shapes):
    expected = Hu().fit_transform(shapes)
    assert np.abs(expected).min() > 0.5

    for changed in (np.roll(shapes, (7, 3), axis=(1, 2)), np.rot90(shapes, axes=(1, 2))):
        np.testing.assert_allclose(Hu().fit_transform(changed), expected, rtol=1e-4, atol=1e-4)
    # The second moments of a pixel itself are not scaled, so that doubling is only nearly the same.
    doubled = shapes.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(Hu().fit_transform(doubled)[:, :4], expected[:, :4], rtol=0.02, atol=0.02)


def test_a_mirror_image_changes_only_the_sign_of_the_seventh(shapes):
    mirrored = Hu().fit_transform(shapes[:, :, ::-1])

    np.testing.assert_allclose(mirrored, Hu().fit_transform(shapes) * [1, 1, 1, 1, 1, 1, -1], rtol=1e-4, atol=1e-4)


def test_a_black_image_is_all_zero():
    assert not Hu().fit_transform(np.zeros((1, 8, 8), np.uint8)).any()
