"""Principal components of other features."""

import warnings
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from harness.errors import TrialError
from harness.features.base import FloatMatrix, Takes


class Pca(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Principal components of the features before it, by scikit-learn.

    Parameters
    ----------
    n_components
        How many components, or the share of the variance that they explain together. A number larger than the rank
        that n training images can have, min(n - 1, d), is lowered to that with a warning, so that one pipeline serves
        small training sizes, too.
    whiten
        Scale each component to unit variance.
    random_state
        Seed of the randomised solver that scikit-learn takes for large matrices; the trial's seed where not given.
    """

    takes: ClassVar[Takes] = "matrix"
    learned: ClassVar[bool] = True

    def __init__(
        self,
        *,
        n_components: Annotated[int, Field(ge=1, strict=True)] | Annotated[float, Field(gt=0, lt=1)] = 50,
        whiten: bool = False,
        random_state: Annotated[int, Field(ge=0, lt=2**32)] | None = None,
    ) -> None:
        self.n_components = n_components
        self.whiten = whiten
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> Self:  # noqa: N803
        """Find the components of X, (n, d).

        Raises
        ------
        TrialError
            If there are fewer than two rows.
        """
        matrix = np.asarray(X)
        n, d = matrix.shape
        if n < 2:
            raise TrialError(f"pca needs at least 2 training images, received {n}")
        # Centring costs one rank: an n-th component of n images would be arbitrary, and whitening would blow it up.
        most = min(n - 1, d)
        n_components = self.n_components
        if n_components > most:
            warnings.warn(
                f"pca: n_components lowered from {n_components} to {most}, all that {n} images of {d} features have",
                stacklevel=2,
            )
            n_components = most
        self.pca_ = PCA(n_components=n_components, whiten=self.whiten, random_state=self.random_state).fit(matrix)
        return self

    def transform(self, X: ArrayLike) -> FloatMatrix:  # noqa: N803
        """Components as float32 of (n, n_components)."""
        check_is_fitted(self)
        components: FloatMatrix = self.pca_.transform(X).astype(np.float32, copy=False)
        return components

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """`pca_0`, `pca_1`, ... by falling variance."""
        check_is_fitted(self)
        return np.array([f"pca_{index}" for index in range(self.pca_.n_components_)], dtype=object)
