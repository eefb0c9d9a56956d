import importlib.util

import joblib
import numpy as np
import pytest
from skimage.feature import daisy

from harness.errors import TrialError
from harness.features import bovw
from harness.features.bovw import Bovw, daisies, sifts

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 17, 14), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (12, 17, 14, 3), dtype=np.uint8)
SMALL = {"size": 6, "step": 3, "words": 7, "levels": 2, "sample": 300, "random_state": 0}
KINDS = pytest.mark.parametrize("descriptor", ["daisy", "sift"])


def nearest_words(feature, image):
    """The nearest word of each descriptor, one by one."""
    planes = np.moveaxis(image, -1, 0) if image.ndim == 3 else image[None]
    describe = {"daisy": daisies, "sift": sifts}[feature.descriptor]
    described = np.concatenate([describe(plane, feature.size, feature.step) for plane in planes], axis=-1)
    return np.array([[np.linalg.norm(feature.words_ - point, axis=1).argmin() for point in line] for line in described])


@KINDS
@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "colour"])
def test_agrees_with_a_second_implementation(descriptor, images):
    feature = Bovw(**SMALL, descriptor=descriptor, norm="l1").fit(images)
    for image, row in zip(images[:4], feature.transform(images[:4]), strict=True):
        words = nearest_words(feature, image)
        assert words.shape == (6, 5)
        cells = [words, words[:3, :2], words[:3, 2:], words[3:, :2], words[3:, 2:]]
        shares = [np.bincount(cell.ravel(), minlength=7) / cell.size for cell in cells]
        # With two levels, half of the weight is the whole image's and half that of the four cells.
        expected = np.concatenate([shares[0] / 2, *(share / 8 for share in shares[1:])])
        np.testing.assert_allclose(row, expected, rtol=1e-5)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_norms(levels):
    one, two, root = (
        Bovw(**SMALL | {"levels": levels}, norm=norm).fit(GREY).transform(GREY) for norm in ("l1", "l2", "root")
    )
    weights = {1: [1], 2: [1 / 2, 1 / 2], 3: [1 / 4, 1 / 4, 1 / 2]}[levels]
    ends = 7 * np.cumsum([0, 1, 4, 16])

    for level, weight in enumerate(weights):
        np.testing.assert_allclose(one[:, ends[level] : ends[level + 1]].sum(axis=1), weight, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(two, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(two * np.linalg.norm(one, axis=1, keepdims=True), one, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(root**2, one, rtol=1e-4, atol=1e-7)


def test_daisies_inside_the_image_are_those_of_the_image_itself():
    plane = RNG.integers(0, 256, (40, 44), dtype=np.uint8)
    found = daisies(plane, 6, 1)
    expected = daisy(plane, step=1, radius=3, rings=2, histograms=8, orientations=8)

    assert found.shape == (40, 44, 136)
    # The ring's blur, of four deviations of 1.5 pixels, reaches no border from there.
    np.testing.assert_allclose(found[12:-12, 12:-12], expected[9:-9, 9:-9], rtol=1e-3, atol=1e-5)


@KINDS
def test_a_point_is_described_by_what_is_around_it(descriptor):
    # The same noise at two places a step apart, far from the border, has the same descriptors there.
    describe = {"daisy": daisies, "sift": sifts}[descriptor]
    plane = np.zeros((48, 48), np.uint8)
    plane[10:38, 10:30] = RNG.integers(0, 256, (28, 20), dtype=np.uint8)
    first, second = describe(plane, 6, 2), describe(np.roll(plane, 4, axis=1), 6, 2)

    assert first.shape[:2] == (24, 24)
    np.testing.assert_allclose(second[4:-4, 6:-4], first[4:-4, 4:-6], rtol=1e-3, atol=5e-3)
    assert np.abs(first[8, 8] - first[8, 12]).max() > 0.01


def test_sift_tells_the_direction_of_a_step():
    # A step from dark to bright at the only point, across the columns: all gradients are at 0 degrees, the first of
    # eight bins; turned, they are at a right angle to that.
    plane = np.zeros((32, 32), np.uint8)
    plane[:, 16:] = 200
    across, down = (sifts(image, 8, 32).reshape(16, 8) for image in (plane, plane.T.copy()))

    assert across.sum(axis=0).argmax() == 0
    assert down.sum(axis=0).argmax() in (2, 6)
    np.testing.assert_allclose(np.linalg.norm(across), 1, rtol=0.02)


@KINDS
def test_flat_images_are_described_by_finite_numbers(descriptor):
    assert np.isfinite(Bovw(**SMALL, descriptor=descriptor).fit_transform(np.full((3, 16, 16), 77, np.uint8))).all()


@KINDS
@pytest.mark.parametrize("shape", [(8, 8), (70, 50)])
def test_small_and_large_images_are_taken(shape, descriptor):
    images = RNG.integers(0, 256, (3, *shape), dtype=np.uint8)
    feature = Bovw(words=5, sample=200, random_state=0, descriptor=descriptor)

    assert feature.fit_transform(images).shape == (3, 21 * 5)


def test_only_the_training_images_decide_the_words():
    feature = Bovw(**SMALL).fit(GREY[:6])
    words = feature.words_.copy()
    feature.transform(GREY[6:])

    np.testing.assert_array_equal(feature.words_, words)
    np.testing.assert_array_equal(Bovw(**SMALL).fit(GREY[:6]).words_, words)


def test_the_sample_is_bounded(monkeypatch):
    seen = []
    monkeypatch.setattr(bovw, "learn", lambda samples, *rest: seen.append(samples.shape) or samples[:7])
    Bovw(**SMALL | {"sample": 50}).fit(GREY)
    monkeypatch.setattr(bovw, "FROM_ONE_IMAGE", 4)
    Bovw(**SMALL).fit(GREY)

    assert seen == [(50, 136), (12 * 4, 136)]


def test_the_seed_decides():
    first, again, other = (Bovw(**SMALL | {"random_state": seed}).fit_transform(GREY) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


@KINDS
def test_batches_and_threads_change_nothing(descriptor, monkeypatch):
    feature = Bovw(**SMALL, descriptor=descriptor).fit(GREY)
    expected = feature.transform(GREY)
    monkeypatch.setattr(bovw, "BATCH", 5 * 7 * 2)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        np.testing.assert_allclose(feature.transform(GREY), expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(Bovw(**SMALL, descriptor=descriptor).fit(GREY).words_, feature.words_)


def test_more_words_than_descriptors_is_lowered_with_a_warning():
    with pytest.warns(UserWarning, match="bovw: words lowered from 7 to 5, all the samples that there are"):
        assert Bovw(**SMALL | {"sample": 5}).fit_transform(GREY).shape == (12, 25)


def test_names_say_which_level_cell_and_word_a_value_is_of():
    names = Bovw(**SMALL).fit(GREY).get_feature_names_out()

    assert (len(names), names[0], names[-1]) == (35, "bovw_0_0_0_0", "bovw_1_1_1_6")


def test_a_cell_without_a_point_is_refused():
    feature = Bovw(**SMALL | {"levels": 3})
    with pytest.raises(
        TrialError, match=r"4x4 cells of points 3 .* at least 11x11 .* 10x12; make levels or step smaller"
    ):
        feature.fit(np.zeros((1, 10, 12), np.uint8))
    with pytest.warns(UserWarning, match="lowered"):
        assert np.isfinite(feature.set_params(sample=5).fit_transform(np.zeros((1, 11, 11), np.uint8))).all()


def test_sift_without_opencv_is_told(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "cv2" else real(name))
    with pytest.raises(TrialError, match=r"sift needs OpenCV, which is not installed; pip install 'harness\[opencv\]'"):
        Bovw(**SMALL, descriptor="sift").fit(GREY)


def test_images_of_another_size_are_refused():
    with pytest.raises(TrialError, match=r"fitted on images of shape \(17, 14\), received images of shape \(17, 13\)"):
        Bovw(**SMALL).fit(GREY).transform(GREY[:, :, :13])
