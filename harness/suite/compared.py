"""What a pipeline is compared by: columns that follow from it alone and tell the sides of a contrast apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness import registry
from harness.suite.parts import given_part, handling

if TYPE_CHECKING:
    from harness.suite.model import Part, Pipeline

RANDOM_PROJECTIONS = "sklearn.random_projection."


def compared(spec: Pipeline) -> dict[str, Any]:
    """The columns of `harness.run.columns` that follow from a pipeline alone."""
    return {
        "scheme": (spec.train.scheme_name if spec.train else "joint") if spec.network else None,
        "architecture": called(spec.network) if spec.network else None,
        "classifier": called(spec.estimator) if spec.estimator else None,
        "feature_origin": feature_origin(spec),
        "n_choices": n_choices(spec),
    }


def called(part: Part) -> str:
    """`SVC(C=10)`: the part's own name and its parameters, in the order of their names."""
    inner = ", ".join(f"{key}={value}" for key, value in sorted(part.params.items()))
    name = part.name.rpartition(".")[2]
    return f"{name}({inner})" if inner else name


def feature_origin(spec: Pipeline) -> str:
    """Where what is classified comes from.

    Returns
    -------
    str
        `end_to_end` or `network_on_features` for a network; for an estimator `pixels`, `hand`, `learned`, `random`,
        `shuffled` or `transferred`. What only rearranges or projects, such as scaling, PCA or deskewing, changes none
        of them, but a random projection of pixels is `random`.
    """
    features = spec.features or []
    if spec.network:
        return "network_on_features" if features else "end_to_end"
    origin = "pixels"
    for part in features:
        if part.name.startswith(RANDOM_PROJECTIONS) and origin == "pixels":
            origin = "random"
        elif _is_network(part):
            origin = _learned_from(part.params)
        elif part.name != "pixels" and handling(part.name) == ("images", "matrix"):
            origin = "hand"
    return origin


def _is_network(part: Part) -> bool:
    return part.name in registry.names("features") and bool(
        getattr(registry.load_part("features", part.name), "keras", False)
    )


def _learned_from(params: Mapping[str, Any]) -> str:
    """Where the weights of an `embedding` come from; pretrained ones from elsewhere, an autoencoder trains itself."""
    network = given_part(params.get("network")) or {"name": "", "params": {}}
    if network["params"].get("weights") is not None:
        return "transferred"
    if params.get("trained") is False and network["name"] != "autoencoder":
        return "random"
    if params.get("labels") == "shuffled":
        return "shuffled"
    scheme = (params.get("train") or {}).get("scheme")
    if params.get("source") is not None or isinstance(scheme, dict):
        return "transferred"
    return "random" if scheme == "frozen" else "learned"


def n_choices(spec: Pipeline) -> int:
    """What a person has chosen: every part that is named, and every value that is set by hand in one or in `train`.

    A mapping counts as the values in it. What a pipeline computes with, such as its accelerator, is no choice of
    method, nor is what is measured beside it.
    """
    parts = [*(spec.features or ()), *(spec.optimizer or ()), *filter(None, (spec.estimator, spec.network))]
    train = spec.train.model_dump(mode="json", exclude_unset=True) if spec.train else {}
    return len(parts) + sum(_values(part.params) for part in parts) + _values(train)


def _values(value: object) -> int:
    return sum(map(_values, value.values())) if isinstance(value, Mapping) and value else int(value != {})
