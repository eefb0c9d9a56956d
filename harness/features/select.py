"""The most telling of other features."""

from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_selection import SelectKBest, f_classif, mutual_info_classif
from sklearn.utils.validation import check_is_fitted

from harness.errors import TrialError
from harness.features.base import FloatMatrix, Positive, Takes


class Select(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Selection of the features before it that tell most of the label, each by itself; by scikit-learn.

    Selection by a model, `sklearn.feature_selection.RFE` or `SelectFromModel` around an L1 classifier, and reduction by
    `sklearn.discriminant_analysis.LinearDiscriminantAnalysis` are written by their dotted names.

    Parameters
    ----------
    k
        How many are kept; all where there are no more.
    by
        `mutual_information` with the label, estimated from nearest neighbours (Ross, PLoS ONE 9, 2014), or `anova`, the
        F value of the classes' means.
    random_state
        Seed of the noise that the estimate of mutual information adds to break ties; the trial's seed where not given.
    """

    takes: ClassVar[Takes] = "matrix"
    learned: ClassVar[bool] = True

    def __init__(
        self,
        *,
        k: Positive = 100,
        by: Literal["mutual_information", "anova"] = "mutual_information",
        random_state: Annotated[int, Field(ge=0, lt=2**32)] | None = None,
    ) -> None:
        self.k = k
        self.by = by
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: NDArray[np.int64] | None = None) -> Self:  # noqa: N803
        """Score each column of X, (n, d), against labels, (n,).

        Raises
        ------
        TrialError
            If there are no labels, or all are the same.
        """
        matrix = np.asarray(X)
        if y is None or len(np.unique(y)) < 2:
            raise TrialError("select needs labels of at least 2 classes to tell what a feature says of them")
        score = (
            f_classif
            if self.by == "anova"
            else partial(mutual_info_classif, random_state=self.random_state, discrete_features=False)
        )
        # What is the same in every image divides by zero in the F value, and scores nothing.
        with np.errstate(divide="ignore", invalid="ignore"):
            self.selection_ = SelectKBest(score, k=min(self.k, matrix.shape[1])).fit(matrix, y)
        self.columns_ = self.selection_.get_support(indices=True)
        return self

    def transform(self, X: ArrayLike) -> FloatMatrix:  # noqa: N803
        """The columns that were kept, in their order, as float32 of (n, k)."""
        check_is_fitted(self)
        kept: FloatMatrix = np.asarray(X)[:, self.columns_].astype(np.float32)
        return kept

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The names of the columns that were kept; `select_COLUMN` where the features before have none."""
        check_is_fitted(self)
        if input_features is None:
            return np.array([f"select_{column}" for column in self.columns_], dtype=object)
        names: NDArray[np.object_] = np.asarray(input_features, dtype=object)[self.columns_]
        return names
