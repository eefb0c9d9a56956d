"""Are the parts that a suite names known, and are their parameters right?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, get_args

import pydantic

from harness import registry
from harness.errors import MisuseError
from harness.registry import Kind
from harness.suite.model import SCHEME_TAGS, Accelerator, Part, Pipeline, Source, parse_part
from harness.suite.source import Path

if TYPE_CHECKING:
    from harness.sklearn_parts import Role

# What scikit-learn's classes of a dotted name have to be, where such names are taken.
ROLES: dict[Kind, Role] = {"features": "transformer", "estimators": "classifier"}

# Where a pipeline, or a feature with a network, names another dataset to learn from.
SOURCES = (("source",), ("train", "scheme", "transferred"))


def check_parts(values: Any) -> Iterator[tuple[Path, str]]:
    """Every mistake in the parts of a suite, given as plain values of any shape.

    Yields
    ------
    path, message
        Where in the suite, and what is wrong. Wrong shapes are passed over: the models tell those.
    """
    if not isinstance(values, dict):
        return
    for path, value in given_items(values.get("datasets"), ("datasets",)):
        yield from check_part("datasets", value, path)
    pipelines = values.get("pipelines")
    for name, pipeline in pipelines.items() if isinstance(pipelines, dict) else ():
        if not isinstance(pipeline, dict):
            continue
        path = ("pipelines", name)
        features = given_items(pipeline.get("features"), (*path, "features"))
        for inner, value in features:
            yield from check_part("features", value, inner)
        named = [(inner, part["name"]) for inner, value in features if (part := given_part(value))]
        if len(named) == len(features):
            yield from ((named[index][0], message) for index, message in chain_problems([name for _, name in named]))
        if len(named) == len(features):
            yield from end_problems(pipeline, [name for _, name in named], path)
        if "estimator" in pipeline:
            yield from check_part("estimators", pipeline["estimator"], (*path, "estimator"))
            yield from check_accelerators(pipeline, path)
        if "network" in pipeline:
            yield from check_part("networks", pipeline["network"], (*path, "network"))
        for inner, value in given_items(pipeline.get("optimizer"), (*path, "optimizer")):
            yield from check_part("optimizers", value, inner)
        yield from check_sources(pipeline, path)


def check_part(kind: Kind, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every mistake in one part."""
    part = given_part(value)
    if part is None:
        return
    name, params = part["name"], part["params"]
    inside = (*path, name) if isinstance(value, dict) and name in value else path
    role = ROLES.get(kind)
    # An estimator of an unknown name is told there, too: by the nearest name of either sort.
    if role and (name.startswith("sklearn.") or (kind == "estimators" and name not in registry.names(kind))):
        from harness import sklearn_parts

        for message in sklearn_parts.check(name, params, role):
            yield path, message
        return
    try:
        model = registry.parameters(kind, name)
    except MisuseError as error:
        yield path, str(error)
        return
    try:
        checked = model.model_validate(params)
    except pydantic.ValidationError as error:
        for problem in error.errors():
            place = (step for step in problem["loc"] if step not in SCHEME_TAGS)
            yield (*inside, *place), sentence(problem, model.model_fields)
        return
    # Parts inside a part, such as the network of an embedding.
    nested: dict[str, Kind] = {"network": "networks", "optimizer": "optimizers"}
    for key, kind_of in nested.items():
        if isinstance(getattr(checked, key, None), Part):
            yield from check_part(kind_of, params[key], (*inside, key))
    if kind == "features":
        yield from check_sources(params, inside)


