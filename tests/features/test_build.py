import numpy as np
import pytest

from harness.errors import MisuseError
from harness.features import build_features
from harness.suite.model import Part
from harness.suite.parts import chain_problems

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
LABELS = np.arange(40) % 4


def specs(*parts):
    return [Part(name=part) if isinstance(part, str) else Part(name=part[0], params=part[1]) for part in parts]


def test_a_chain_is_what_its_parts_do_one_after_another():
    chain = build_features(specs(("pixels", {"scale": False}), "sklearn.preprocessing.StandardScaler"), seed=0)
    matrix = chain.fit_transform(IMAGES, LABELS)
    pixels = IMAGES.reshape(40, -1).astype(float)

    np.testing.assert_allclose(matrix, (pixels - pixels.mean(axis=0)) / pixels.std(axis=0), rtol=1e-3, atol=1e-4)


def test_features_registered_and_scikit_learns_chain():
    chain = build_features(
        specs("hog", ("pca", {"n_components": 6}), ("sklearn.feature_selection.SelectKBest", {"k": 3})), seed=0
    )
    matrix = chain.fit_transform(IMAGES, LABELS)

    assert matrix.shape == (40, 3)
    assert matrix.dtype == np.float32
    assert set(chain.get_feature_names_out()) <= {f"pca_{index}" for index in range(6)}


def test_the_same_feature_may_come_twice():
    chain = build_features(specs("pixels", ("pca", {"n_components": 9}), ("pca", {"n_components": 2})), seed=0)

    assert chain.fit_transform(IMAGES).shape == (40, 2)


def test_the_seed_goes_where_the_suite_sets_none():
    parts = specs("pixels", "pca", ("pca", {"random_state": 4}), "sklearn.kernel_approximation.RBFSampler")
    chain = build_features(parts, seed=9)

    assert [step.get_params().get("random_state") for _, step in chain.steps] == [None, 9, 4, 9]


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        (["pca"], (0, "'pca' takes features, not images; start with pixels or hog")),
        (
            ["sklearn.preprocessing.StandardScaler"],
            (0, "'sklearn.preprocessing.StandardScaler' takes features, not images; start with pixels or hog"),
        ),
        (["pixels", "pca", "hog"], (2, "'hog' takes images, and 'pca' before it gives features; put it first")),
    ],
)
def test_a_wrong_order_is_told(parts, problem):
    assert chain_problems([part.name for part in specs(*parts)]) == [problem]
    with pytest.raises(MisuseError, match=r"features\[\d\]: .* takes"):
        build_features(specs(*parts), seed=0)


def test_a_right_order_has_no_problems():
    assert chain_problems(["hog", "pca", "sklearn.preprocessing.StandardScaler"]) == []


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("hgo", "unknown feature 'hgo'; did you mean 'hog'"),
        (("hog", {"orientations": 0}), "hog.orientations: .* received 0"),
        (("hog", {"cells": 2}), "hog.cells: .* received 2"),
    ],
)
def test_a_wrong_name_or_parameter_is_told(part, message):
    with pytest.raises(MisuseError, match=message):
        build_features(specs(part), seed=0)


def test_a_wrong_scikit_learn_parameter_is_told():
    parts = specs("pixels", ("sklearn.preprocessing.StandardScaler", {"with_means": False}))
    with pytest.raises(MisuseError, match="unknown parameter 'with_means' of StandardScaler; did you mean 'with_mean'"):
        build_features(parts, seed=0)


def test_no_features_are_refused():
    with pytest.raises(MisuseError, match="for raw pixels write"):
        build_features([], seed=0)
