import numpy as np
import pytest
from skimage.filters import sobel_h, sobel_v

from harness.features.edges import Edges, sobel

NOISE = np.random.default_rng(1).integers(0, 256, (6, 13, 17), dtype=np.uint8)


def test_gradients_agree_with_scikit_image_on_each_image_of_its_own():
    for found, one in zip(sobel(NOISE), (sobel_h, sobel_v), strict=True):
        expected = [one(image.astype(float)) * 4 for image in NOISE]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_noise_agrees_with_a_second_implementation():
    found = Edges(orientations=6, grid=2, threshold=0.3).fit_transform(NOISE).reshape(6, 2, 2, 7)
    for image, cells in zip(NOISE, found, strict=True):
        padded = np.pad(image.astype(int), 1, mode="edge")
        expected = np.zeros((2, 2, 7))
        for row, column in np.ndindex(image.shape):
            around = padded[row : row + 3, column : column + 3]
            down, across = (1, 2, 1) @ (around[2] - around[0]), (1, 2, 1) @ (around[:, 2] - around[:, 0])
            length = (down**2 + across**2) ** 0.5 / 1020
            cell = expected[int(row >= 6), int(column >= 8)]
            cell[0] += length >= 0.3
            cell[1 + int(np.degrees(np.arctan2(down, across)) % 180 // 30)] += length
        sizes = np.outer([6, 7], [8, 9])[..., None]
        np.testing.assert_allclose(cells, expected / sizes, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("turns", "bin_"), [(0, 0), (1, 2), (2, 0), (3, 2)])
def test_a_hand_computed_step(turns, bin_):
    # From black to white in the middle of 8 columns: the two columns beside the step have gradient 1, at 0 degrees; a
    # quarter turn later at 90, which is the third of four bins.
    step = np.rot90(np.repeat(np.array([0, 255], np.uint8), 4) * np.ones((8, 1), np.uint8), turns)[None]
    expected = np.zeros(5)
    expected[[0, 1 + bin_]] = 2 / 8

    np.testing.assert_allclose(Edges(orientations=4, grid=1).fit_transform(step), [expected], rtol=1e-6)


@pytest.mark.parametrize(("slope", "bin_"), [((1, 1), 1), ((-1, 1), 3), ((-1, -1), 1), ((0, -1), 0), ((-1, 0), 2)])
def test_directions_at_the_borders_of_bins_are_in_the_upper_one(slope, bin_):
    rows, columns = np.mgrid[-4:5, -4:5]
    ramp = (128 + 10 * (slope[0] * rows + slope[1] * columns)).astype(np.uint8)[None]
    middle = Edges(orientations=4, grid=3).fit_transform(ramp).reshape(3, 3, 5)[1, 1]

    assert np.flatnonzero(middle[1:]).tolist() == [bin_]


def test_a_negative_has_the_same_edges():
    np.testing.assert_allclose(Edges(grid=3).fit_transform(255 - NOISE), Edges(grid=3).fit_transform(NOISE), atol=1e-6)


def test_a_flat_image_has_no_edges():
    assert not Edges().fit_transform(np.full((1, 16, 16), 200, np.uint8)).any()


def test_names_say_which_cell_and_bin_a_value_is_of():
    names = Edges(orientations=2, grid=2).fit(np.zeros((1, 8, 8), np.uint8)).get_feature_names_out()

    assert names.tolist()[:4] == ["edges_0_0_density", "edges_0_0_0", "edges_0_0_1", "edges_0_1_density"]