def check_sources(values: dict[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    """Mistakes in the other datasets that the network of a pipeline, or of a feature, learns from."""
    for keys in SOURCES:
        if isinstance(source := _inner(values, keys), dict) and "dataset" in source:
            yield from check_part("datasets", source["dataset"], (*path, *keys, "dataset"))


def check_accelerators(pipeline: dict[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    """Accelerators that cannot compute the estimator of a pipeline."""
    part = given_part(pipeline["estimator"])
    for inner, value in given_items(pipeline.get("accelerator"), (*path, "accelerator")):
        if part is not None and isinstance(value, str) and value in get_args(Accelerator):
            from harness import sklearn_parts

            if told := sklearn_parts.check_accelerator(part["name"], part["params"], value):
                yield inner, told


def chain_problems(names: Sequence[str]) -> list[tuple[int, str]]:
    """What is wrong with the order of features: the place in the list, and one line.

    Each must take what the one before it gives, the first one images. Names that are not registered are passed over.
    """
    problems = []
    given: str | None = "images"
    for index, name in enumerate(names):
        takes, gives = handling(name)
        if takes == "matrix" and given == "images":
            problems.append((index, f"{name!r} takes features, not images; start with pixels or hog"))
        if takes == "images" and given == "matrix":
            problems.append(
                (index, f"{name!r} takes images, and {names[index - 1]!r} before it gives features; put it first")
            )
        given = gives
    return problems


def end_problems(pipeline: dict[str, Any], names: Sequence[str], path: Path) -> Iterator[tuple[Path, str]]:
    """What does not go with what a pipeline's last feature gives."""
    given = handling(names[-1])[1] if names else "images"
    if names and "estimator" in pipeline and given == "images":
        last = (*path, "features", len(names) - 1) if isinstance(pipeline["features"], list) else (*path, "features")
        yield last, f"{names[-1]!r} gives images, and an estimator takes features; add pixels or hog after it"
    train = pipeline.get("train")
    if isinstance(train, dict) and train.get("augment") and given == "matrix":
        yield (*path, "train", "augment"), f"changes images, and {names[-1]!r} gives the network features; leave it out"


def handling(name: str) -> tuple[str | None, str | None]:
    """What a feature takes and gives, `images` or `matrix`; None for a name that is not registered."""
    if name.startswith("sklearn."):
        return "matrix", "matrix"
    if name not in registry.names("features"):
        return None, None
    part = registry.load_part("features", name)
    return str(getattr(part, "takes", "images")), str(getattr(part, "gives", "matrix"))


def networks_of(spec: Pipeline) -> list[Part]:
    """The networks that a pipeline builds: its own, and those inside its features."""
    inner = [parse_part(part.params["network"]) for part in spec.features or () if "network" in part.params]
    return [*([spec.network] if spec.network else []), *map(Part.model_validate, inner)]


def sources_of(spec: Pipeline) -> list[Source]:
    """The other datasets that a pipeline's networks learn from: its own, and those inside its features."""
    values = [spec.plain, *(part.params for part in spec.features or () if "network" in part.params)]
    found = [_inner(one, keys) for one in values for keys in SOURCES]
    return [Source.model_validate(source) for source in found if source is not None]


def needs_keras(spec: Pipeline) -> bool:
    """Whether a pipeline computes with Keras: it has a network, or features that one has learned."""
    return spec.network is not None or any(
        part.name in registry.names("features")
        and bool(getattr(registry.load_part("features", part.name), "keras", False))
        for part in spec.features or ()
    )


def sentence(problem: Any, known: Any = ()) -> str:
    """A pydantic error as a sentence: what was wrong, what was meant."""
    last = problem["loc"][-1] if problem["loc"] else ""
    match problem["type"]:
        case "extra_forbidden":
            hint = f"; {registry.did_you_mean(str(last), known)}" if known else "; it takes none"
            return f"unknown key {last!r}{hint}"
        case "missing":
            return f"{last!r} is required"
        case "value_error":
            return f"{problem['ctx']['error']}; got {_short(problem['input'])}"
    text = problem["msg"]
    return f"{text[0].lower()}{text[1:]}; got {_short(problem['input'])}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _inner(values: Any, keys: Sequence[str]) -> Any:
    """What stands there in plain values of any shape; None where nothing does."""
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def given_part(value: Any) -> dict[str, Any] | None:
    """A plain value as a part's name and parameters; None where its shape is wrong."""
    try:
        part = parse_part(value)
    except ValueError:
        return None
    return part if isinstance(part, dict) and isinstance(part["name"], str) and part["name"] else None


def given_items(value: Any, path: Path) -> list[tuple[Path, Any]]:
    """The items of a list, or the one that stands for a list, each with its place."""
    if isinstance(value, list):
        return [((*path, index), item) for index, item in enumerate(value)]
    return [] if value is None else [(path, value)]
