"""A suite's list of features as one scikit-learn pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness import registry, sklearn_parts
from harness.errors import MisuseError
from harness.suite.parts import chain_problems

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

    from harness.suite.model import Part


def build_features(specs: Sequence[Part], seed: int) -> Pipeline:
    """Make the chain of features, not yet fitted.

    Parameters
    ----------
    specs
        Registered features and scikit-learn transformers by dotted name, in order.
    seed
        For every `random_state` that the suite does not set.

    Raises
    ------
    MisuseError
        If a name, a parameter or the order is wrong.
    """
    from sklearn.pipeline import Pipeline

    if not specs:
        raise MisuseError("no features; for raw pixels write features: [pixels]")
    for index, problem in chain_problems([spec.name for spec in specs]):
        raise MisuseError(f"features[{index}]: {problem}")
    return Pipeline([(f"{index}-{spec.name}", _build(spec, seed)) for index, spec in enumerate(specs)])


def _build(spec: Part, seed: int) -> BaseEstimator:
    if spec.name.startswith("sklearn."):
        return sklearn_parts.build(spec.name, spec.params, seed, "transformer")
    feature: BaseEstimator = registry.make("features", spec.name, spec.params)
    if "random_state" in feature.get_params() and "random_state" not in spec.params:
        feature.set_params(random_state=seed)
    return feature
