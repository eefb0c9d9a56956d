"""An estimator of a suite, made with its seed and its threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import joblib

from harness import registry, sklearn_parts

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from harness.sklearn_parts import Role
    from harness.suite.model import Part


def build_estimator(part: Part, seed: int, role: Role) -> BaseEstimator:
    """Make an estimator, not yet fitted.

    Parameters
    ----------
    part
        A registered estimator, or a scikit-learn class by its dotted name, with its parameters.
    seed
        For `random_state`, wherever the estimator has it and `part` does not set it.
    role
        Of a scikit-learn class.

    Returns
    -------
    BaseEstimator
        A registered one has the threads of the surrounding `joblib.parallel_config` as its `n_jobs`, one without it,
        unless `part` sets another number: other libraries do not ask joblib.

    Raises
    ------
    MisuseError
        If the name or a parameter is wrong.
    TrialError
        If the library of a registered one is not installed.
    """
    if part.name not in registry.names("estimators"):
        return sklearn_parts.build(part.name, part.params, seed, role)
    estimator: BaseEstimator = registry.make("estimators", part.name, part.params)
    known = estimator.get_params()
    ours = {"random_state": seed, "n_jobs": joblib.effective_n_jobs(None)}
    estimator.set_params(**{key: value for key, value in ours.items() if key in known and key not in part.params})
    return estimator
