import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import local_binary_pattern

from harness.data.mnist import Mnist
from harness.features.lbp import CHUNK, FEW, Lbp

NOISE = np.random.default_rng(1).integers(0, 256, (9, 13, 17), dtype=np.uint8)


def by_image(images, radii, n_points, grid, method="uniform"):
    """Histograms of cells from scikit-image's codes, image by image and cell by cell."""
    n_codes = {"uniform": n_points + 2, "nri_uniform": n_points * (n_points - 1) + 3}[method]
    rows = []
    for image in images:
        row = []
        for radius in radii:
            codes = local_binary_pattern(image, n_points, radius, method=method)
            for band in bands(image.shape[0], grid):
                for strip in bands(image.shape[1], grid):
                    cell = codes[np.ix_(band, strip)].astype(int)
                    row.extend(np.bincount(cell.ravel(), minlength=n_codes) / cell.size)
        rows.append(row)
    return rows


def bands(side, grid):
    return [np.arange(index * side // grid, (index + 1) * side // grid) for index in range(grid)]


def second_opinion(image, n_points):
    """Uniform codes at radius 1, pixel by pixel, as Ojala, Pietikäinen and Mäenpää define them."""
    padded = np.pad(image.astype(float), 2)
    codes = np.zeros(image.shape, int)
    for row, column in np.ndindex(image.shape):
        bits = []
        for angle in 2 * np.pi * np.arange(n_points) / n_points:
            y, x = round(row + 2 - np.sin(angle), 5), round(column + 2 + np.cos(angle), 5)
            top, left = int(y), int(x)
            down, right = y - top, x - left
            value = (
                padded[top, left] * (1 - down) * (1 - right)
                + padded[top, left + 1] * (1 - down) * right
                + padded[top + 1, left] * down * (1 - right)
                + padded[top + 1, left + 1] * down * right
            )
            bits.append(value >= image[row, column])
        changes = sum(bits[index] != bits[index - 1] for index in range(n_points))
        codes[row, column] = sum(bits) if changes <= 2 else n_points + 1
    return codes


@pytest.mark.parametrize(("radii", "n_points", "grid"), [((1, 2), 8, 4), ((3,), 24, 1), ((1, 2, 3), 16, 3)])
def test_agrees_with_scikit_image_on_each_image_of_its_own(radii, n_points, grid):
    found = Lbp(radii=radii, n_points=n_points, grid=grid).fit_transform(NOISE)

    np.testing.assert_allclose(found, by_image(NOISE, radii, n_points, grid), rtol=0, atol=1e-6)


@settings(max_examples=40)
@given(
    sides=st.tuples(st.integers(7, 30), st.integers(7, 30)),
    levels=st.sampled_from([1, 2, 3, 256]),
    radius=st.integers(1, 3),
    n_points=st.integers(3, 26),
    method=st.sampled_from(["uniform", "nri_uniform"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_flat_and_noisy_images_agree_with_scikit_image(sides, levels, radius, n_points, method, seed):
    # Few levels: where equal pixels meet, scikit-image's rounding depends on the place in the image.
    rng = np.random.default_rng(seed)
    images = (rng.integers(0, levels, (FEW, *sides)) * (199 // levels) + 37).astype(np.uint8)
    found = Lbp(radii=(radius,), n_points=n_points, method=method, grid=2).fit_transform(images)

    np.testing.assert_allclose(found, by_image(images, (radius,), n_points, 2, method), rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", ["uniform", "nri_uniform"])
@pytest.mark.parametrize("n", [1, FEW, CHUNK + 3])
def test_any_number_of_images_is_described_as_each_by_itself(n, method):
    images = np.random.default_rng(2).integers(0, 256, (n, 9, 8), dtype=np.uint8)

    np.testing.assert_allclose(
        Lbp(method=method).fit_transform(images), by_image(images, (1, 2), 8, 4, method), rtol=0, atol=1e-6
    )


def test_real_digits_agree_with_scikit_image(mnist_home):
    images = Mnist().load(mnist_home).x_test[:40]

    np.testing.assert_allclose(Lbp().fit_transform(images), by_image(images, (1, 2), 8, 4), rtol=0, atol=1e-6)


@pytest.mark.parametrize("n_points", [4, 8])
def test_noise_agrees_with_a_second_implementation(n_points):
    expected = [np.bincount(second_opinion(image, n_points).ravel(), minlength=n_points + 2) / 221 for image in NOISE]

    np.testing.assert_allclose(
        Lbp(radii=(1,), n_points=n_points, grid=1).fit_transform(NOISE), expected, rtol=0, atol=1e-6
    )


def test_a_hand_computed_dot():
    # One bright pixel in 3x3: none of its four neighbours reaches it, code 0. The other eight pixels are black, and all
    # around them is as bright or brighter, code 4.
    dot = np.zeros((1, 3, 3), np.uint8)
    dot[0, 1, 1] = 200

    np.testing.assert_allclose(
        Lbp(radii=(1,), n_points=4, grid=1).fit_transform(dot), [[1 / 9, 0, 0, 0, 8 / 9, 0]], rtol=1e-6
    )


@pytest.mark.parametrize("n_points", [3, 8])
def test_each_uniform_pattern_can_have_a_code_of_its_own(n_points):
    lbp = Lbp(radii=(2,), n_points=n_points, grid=2, method="nri_uniform")
    matrix = lbp.fit_transform(NOISE)

    np.testing.assert_allclose(matrix, by_image(NOISE, (2,), n_points, 2, "nri_uniform"), rtol=0, atol=1e-6)
    np.testing.assert_allclose(matrix.reshape(9, 4, -1).sum(axis=2), 1, rtol=1e-6)
    assert len(lbp.get_feature_names_out()) == matrix.shape[1]


def test_the_histogram_of_a_whole_image_does_not_change_by_quarter_turns_or_brightness():
    # Four points lie on pixels: no interpolation that rounding could tip over.
    lbp = Lbp(radii=(1, 2), n_points=4, grid=1)
    expected = lbp.fit_transform(NOISE)

    np.testing.assert_array_equal(lbp.fit_transform(np.rot90(NOISE, axes=(1, 2))), expected)
    # Half of the brightness, one-to-one on even values, keeps what is brighter than what.
    even = NOISE // 2 * 2
    np.testing.assert_array_equal(lbp.fit_transform(even // 2), lbp.fit_transform(even))


def test_each_histogram_adds_up_to_one():
    np.testing.assert_allclose(
        Lbp(radii=(1, 3), grid=2).fit_transform(NOISE).reshape(9, 2 * 4, 10).sum(axis=2), 1, rtol=1e-6
    )


def test_names_say_which_radius_cell_and_code_a_value_is_of():
    names = Lbp().fit(np.zeros((1, 28, 28), np.uint8)).get_feature_names_out()

    assert len(names) == 2 * 16 * 10
    assert (names[0], names[-1]) == ("lbp_1_0_0_0", "lbp_2_3_3_9")
