import numpy as np
import pytest
from skimage.feature import graycomatrix, graycoprops

from harness.features.glcm import DEGREES, PROPERTIES, Glcm

NOISE = np.random.default_rng(1).integers(0, 256, (7, 13, 17), dtype=np.uint8)
STEPS = {0: (0, 1), 45: (1, 1), 90: (1, 0), 135: (1, -1)}  # row and column; scikit-image counts rows downwards


def second_opinion(image, distance, angle, levels):
    """The six properties as Haralick, Shanmugam and Dinstein define them, pair by pair."""
    down, right = (step * distance if angle % 90 == 0 else round(step * distance / 2**0.5) for step in STEPS[angle])
    counts = np.zeros((levels, levels))
    for row, column in np.ndindex(image.shape):
        if 0 <= row + down < image.shape[0] and 0 <= column + right < image.shape[1]:
            one, other = (
                int(value) * levels // 256 for value in (image[row, column], image[row + down, column + right])
            )
            counts[one, other] += 1
            counts[other, one] += 1
    share = counts / counts.sum()
    i, j = np.indices(share.shape)
    mean = (i * share).sum()
    variance = ((i - mean) ** 2 * share).sum()
    return {
        "contrast": ((i - j) ** 2 * share).sum(),
        "dissimilarity": (abs(i - j) * share).sum(),
        "homogeneity": (share / (1 + (i - j) ** 2)).sum(),
        "ASM": (share**2).sum(),
        "energy": (share**2).sum() ** 0.5,
        "correlation": ((i - mean) * (j - mean) * share).sum() / variance,
    }


@pytest.mark.parametrize(("distances", "levels"), [((1,), 8), ((1, 2, 5), 5), ((3,), 256)])
def test_noise_agrees_with_a_second_implementation(distances, levels):
    glcm = Glcm(distances=distances, levels=levels)
    matrix = glcm.fit_transform(NOISE)
    for column, name in zip(matrix.T, glcm.get_feature_names_out(), strict=True):
        _, what, distance, angle = name.split("_")
        expected = [second_opinion(image, int(distance), int(angle), levels)[what] for image in NOISE]
        np.testing.assert_allclose(column, expected, rtol=1e-5, atol=1e-6)


def test_agrees_with_scikit_image_on_each_image_of_its_own():
    for image, row in zip(NOISE, Glcm(distances=(1, 2)).fit_transform(NOISE), strict=True):
        matrices = graycomatrix(image // 32, [1, 2], np.radians(DEGREES), 8, symmetric=True, normed=True)
        expected = np.concatenate([graycoprops(matrices, name).ravel() for name in PROPERTIES])
        np.testing.assert_allclose(row, expected, rtol=1e-6, atol=1e-6)


def test_hand_computed_stripes():
    # Black and white columns: across, each pair is of levels 0 and 1; down, of equal levels.
    stripes = np.tile(np.array([0, 255], np.uint8), (4, 2))[None]
    glcm = Glcm(distances=(1,), levels=2)
    found = dict(zip(glcm.fit(stripes).get_feature_names_out(), glcm.transform(stripes)[0], strict=True))

    assert [found[f"glcm_contrast_1_{angle}"] for angle in DEGREES] == [1, 1, 0, 1]
    assert [found[f"glcm_homogeneity_1_{angle}"] for angle in DEGREES] == [0.5, 0.5, 1, 0.5]
    assert [found[f"glcm_ASM_1_{angle}"] for angle in DEGREES] == [0.5] * 4
    np.testing.assert_allclose([found[f"glcm_correlation_1_{angle}"] for angle in DEGREES], [-1, -1, 1, -1], rtol=1e-6)


def test_a_half_turn_changes_nothing_and_a_quarter_turn_swaps_directions():
    glcm = Glcm(distances=(1, 2))
    shape = (len(NOISE), len(PROPERTIES), 2, len(DEGREES))
    found = glcm.fit_transform(NOISE).reshape(shape)

    np.testing.assert_allclose(glcm.fit_transform(NOISE[:, ::-1, ::-1]).reshape(shape), found, rtol=1e-6)
    turned = glcm.fit_transform(np.rot90(NOISE, axes=(1, 2))).reshape(shape)
    np.testing.assert_allclose(turned, found[..., [2, 3, 0, 1]], rtol=1e-6)
