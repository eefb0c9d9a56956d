import joblib
import numpy as np
import pytest
from kymatio import Scattering2D
from pydantic import ValidationError

from harness import registry
from harness.errors import TrialError
from harness.features import base, scattering
from harness.features.scattering import Scattering

RNG = np.random.default_rng(0)


def by_kymatio(images, scales, orientations, order):
    """The paths by kymatio, which takes images that are continued already and leaves out the last window."""
    beyond = [scattering.margin(side, scales) for side in images.shape[1:]]
    padded = np.pad(images / 255, ((0, 0), *beyond), mode="reflect")
    shape = tuple(side - 2 * 2**scales for side in padded.shape[1:])
    theirs = Scattering2D(
        J=scales, L=orientations, shape=shape, max_order=order, frontend="numpy", pre_pad=True, out_type="list"
    )
    theirs.unpad = lambda values: values[..., 1:, 1:]
    # They count the orientations from another one, and backwards.
    first = int(orientations - orientations / 2 - 1)
    return {
        "_".join(f"{j}.{(first - t) % orientations}" for j, t in zip(path["j"], path["theta"], strict=True)): path[
            "coef"
        ]
        for path in theirs(padded)
    }


@pytest.mark.parametrize(
    ("shape", "scales", "orientations", "order"),
    [((28, 28), 3, 8, 2), ((10, 9), 2, 8, 2), ((17, 30), 2, 6, 2), ((9, 9), 1, 4, 2), ((33, 32), 4, 5, 1)],
)
def test_noise_agrees_with_kymatio(shape, scales, orientations, order):
    images = RNG.integers(0, 256, (3, *shape), dtype=np.uint8)
    feature = Scattering(scales=scales, orientations=orientations, order=order).fit(images)
    expected = by_kymatio(images, scales, orientations, order)
    stacked = np.stack([expected["" if path == "mean" else path] for path in feature.paths()], axis=1)

    # Theirs has 3.1415 for pi.
    np.testing.assert_allclose(feature.transform(images), stacked.reshape(3, -1), rtol=1e-3, atol=1e-4)


def test_of_an_even_image_only_the_mean_is_left():
    matrix = Scattering(scales=2).fit_transform(np.full((1, 16, 16), 51, np.uint8)).reshape(81, 16)

    np.testing.assert_allclose(matrix[0], 0.2, rtol=1e-5)
    np.testing.assert_allclose(matrix[1:], 0, atol=1e-6)


@pytest.mark.parametrize("orientation", range(4))
def test_a_wave_excites_the_wavelet_of_its_scale_and_orientation(orientation):
    feature = Scattering(scales=3, orientations=4, order=1)
    # The wavelets of scale 1 have 3 / 8 pi radians a pixel; an angle of 0 runs down the rows.
    down, across = np.mgrid[:64, :64]
    angle = np.pi * orientation / 4
    wave = np.cos(3 / 8 * np.pi * (down * np.cos(angle) + across * np.sin(angle)))
    image = np.round(127 + 120 * wave).astype(np.uint8)[None]
    middle = feature.fit_transform(image).reshape(13, 8, 8)[1:, 3:5, 3:5].mean(axis=(1, 2))

    assert feature.paths()[1 + middle.argmax()] == f"1.{orientation}"


def test_a_shift_within_a_window_changes_little():
    # A blurred blob on black, so that nothing enters or leaves the image; pixels change much more.
    down, across = np.mgrid[:32, :32]
    blob = 255 * np.exp(-((down - 15) ** 2 + (across - 15) ** 2) / 8) * (np.sin(down) > 0)
    image = blob.astype(np.uint8)
    pair = np.stack([image, np.roll(image, 1, axis=1)])
    first, second = Scattering(scales=4).fit_transform(pair)

    moved = np.linalg.norm(first - second) / np.linalg.norm(first)
    assert moved < 0.1
    assert moved < np.linalg.norm(pair[0] / 255 - pair[1] / 255) / np.linalg.norm(pair[0] / 255) / 2


def test_no_two_images_are_farther_apart_than_their_pixels():
    # Bruna and Mallat's transform contracts where the wavelets' energies add up to at most 1; here they nearly do.
    images = RNG.integers(0, 256, (6, 32, 32), dtype=np.uint8)
    described = Scattering(scales=3).fit_transform(images)
    for one in range(5):
        pixels = np.linalg.norm(images[one] / 255 - images[one + 1] / 255)
        # A window's mean stands for the 64 pixels of its window.
        assert 8 * np.linalg.norm(described[one] - described[one + 1]) < 1.1 * pixels


@pytest.mark.parametrize(("order", "paths"), [(1, 1 + 3 * 8), (2, 1 + 3 * 8 + 3 * 8**2)])
def test_names_say_which_path_and_window_a_value_is_of(order, paths):
    names = Scattering(order=order).fit(np.zeros((1, 28, 28), np.uint8)).get_feature_names_out()

    assert len(set(names)) == len(names) == paths * 4 * 4
    assert names[0] == "scattering_mean_0_0"
    assert names[16 * 24 + 15] == "scattering_2.7_3_3"
    assert names[-1] == {1: "scattering_2.7_3_3", 2: "scattering_1.7_2.7_3_3"}[order]


def test_a_channel_is_described_as_a_grey_image_of_its_own():
    colour = RNG.integers(0, 256, (4, 12, 9, 3), dtype=np.uint8)
    matrix = Scattering(scales=2).fit_transform(colour)
    for channel in range(3):
        expected = Scattering(scales=2).fit_transform(colour[..., channel])
        np.testing.assert_allclose(matrix[:, channel::3], expected, rtol=1e-5, atol=1e-6)


def test_batches_and_threads_change_nothing(monkeypatch):
    images = RNG.integers(0, 256, (23, 16, 12), dtype=np.uint8)
    expected = Scattering().fit_transform(images)
    monkeypatch.setattr(base, "BATCH_PIXELS", 5 * 16 * 12)
    monkeypatch.setattr(scattering, "CHUNK_PIXELS", 2 * 16 * 12)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        np.testing.assert_allclose(Scattering().fit_transform(images), expected, rtol=1e-5, atol=1e-6)


def test_images_smaller_than_a_window_are_refused():
    with pytest.raises(
        TrialError, match=r"scattering: 3 scales needs images of at least 8x8 .* 7x9; make scales smaller"
    ):
        Scattering().fit(np.zeros((1, 7, 9), np.uint8))

    assert Scattering().fit_transform(np.zeros((1, 8, 8), np.uint8)).shape == (1, 217)


@pytest.mark.parametrize("wrong", [{"order": 0}, {"order": 3}, {"scales": 0}, {"orientations": 0}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValidationError):
        registry.parameters("features", "scattering")(**wrong)
