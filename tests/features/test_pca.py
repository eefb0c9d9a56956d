import warnings

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.decomposition import PCA

from harness import registry
from harness.errors import TrialError
from harness.features.pca import Pca

X = np.random.default_rng(0).normal(size=(200, 30)).astype(np.float32) * np.arange(1, 31, dtype=np.float32)


def test_components_are_those_of_a_singular_value_decomposition():
    centred = X.astype(float) - X.astype(float).mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    found = Pca(n_components=4).fit_transform(X)

    # The sign of a component is anybody's choice.
    np.testing.assert_allclose(np.abs(found), np.abs(left * singular)[:, :4], rtol=1e-3, atol=1e-2)


def test_a_share_of_the_variance_takes_as_many_components_as_it_needs():
    explained = np.cumsum(PCA().fit(X).explained_variance_ratio_)

    assert Pca(n_components=0.8).fit_transform(X).shape[1] == 1 + np.count_nonzero(explained < 0.8)


def test_whitening_gives_unit_variance():
    np.testing.assert_allclose(Pca(n_components=5, whiten=True).fit_transform(X).std(axis=0, ddof=1), 1, rtol=1e-3)


@pytest.mark.parametrize(("n", "expected"), [(10, 9), (2, 1), (100, 30)])
def test_more_components_than_there_are_is_lowered_with_a_warning(n, expected):
    pca = Pca(n_components=50, whiten=True)
    with pytest.warns(UserWarning, match=f"n_components lowered from 50 to {expected}"):
        pca.fit(X[:n])
    unseen = pca.transform(X[100:])

    assert unseen.shape == (100, expected)
    # An arbitrary direction without variance, whitened, would give values in the millions.
    assert np.abs(unseen).max() < 1000
    assert len(pca.get_feature_names_out()) == expected


def test_as_many_components_as_there_are_is_no_matter():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Pca(n_components=9).fit_transform(X[:10]).shape == (10, 9)


def test_one_image_is_refused():
    with pytest.raises(TrialError, match="pca needs at least 2 training images, received 1"):
        Pca().fit(X[:1])


@pytest.mark.parametrize("wrong", [0, -1, 1.0, 1.5, 0.0, True, "50"])
def test_what_is_neither_a_number_nor_a_share_is_refused(wrong):
    with pytest.raises(ValidationError):
        registry.parameters("features", "pca")(n_components=wrong)


def test_the_same_seed_gives_the_same_components():
    wide = np.random.default_rng(0).normal(size=(600, 600)).astype(np.float32)
    first, again, other = (Pca(n_components=5, random_state=seed).fit_transform(wide) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0
