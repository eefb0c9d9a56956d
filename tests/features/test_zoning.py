import numpy as np

from harness.features.pixels import Pixels
from harness.features.zoning import Zoning


def test_hand_computed_means():
    image = np.array([[[0, 255, 51], [255, 255, 51], [51, 51, 102]]], np.uint8)

    # Rows and columns of 3 pixels in 2 cells: the first has one, the second two.
    np.testing.assert_allclose(Zoning(grid=2).fit_transform(image), [[0, 0.6, 0.6, 459 / 4 / 255]], rtol=1e-6)


def test_a_cell_per_pixel_is_the_pixels():
    images = np.random.default_rng(0).integers(0, 256, (4, 9, 9), dtype=np.uint8)

    np.testing.assert_allclose(Zoning(grid=9).fit_transform(images), Pixels().fit_transform(images), rtol=1e-6)


def test_one_cell_is_the_mean_of_the_image():
    images = np.random.default_rng(0).integers(0, 256, (4, 9, 13), dtype=np.uint8)

    np.testing.assert_allclose(Zoning(grid=1).fit_transform(images)[:, 0], images.mean(axis=(1, 2)) / 255, rtol=1e-6)


def test_names_say_where_a_cell_is():
    assert Zoning(grid=2).fit(np.zeros((1, 4, 4), np.uint8)).get_feature_names_out().tolist() == [
        "zoning_0_0",
        "zoning_0_1",
        "zoning_1_0",
        "zoning_1_1",
    ]
    assert Zoning().fit(np.zeros((1, 9, 9, 3), np.uint8)).get_feature_names_out()[1] == "zoning_0_0_1"
