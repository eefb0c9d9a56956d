"""A pipeline's settings: those that can be tried, those it has, and the pipeline with others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.suite.domains import parse_domain, settable
from harness.suite.model import Part, Pipeline, Searched
from harness.tuning.spaces import Space, space_of


def parts_of(spec: Pipeline) -> dict[Searched, Part]:
    """The parts of a pipeline whose settings can be searched: its estimator, or its network and optimizer.

    As in a trial, a network without an optimizer has adam; of several the first counts.
    """
    if spec.estimator is not None:
        return {"estimator": spec.estimator}
    assert spec.network is not None
    assert spec.chosen_optimizer is not None
    return {"network": spec.network, "optimizer": spec.chosen_optimizer}


def space_of_pipeline(spec: Pipeline) -> Space:
    """Everything that is tried for a pipeline: what its parts ship, and in its place what its `search` names.

    A parameter in `search` is searched although the suite sets it: the setting is then what is tried first. One that
    this optimizer does not have is passed over, because another one of the suite's list has it;
    `harness.suite.domains.check_search` refuses what none has.

    Returns
    -------
    Such as `{"estimator.C": Range(low=0.1, high=100, log=True)}`.
    """
    space: Space = {}
    for piece, part in parts_of(spec).items():
        named = (spec.search or {}).get(piece, {})
        known = settable(piece, part.name) if named else ()
        own = space_of(part, piece) | {key: parse_domain(value) for key, value in named.items() if key in known}
        space |= {f"{piece}.{key}": domain for key, domain in own.items()}
    return space


def own_settings(spec: Pipeline, space: Space) -> dict[str, Any]:
    """What a pipeline has where nothing is tuned, for each parameter that is searched.

    Parameters without a default that YAML could say are left out.
    """
    own: dict[str, Any] = {}
    for piece, part in parts_of(spec).items():
        for key, default in (settable(piece, part.name) | part.params).items():
            value = list(default) if isinstance(default, tuple) else default
            if f"{piece}.{key}" in space and (value is None or isinstance(value, bool | int | float | str | list)):
                own[f"{piece}.{key}"] = value
    return own


def with_params(spec: Pipeline, params: Mapping[str, Any]) -> Pipeline:
    """A pipeline with other settings; one of several optimizers is not meant, but the only one.

    Parameters
    ----------
    spec
        The pipeline.
    params
        Such as `{"estimator.C": 1}` or `{"network.width": 32, "optimizer.learning_rate": 0.01}`.

    Returns
    -------
    The pipeline itself where `params` is empty.

    Raises
    ------
    KeyError
        If the pipeline has no such part.
    """
    if not params:
        return spec
    parts = parts_of(spec)
    for name, value in params.items():
        piece, _, key = name.partition(".")
        part = parts[piece]  # type: ignore[index]
        parts[piece] = Part(name=part.name, params=part.params | {key: value})  # type: ignore[index]
    changed = {piece: [part] if piece == "optimizer" else part for piece, part in parts.items()}
    # Made anew and not copied: a copy would keep `plain`, which is what the pipeline was.
    return Pipeline.model_validate({name: getattr(spec, name) for name in spec.model_fields_set} | changed)
