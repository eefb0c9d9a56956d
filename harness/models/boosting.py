"""Boosted trees of other libraries, each `name(*, options) -> classifier` with scikit-learn's interface.

Every default is the library's own. Two options are common to all: `random_state` is the trial's seed, `n_jobs` the
trial's threads, wherever a suite does not set them. Each is computed on the CPU, and gives the same for the same seed.
"""

import importlib
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from harness.errors import TrialError

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Penalty = Annotated[float, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]

# The package that each is imported from; the extra that installs it has the name of the part.
LIBRARIES = {"xgboost": "xgboost", "lightgbm": "lightgbm", "ebm": "interpret"}


def not_installed(name: str) -> str:
    """What is missing for one of `LIBRARIES`, and what to do, in one line."""
    return f"{name} needs {LIBRARIES[name]}, which is not installed; pip install 'harness[{name}]'"


def xgboost(
    *,
    n_estimators: Count = 100,
    max_depth: Count = 6,
    learning_rate: Rate = 0.3,
    min_child_weight: Penalty = 1.0,
    gamma: Penalty = 0.0,
    subsample: Fraction = 1.0,
    colsample_bytree: Fraction = 1.0,
    reg_alpha: Penalty = 0.0,
    reg_lambda: Penalty = 1.0,
    max_bin: Annotated[int, Field(ge=2)] = 256,
    random_state: Seed = 0,
    n_jobs: Count = 1,
) -> "ClassifierMixin":
    """XGBoost, gradient boosting with a second-order loss (Chen and Guestrin, KDD 2016); XGBClassifier.

    Parameters
    ----------
    n_estimators
        Rounds; each adds a tree for every class.
    max_depth
        Of a tree.
    learning_rate
        What each tree is multiplied by.
    min_child_weight
        Least sum of the loss's second derivatives in a leaf.
    gamma
        Least gain of a split.
    subsample, colsample_bytree
        Fraction of the rows, and of the features, that a tree sees.
    reg_alpha, reg_lambda
        L1 and L2 penalty of the leaves' values.
    max_bin
        Bins of a feature's histogram.
    random_state
        Decides the rows and features of each tree.
    n_jobs
        Threads.

    Raises
    ------
    TrialError
        If XGBoost is not installed.
    """
    return _library("xgboost").XGBClassifier(
        n_estimators=n_estimators,
        max_depth=max_depth,
        learning_rate=learning_rate,
        min_child_weight=min_child_weight,
        gamma=gamma,
        subsample=subsample,
        colsample_bytree=colsample_bytree,
        reg_alpha=reg_alpha,
        reg_lambda=reg_lambda,
        max_bin=max_bin,
        tree_method="hist",
        device="cpu",
        random_state=random_state,
        n_jobs=n_jobs,
    )


def lightgbm(
    *,
    n_estimators: Count = 100,
    num_leaves: Annotated[int, Field(ge=2)] = 31,
    max_depth: Annotated[int, Field(ge=-1)] = -1,
    learning_rate: Rate = 0.1,
    min_child_samples: Count = 20,
    subsample: Fraction = 1.0,
    colsample_bytree: Fraction = 1.0,
    reg_alpha: Penalty = 0.0,
    reg_lambda: Penalty = 0.0,
    max_bin: Annotated[int, Field(ge=2)] = 255,
    random_state: Seed = 0,
    n_jobs: Count = 1,
) -> "ClassifierMixin":
    """LightGBM, gradient boosting whose trees grow leaf by leaf (Ke et al., NeurIPS 2017); LGBMClassifier.

    Parameters
    ----------
    n_estimators
        Rounds; each adds a tree for every class.
    num_leaves, max_depth
        Most leaves of a tree, and its depth; -1 or 0 sets no limit to that.
    learning_rate
        What each tree is multiplied by.
    min_child_samples
        Least number of rows in a leaf: with few training images, much of what keeps trees small.
    subsample, colsample_bytree
        Fraction of the rows, drawn anew for each round (LightGBM itself draws none unless told how often), and of the
        features that a tree sees.
    reg_alpha, reg_lambda
        L1 and L2 penalty of the leaves' values.
    max_bin
        Bins of a feature's histogram.
    random_state
        Decides the rows and features of each tree.
    n_jobs
        Threads.

    Raises
    ------
    TrialError
        If LightGBM is not installed.
    """
    return _library("lightgbm").LGBMClassifier(
        n_estimators=n_estimators,
        num_leaves=num_leaves,
        max_depth=max_depth,
        learning_rate=learning_rate,
        min_child_samples=min_child_samples,
        subsample=subsample,
        subsample_freq=1 if subsample < 1 else 0,
        colsample_bytree=colsample_bytree,
        reg_alpha=reg_alpha,
        reg_lambda=reg_lambda,
        max_bin=max_bin,
        random_state=random_state,
        n_jobs=n_jobs,
        # Otherwise it tries both ways of building histograms and keeps the faster, whose sums are rounded otherwise.
        deterministic=True,
        force_col_wise=True,
        verbosity=-1,
    )


def ebm(
    *,
    interactions: Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?x$")] = "3x",
    max_bins: Annotated[int, Field(ge=2)] = 1024,
    max_leaves: Annotated[int, Field(ge=2)] = 2,
    min_samples_leaf: Count = 4,
    learning_rate: Rate = 0.015,
    max_rounds: Count = 50_000,
    early_stopping_rounds: Annotated[int, Field(ge=0)] = 100,
    validation_size: Annotated[float, Field(ge=0, lt=1)] = 0.15,
    outer_bags: Count = 14,
    random_state: Seed = 0,
    n_jobs: Count = 1,
) -> "ClassifierMixin":
    """Explainable boosting machine, a sum of one curve per feature (Nori et al., 2019); interpret's.

    A generalised additive model (Lou et al., KDD 2012 and 2013): a class's score is the sum of a step function of each
    feature, and of a few pairs of features, each of which can be drawn. Slow with many features and classes: of
    `outer_bags` models, each may go through all features `max_rounds` times.

    Parameters
    ----------
    interactions
        Pairs of features, as a number or as a multiple of the number of features. With three classes or more interpret
        cannot draw them: 0 for a model of which everything can be seen.
    max_bins
        Steps of a feature's curve.
    max_leaves
        Of the tree of one feature that a round adds.
    min_samples_leaf
        Least number of rows in such a leaf.
    learning_rate
        What each tree is multiplied by.
    max_rounds
        Most times that each feature gets a tree.
    early_stopping_rounds
        Rounds without progress on the validation part that end the fit; 0 for never.
    validation_size
        Fraction of the rows that each model validates on.
    outer_bags
        Models that are averaged, each with another validation part.
    random_state
        Decides the validation parts.
    n_jobs
        Threads, one for each of the models.

    Raises
    ------
    TrialError
        If interpret is not installed.
    """
    glassbox = _library("ebm", ".glassbox")
    return glassbox.ExplainableBoostingClassifier(
        interactions=interactions,
        max_bins=max_bins,
        max_leaves=max_leaves,
        min_samples_leaf=min_samples_leaf,
        learning_rate=learning_rate,
        max_rounds=max_rounds,
        early_stopping_rounds=early_stopping_rounds,
        validation_size=validation_size,
        outer_bags=outer_bags,
        random_state=random_state,
        n_jobs=n_jobs,
    )


def _library(name: str, module: str = "") -> Any:
    try:
        return importlib.import_module(LIBRARIES[name] + module)
    except ModuleNotFoundError as error:
        raise TrialError(not_installed(name)) from error
