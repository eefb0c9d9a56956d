import joblib
import numpy as np
import pytest

from harness.errors import TrialError
from harness.features import patches
from harness.features.patches import Patches

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 15, 13), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (12, 15, 13, 3), dtype=np.uint8)
SMALL = {"size": 4, "centres": 9, "sample": 2000, "random_state": 0}


def second_opinion(feature, image, size, step, grid):
    """The encoding as Coates, Lee and Ng describe it, patch by patch, float64."""
    height, width = ((side - size) // step + 1 for side in image.shape[:2])
    cells = [[[] for _ in range(grid)] for _ in range(grid)]
    for row in range(height):
        for column in range(width):
            part = image[row * step : row * step + size, column * step : column * step + size].astype(float)
            # As sliding windows lie: the channel first.
            patch = np.moveaxis(part, -1, 0).ravel() if part.ndim == 3 else part.ravel()
            patch = (patch - patch.mean()) / np.sqrt(patch.var() + 10)
            patch = (patch - feature.mean_) @ feature.whitening_
            distances = np.array([np.linalg.norm(patch - centre) for centre in feature.centres_])
            cell = [
                next(index for index in range(grid) if place < (index + 1) * side // grid)
                for place, side in ((row, height), (column, width))
            ]
            cells[cell[0]][cell[1]].append(np.maximum(0, distances.mean() - distances))
    return np.concatenate([np.mean(cell, axis=0) for line in cells for cell in line])


@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize(("step", "grid", "whiten"), [(1, 2, True), (2, 3, True), (1, 1, False)])
def test_agrees_with_a_second_implementation(images, step, grid, whiten):
    feature = Patches(**SMALL, step=step, grid=grid, whiten=whiten).fit(images)
    expected = [second_opinion(feature, image, 4, step, grid) for image in images[:3]]

    np.testing.assert_allclose(feature.transform(images[:3]), expected, rtol=1e-3, atol=1e-4)


def test_whitened_patches_have_nearly_the_identity_as_covariance(monkeypatch):
    monkeypatch.setattr(patches, "WHITENING", 1e-6)
    samples = RNG.normal(size=(5000, 6)).astype(np.float32) @ RNG.normal(size=(6, 6)).astype(np.float32)
    matrix = patches.zca(samples)

    np.testing.assert_allclose(np.cov(samples @ matrix, rowvar=False), np.eye(6), atol=1e-2)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-4)


def test_the_centres_are_the_kinds_of_patches_that_there_are():
    # Stripes down and stripes across: unwhitened, of 2x2 pixels and period 2, there are two kinds of each.
    down = np.tile(np.array([0, 255], np.uint8), (8, 4))
    images = np.stack([down, down.T] * 3)
    feature = Patches(size=2, centres=4, whiten=False, sample=500, random_state=0).fit(images)
    kinds = {tuple(np.round(centre + feature.mean_).astype(int)) for centre in feature.centres_}

    assert kinds == {(-1, 1, -1, 1), (1, -1, 1, -1), (-1, -1, 1, 1), (1, 1, -1, -1)}


def test_a_patch_at_a_centre_keeps_its_digits():
    centres = RNG.normal(size=(20, 108)).astype(np.float32)
    found = patches.triangle(centres + np.float32(1e-3), centres)
    distances = np.linalg.norm(centres[:, None] + 1e-3 - centres.astype(float), axis=-1)

    np.testing.assert_allclose(found, np.maximum(distances.mean(axis=1)[:, None] - distances, 0), rtol=1e-5, atol=1e-5)


def test_brightness_and_contrast_hardly_count():
    low = RNG.integers(0, 100, (12, 15, 13), dtype=np.uint8)
    feature = Patches(**SMALL).fit(low)

    np.testing.assert_allclose(feature.transform(low * 2 + 50), feature.transform(low), rtol=0.02, atol=0.02)


def test_flat_images_are_described_by_finite_numbers():
    assert np.isfinite(Patches(**SMALL).fit_transform(np.full((3, 9, 9), 77, np.uint8))).all()


def test_the_seed_decides():
    first, again, other = (Patches(**SMALL | {"random_state": seed}).fit_transform(GREY) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


@pytest.mark.parametrize("limit", [1, 9 * 10 * 4, 9 * 10 * 12 * 5])
def test_batches_strips_and_threads_change_nothing(limit, monkeypatch):
    feature = Patches(**SMALL).fit(GREY)
    expected = feature.transform(GREY)
    monkeypatch.setattr(patches, "BATCH", limit)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        np.testing.assert_allclose(feature.transform(GREY), expected, rtol=1e-5, atol=1e-6)


def test_more_centres_than_patches_is_lowered_with_a_warning():
    with pytest.warns(UserWarning, match="patches: centres lowered from 9 to 5, all the samples that there are"):
        assert Patches(**SMALL | {"sample": 5}, grid=1).fit_transform(GREY).shape == (12, 5)


def test_names_say_which_cell_and_centre_a_value_is_of():
    names = Patches(**SMALL, grid=2).fit(GREY).get_feature_names_out()

    assert (len(names), names[0], names[-1]) == (36, "patches_0_0_0", "patches_1_1_8")


def test_images_with_fewer_patches_than_cells_are_refused():
    feature = Patches(size=6, grid=3, step=2, centres=2, sample=20)
    with pytest.raises(
        TrialError, match=r"3x3 cells of patches of 6x6 .* at least 10x10 .* 9x12; make size, grid or step"
    ):
        feature.fit(np.zeros((1, 9, 12), np.uint8))

    assert feature.fit_transform(np.zeros((1, 10, 10), np.uint8)).shape == (1, 18)


def test_images_of_another_size_are_refused():
    with pytest.raises(TrialError, match=r"fitted on images of shape \(15, 13\), received images of shape \(15, 12\)"):
        Patches(**SMALL).fit(GREY).transform(GREY[:, :, :12])
