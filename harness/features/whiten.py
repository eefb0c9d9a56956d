"""Other features without their correlations."""

from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from harness.errors import TrialError
from harness.features.base import FloatMatrix, Takes


class Whiten(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Whitening of the features before it: uncorrelated, each with a variance near 1; by scikit-learn's PCA.

    Parameters
    ----------
    kind
        `zca` turns the whitened components back, so that each column stays as near as can be to the feature it was
        (Bell and Sejnowski 1997); `pca` leaves them, by falling variance, min(n - 1, d) of them.
    epsilon
        Added to each component's variance before it is divided by the root, so that components of little variance,
        mostly noise, are not blown up. It is on the scale of the features: put
        `sklearn.preprocessing.StandardScaler` before it where they differ. The default is what Coates and Ng use.

    References
    ----------
    Bell and Sejnowski, The "independent components" of natural scenes are edge filters (Vision Research 37, 1997);
    Coates, Lee and Ng, An analysis of single-layer networks in unsupervised feature learning (AISTATS 2011), with the
    constant of 0.1 in their published code; Coates and Ng, Learning feature representations with k-means (2012).
    """

    takes: ClassVar[Takes] = "matrix"
    learned: ClassVar[bool] = True

    def __init__(self, *, kind: Literal["zca", "pca"] = "zca", epsilon: Annotated[float, Field(gt=0)] = 0.1) -> None:
        self.kind = kind
        self.epsilon = epsilon

    def fit(self, X: ArrayLike, y: Any = None) -> Self:  # noqa: N803
        """Find mean and components of X, (n, d).

        Raises
        ------
        TrialError
            If there are fewer than two rows.
        """
        matrix = np.asarray(X, dtype=np.float64)
        n, d = matrix.shape
        if n < 2:
            raise TrialError(f"whiten needs at least 2 training images, received {n}")
        # Centring costs one rank: an n-th component of n images would be arbitrary.
        pca = PCA(min(n - 1, d), svd_solver="covariance_eigh" if n > d else "full").fit(matrix)
        self.mean_, self.components_ = pca.mean_, pca.components_
        self.scales_ = (pca.explained_variance_ + self.epsilon) ** -0.5
        return self

    def transform(self, X: ArrayLike) -> FloatMatrix:  # noqa: N803
        """Whitened features as float32 of (n, d), with `pca` of (n, components)."""
        check_is_fitted(self)
        # In float64: with a small epsilon, large numbers cancel.
        centred = np.asarray(X, dtype=np.float64) - self.mean_
        whitened = centred @ self.components_.T
        if self.kind == "pca":
            whitened *= self.scales_
        else:
            # Directions in which the training images do not differ have variance 0, and so this scale.
            rest = self.epsilon**-0.5
            whitened = whitened * (self.scales_ - rest) @ self.components_ + rest * centred
        columns: FloatMatrix = whitened.astype(np.float32)
        return columns

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`whiten_0`, `whiten_1`, ...; with `zca` in the order of the features, with `pca` by falling variance."""
        check_is_fitted(self)
        n_columns = self.components_.shape[0 if self.kind == "pca" else 1]
        return np.array([f"whiten_{index}" for index in range(n_columns)], dtype=object)
