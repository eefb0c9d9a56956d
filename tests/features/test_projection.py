import numpy as np

from harness.features.projection import Projection


def test_hand_computed_profiles_and_their_names():
    image = np.array([[[0, 255, 51], [0, 255, 0]]], np.uint8)
    projection = Projection()

    np.testing.assert_allclose(projection.fit_transform(image), [[0.4, 1 / 3, 0, 1, 0.1]], rtol=1e-6)
    assert projection.get_feature_names_out().tolist() == [
        "projection_row_0",
        "projection_row_1",
        "projection_column_0",
        "projection_column_1",
        "projection_column_2",
    ]


def test_turning_the_image_over_its_diagonal_swaps_the_profiles():
    images = np.random.default_rng(0).integers(0, 256, (4, 9, 13), dtype=np.uint8)
    found, turned = Projection().fit_transform(images), Projection().fit_transform(images.transpose(0, 2, 1))

    np.testing.assert_allclose(np.roll(found, -9, axis=1), turned, rtol=1e-6)
