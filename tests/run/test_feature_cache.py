"""Features are computed once per run, shared, and charged what they cost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.run.feature_cache import LEAST_S, Extractor
from harness.run.phases import FEATURES_VARIABLE, Cost, phase
from harness.suite.model import Part

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 16, 16), dtype=np.uint8)
LABELS = np.arange(40) % 4
HOG = Part(name="hog", params={"pixels_per_cell": 4})
PCA = Part(name="pca", params={"n_components": 5})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FEATURES_VARIABLE, str(tmp_path / "features"))
    monkeypatch.setattr("harness.run.feature_cache.LEAST_S", 0.0)
    return tmp_path / "features"


def features(specs: list[Part], images: np.ndarray, *distinct: object) -> tuple[np.ndarray, dict[str, float], bool]:
    """What a trial gets, what its row is charged, and whether that came from the cache."""
    values: dict[str, float] = {}
    extractor = Extractor(specs, 0, distinct)
    found = extractor.find(images)
    with phase("features", lambda event: values.update(event.get("values", {})), held=found.held) as charge:
        matrix = extractor.fit_transform(images, LABELS[: len(images)], found, charge)
    extractor.keep()
    return matrix, values, extractor.cached


def test_the_second_trial_gets_the_same_and_is_charged_the_same(folder: Path) -> None:
    first, _, was_there = features([HOG], IMAGES)
    (kept,) = folder.glob("*.json")
    cost = Cost(wall=100.0, cpu=150.0, added=2**32, joules=0.0)
    kept.write_text(json.dumps(cost._asdict()))

    second, charged, cached = features([HOG], IMAGES)

    assert (was_there, cached) == (False, True)
    np.testing.assert_array_equal(first, second)
    assert 100 <= charged["features_s"] < 101
    assert 150 <= charged["features_cpu_s"] < 151
    assert charged["features_added_bytes"] >= 2**32


def test_what_is_learned_is_learned_by_every_trial_itself(folder: Path) -> None:
    first, _, _ = features([HOG, PCA], IMAGES)
    other, _, cached = features([HOG, PCA], IMAGES[:20])
    again, _, cached_again = features([HOG, PCA], IMAGES)

    assert not cached
    assert cached_again
    assert other.shape == (20, 5)
    np.testing.assert_allclose(first, again, rtol=1e-5, atol=1e-6)
    assert len(list(folder.glob("*.npy"))) == 2


@pytest.mark.parametrize(
    ("specs", "images", "distinct"),
    [
        ([HOG], IMAGES[::-1], ()),
        ([HOG], IMAGES[:39], ()),
        ([HOG], IMAGES, (2,)),
        ([Part(name="hog", params={"pixels_per_cell": 8})], IMAGES, ()),
        ([Part(name="lbp")], IMAGES, ()),
    ],
    ids=["other order", "fewer images", "other threads", "other setting", "other feature"],
)
def test_something_else_is_not_taken_from_it(
    folder: Path, specs: list[Part], images: np.ndarray, distinct: tuple[object, ...]
) -> None:
    features([HOG], IMAGES)
    assert not features(specs, images, *distinct)[2]


def test_a_chain_that_begins_with_something_learned_is_not_looked_for(folder: Path) -> None:
    assert Extractor([Part(name="embedding", params={"network": "cnn"})], 0).find(IMAGES).path is None


@pytest.mark.parametrize("damage", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_a_damaged_copy_is_computed_again(folder: Path, damage: bytes) -> None:
    first, _, _ = features([HOG], IMAGES)
    (kept,) = folder.glob("*.npy")
    kept.write_bytes(damage)
    again, _, cached = features([HOG], IMAGES)

    assert not cached
    np.testing.assert_array_equal(first, again)
    assert features([HOG], IMAGES)[2]


def test_without_a_folder_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FEATURES_VARIABLE, raising=False)
    assert not features([HOG], IMAGES)[2]
    assert not features([HOG], IMAGES)[2]


def test_cheap_features_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LEAST_S > 0
    monkeypatch.setenv(FEATURES_VARIABLE, str(tmp_path))
    features([Part(name="pixels")], IMAGES)
    assert not list(tmp_path.iterdir())


def test_images_that_a_feature_gives_are_kept_too(folder: Path) -> None:
    first, _, _ = features([Part(name="deskew"), HOG], IMAGES)
    again, _, cached = features([Part(name="deskew"), HOG], IMAGES)
    assert cached
    np.testing.assert_array_equal(first, again)
