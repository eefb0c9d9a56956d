import numpy as np
import pytest
from pydantic import ValidationError
from scipy.linalg import fractional_matrix_power
from sklearn.decomposition import PCA

from harness import registry
from harness.errors import TrialError
from harness.features.whiten import Whiten

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(400, 12)) @ RNG.normal(size=(12, 12))).astype(np.float32) + 5


@pytest.mark.parametrize("kind", ["zca", "pca"])
def test_the_covariance_becomes_the_identity(kind):
    whitened = Whiten(kind=kind, epsilon=1e-9).fit_transform(X)

    np.testing.assert_allclose(np.cov(whitened.T), np.eye(12), atol=1e-4)
    np.testing.assert_allclose(whitened.mean(axis=0), 0, atol=1e-4)


@pytest.mark.parametrize("epsilon", [1e-9, 0.1, 10])
@pytest.mark.parametrize("n", [400, 7])
def test_zca_is_the_inverse_root_of_the_regularised_covariance(epsilon, n):
    train = X[:n].astype(float)
    root = fractional_matrix_power(np.cov(train.T) + epsilon * np.eye(12), -0.5).real
    expected = (X - train.mean(axis=0)) @ root

    # With fewer images than features and next to no epsilon, unseen images are blown up by 30,000.
    np.testing.assert_allclose(
        Whiten(epsilon=epsilon).fit(train).transform(X), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max()
    )


def test_pca_agrees_with_scikit_learn():
    expected = PCA(whiten=True).fit(X.astype(float)).transform(X.astype(float))

    np.testing.assert_allclose(Whiten(kind="pca", epsilon=1e-9).fit_transform(X), expected, rtol=1e-3, atol=1e-4)


def test_epsilon_is_added_to_the_variance():
    variances = PCA().fit(X.astype(float)).explained_variance_
    whitened = Whiten(kind="pca", epsilon=2.0).fit_transform(X)

    np.testing.assert_allclose(whitened.var(axis=0, ddof=1), variances / (variances + 2), rtol=1e-4)


def test_zca_stays_near_the_features_and_pca_does_not():
    mixed = X @ (np.eye(12) + 0.1)
    matching = [
        np.diag(np.corrcoef(mixed.T, Whiten(kind=kind).fit_transform(mixed).T)[:12, 12:]) for kind in ("zca", "pca")
    ]

    assert matching[0].min() > 0
    assert matching[0].mean() > np.abs(matching[1]).mean() + 0.2


@pytest.mark.parametrize(("kind", "expected"), [("zca", 12), ("pca", 5)])
def test_fewer_images_than_features(kind, expected):
    whiten = Whiten(kind=kind).fit(X[:6])
    unseen = whiten.transform(X[6:])

    assert unseen.shape == (394, expected)
    assert len(whiten.get_feature_names_out()) == expected
    assert np.abs(unseen).max() < 1000


def test_columns_without_variance_are_zero():
    train = X.copy()
    train[:, 3] = 7
    whitened = Whiten().fit_transform(train)

    np.testing.assert_allclose(whitened[:, 3], 0, atol=1e-5)
    assert np.isfinite(whitened).all()


def test_one_image_is_refused():
    with pytest.raises(TrialError, match="whiten needs at least 2 training images, received 1"):
        Whiten().fit(X[:1])


@pytest.mark.parametrize("params", [{"epsilon": 0}, {"epsilon": -1}, {"kind": "cholesky"}])
def test_wrong_parameters_are_refused(params):
    with pytest.raises(ValidationError):
        registry.build("features", "whiten", params)
