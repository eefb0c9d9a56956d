import numpy as np
import pytest
from scipy.stats import moment

from harness.features.colour import Colour

NOISE = (np.random.default_rng(1).random((6, 13, 17)) ** 3 * 256).astype(np.uint8)


@pytest.mark.parametrize("bins", [1, 5, 16, 256])
def test_histograms_agree_with_numpy(bins):
    expected = [np.histogram(image, bins, (0, 256))[0] / image.size for image in NOISE]

    np.testing.assert_allclose(Colour(bins=bins).fit_transform(NOISE)[:, :bins], expected, rtol=1e-6)


def test_moments_agree_with_scipy():
    found = Colour(bins=1).fit_transform(NOISE)[:, 1:]
    pixels = NOISE.reshape(6, -1) / 255
    expected = [pixels.mean(axis=1), moment(pixels, 2, axis=1) ** 0.5, np.cbrt(moment(pixels, 3, axis=1))]

    np.testing.assert_allclose(found.T, expected, rtol=1e-5)


def test_hand_computed_values_of_a_red_image_with_one_white_pixel():
    image = np.zeros((1, 2, 2, 3), np.uint8)
    image[..., 0] = 255
    image[0, 0, 0] = 255
    colour = Colour(bins=2)
    found = dict(zip(colour.fit(image).get_feature_names_out(), colour.transform(image)[0], strict=True))

    assert [found[f"colour_0_{channel}"] for channel in range(3)] == [0, 0.75, 0.75]
    assert [found[f"colour_mean_{channel}"] for channel in range(3)] == [1, 0.25, 0.25]
    assert found["colour_std_1"] == pytest.approx(0.1875**0.5)
    # (0.75 ** 3 + 3 * (-0.25) ** 3) / 4
    assert found["colour_skewness_1"] == pytest.approx(0.09375 ** (1 / 3))


def test_where_a_pixel_stands_does_not_matter():
    shuffled = np.random.default_rng(2).permuted(NOISE.reshape(6, -1), axis=1).reshape(NOISE.shape)

    np.testing.assert_allclose(Colour().fit_transform(shuffled), Colour().fit_transform(NOISE), rtol=1e-5)
