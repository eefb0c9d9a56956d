import numpy as np
import pytest
from skimage.filters import gabor

from harness.features.gabor import STRIP, Gabor

NOISE = np.random.default_rng(1).integers(0, 256, (3, 15, 22), dtype=np.uint8)


@pytest.mark.parametrize(
    ("shape", "frequencies"),
    # The second is wider and higher than what is computed together, the third smaller than its filter.
    [((3, 15, 22), (0.15, 0.3)), ((1, STRIP + 5, 2 * STRIP + 1), (0.1,)), ((2, 9, 8), (0.05,))],
)
def test_agrees_with_scikit_image_filter_by_filter(shape, frequencies):
    orientations, grid = 3, 2
    images = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    found = Gabor(frequencies=frequencies, orientations=orientations, grid=grid).fit_transform(images)
    high, wide = (side // 2 for side in shape[1:])
    for image, row in zip(images, found, strict=True):
        expected = []
        for frequency in frequencies:
            for index in range(orientations):
                real, imaginary = gabor(image / 255, frequency, np.pi * index / orientations, mode="constant", cval=0)
                magnitude = np.hypot(real, imaginary)
                for band in (magnitude[:high], magnitude[high:]):
                    for cell in (band[:, :wide], band[:, wide:]):
                        expected += [cell.mean(), cell.std()]
        np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("place", range(2))
def test_the_filter_of_a_waves_own_frequency_and_orientation_answers_most(index, place):
    frequencies, angle = (0.1, 0.25), np.pi * index / 4
    rows, columns = np.mgrid[:64, :64]
    phase = 2 * np.pi * frequencies[place] * (columns * np.cos(angle) + rows * np.sin(angle))
    wave = np.round(127.5 * (1 + np.sin(phase))).astype(np.uint8)[None]
    # The cell in the middle, far from the step to the black outside.
    means = Gabor(frequencies=frequencies, grid=3).fit_transform(wave).reshape(2, 4, 3, 3, 2)[:, :, 1, 1, 0]

    assert np.unravel_index(means.argmax(), means.shape) == (place, index)


def test_twice_the_brightness_is_twice_the_response():
    half = NOISE // 2

    np.testing.assert_allclose(Gabor().fit_transform(half * 2), 2 * Gabor().fit_transform(half), rtol=1e-3, atol=1e-5)


def test_names_say_which_filter_cell_and_statistic_a_value_is_of():
    names = Gabor().fit(np.zeros((1, 28, 28), np.uint8)).get_feature_names_out()

    assert len(names) == 3 * 4 * 16 * 2
    assert (names[1], names[-2]) == ("gabor_0.1_0_0_0_std", "gabor_0.3_3_3_3_mean")
