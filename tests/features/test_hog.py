import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import hog as hog_of_one

from harness.data.mnist import Mnist
from harness.errors import TrialError
from harness.features import base
from harness.features.hog import Hog

CELLS = st.tuples(st.integers(1, 9), st.integers(1, 3))


def second_opinion(image, orientations, cell, block, norm):
    """HOG as Dalal and Triggs define it, hard assignment to bins, loop by loop; float64."""
    pixels = image.astype(float)
    height, width = pixels.shape
    across, down = np.zeros_like(pixels), np.zeros_like(pixels)
    for row in range(height):
        for column in range(width):
            if 0 < column < width - 1:
                across[row, column] = pixels[row, column + 1] - pixels[row, column - 1]
            if 0 < row < height - 1:
                down[row, column] = pixels[row + 1, column] - pixels[row - 1, column]
    angle = np.degrees(np.arctan2(down, across)) % 180
    histograms = np.zeros((height // cell, width // cell, orientations))
    for row in range(height // cell * cell):
        for column in range(width // cell * cell):
            bin_ = int(angle[row, column] // (180 / orientations))
            length = np.sqrt(across[row, column] ** 2 + down[row, column] ** 2)
            histograms[row // cell, column // cell, bin_] += length / cell**2
    blocks = []
    for row in range(histograms.shape[0] - block + 1):
        for column in range(histograms.shape[1] - block + 1):
            part = histograms[row : row + block, column : column + block].ravel()
            length = np.abs(part).sum() + 1e-5 if norm == "L1" else np.sqrt((part**2).sum() + 1e-10)
            part = part / length
            if norm == "L2-Hys":
                part = np.minimum(part, 0.2)
                part = part / np.sqrt((part**2).sum() + 1e-10)
            blocks.append(part)
    return np.concatenate(blocks)


@pytest.mark.parametrize(
    ("orientations", "cell", "block", "norm"),
    [(9, 7, 2, "L2-Hys"), (8, 4, 3, "L2"), (6, 5, 1, "L1"), (12, 14, 2, "L2-Hys")],
)
def test_real_digits_agree_with_a_second_implementation(mnist_home, orientations, cell, block, norm):
    images = Mnist().load(mnist_home).x_test[:15]
    hog = Hog(orientations=orientations, pixels_per_cell=cell, cells_per_block=block, block_norm=norm)
    expected = [second_opinion(image, orientations, cell, block, norm) for image in images]

    np.testing.assert_allclose(hog.fit_transform(images), expected, rtol=0, atol=1e-6)


def test_noise_of_an_odd_size_agrees_with_a_second_implementation():
    images = np.random.default_rng(1).integers(0, 256, (10, 13, 17), dtype=np.uint8)
    expected = [second_opinion(image, 9, 3, 2, "L2-Hys") for image in images]

    np.testing.assert_allclose(Hog(pixels_per_cell=3).fit_transform(images), expected, rtol=0, atol=1e-6)


@settings(max_examples=60)
@given(
    cells=CELLS,
    more=st.tuples(st.integers(0, 12), st.integers(0, 12)),
    channels=st.integers(0, 4),
    levels=st.sampled_from([2, 4, 256]),
    orientations=st.integers(1, 18),
    norm=st.sampled_from(["L1", "L1-sqrt", "L2", "L2-Hys"]),
    root=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_agrees_with_scikit_image_whatever_the_parameters(
    cells, more, channels, levels, orientations, norm, root, seed
):
    # Few levels: many gradients lie on the borders of bins, and many channels have gradients of equal length.
    cell, block = cells
    shape = [max(2, cell * block) + side for side in more] + [channels] * bool(channels)
    images = (np.random.default_rng(seed).integers(0, levels, (2, *shape)) * (255 // (levels - 1))).astype(np.uint8)
    expected = [
        hog_of_one(
            image,
            orientations,
            (cell, cell),
            (block, block),
            norm,
            transform_sqrt=root,
            channel_axis=-1 if channels else None,
        )
        for image in images
    ]
    hog = Hog(
        orientations=orientations,
        pixels_per_cell=cell,
        cells_per_block=block,
        block_norm=norm,
        transform_sqrt=root,
    )

    np.testing.assert_allclose(hog.fit_transform(images), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(23, 16, 15), (23, 16, 15, 3)])
def test_batches_and_threads_change_nothing(shape, monkeypatch):
    images = np.random.default_rng(4).integers(0, 256, shape, dtype=np.uint8)
    hog = Hog(pixels_per_cell=4)
    expected = hog.fit_transform(images)
    monkeypatch.setattr(base, "BATCH_PIXELS", 5 * np.prod(shape[1:]))
    with joblib.parallel_config(backend="threading", n_jobs=2):
        np.testing.assert_array_equal(hog.transform(images), expected)


def test_a_hand_computed_ramp():
    # Brightness rises by 10 a column: in each of the two cells, one of four pixel columns lies on the border of the
    # image and has no gradient across; the other three have 20 at 0 degrees. All of a cell's histogram is in one bin.
    ramp = np.tile(np.arange(8, dtype=np.uint8) * 10, (4, 1))[None]
    matrix = Hog(orientations=4, pixels_per_cell=4, cells_per_block=1, block_norm="L1").fit_transform(ramp)

    np.testing.assert_allclose(matrix, [[1, 0, 0, 0, 1, 0, 0, 0]], atol=1e-6)

    # Turned by 90 degrees all of it lies in the bin of 90 to 135 degrees.
    turned = Hog(orientations=4, pixels_per_cell=4, cells_per_block=1, block_norm="L1").fit_transform(
        ramp.transpose(0, 2, 1)
    )
    np.testing.assert_allclose(turned, [[0, 0, 1, 0, 0, 0, 1, 0]], atol=1e-6)


def test_a_hand_computed_block():
    # Columns 0..3 rise by 10 and 4..7 stay at 30: gradients across are 0, 20, 20, 10 | 0, 0, 0, 0, so that the two left
    # cells of the block have 50 / 4 at 0 degrees and the right ones nothing; of length 1, each left one is 1/sqrt(2).
    image = np.tile(np.array([0, 10, 20, 30, 30, 30, 30, 30], dtype=np.uint8), (8, 1))[None]
    hog = Hog(orientations=2, pixels_per_cell=4, cells_per_block=2, block_norm="L2")

    np.testing.assert_allclose(hog.fit_transform(image), [[0.5**0.5, 0, 0, 0, 0.5**0.5, 0, 0, 0]], atol=1e-6)


def test_a_flat_image_is_all_zero():
    assert not Hog().fit_transform(np.full((1, 28, 28), 200, np.uint8)).any()


def test_equal_colour_channels_are_as_grey():
    grey = np.random.default_rng(2).integers(0, 256, (3, 14, 14), dtype=np.uint8)
    colour = np.repeat(grey[..., None], 3, axis=-1)

    np.testing.assert_allclose(Hog().fit_transform(colour), Hog().fit_transform(grey), rtol=0, atol=1e-6)


def test_transform_sqrt_is_the_root_taken_first():
    squares = np.random.default_rng(3).integers(0, 16, (3, 14, 14)).astype(np.uint8)

    np.testing.assert_allclose(
        Hog(transform_sqrt=True).fit_transform(squares**2), Hog().fit_transform(squares), rtol=0, atol=1e-6
    )


def test_names_say_which_block_cell_and_bin_a_value_is_of():
    hog = Hog(orientations=9, pixels_per_cell=7, cells_per_block=2).fit(np.zeros((1, 28, 28), np.uint8))
    names = hog.get_feature_names_out()

    assert len(names) == 3 * 3 * 2 * 2 * 9
    assert (names[0], names[-1]) == ("hog_0_0_0_0_0", "hog_2_2_1_1_8")


def test_images_smaller_than_a_block_are_refused():
    with pytest.raises(
        TrialError, match=r"at least 14x14 pixels, received 8x8; make pixels_per_cell or cells_per_block"
    ):
        Hog(pixels_per_cell=7, cells_per_block=2).fit(np.zeros((1, 8, 8), np.uint8))
