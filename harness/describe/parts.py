"""Everything that is known of the part, or the suite, of a name."""

from __future__ import annotations

import difflib
import inspect
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pydantic

from harness import registry, sklearn_parts
from harness.describe import docs
from harness.errors import MisuseError
from harness.registry import Kind
from harness.suite.load import load_suite, shipped_suites
from harness.suite.model import Suite
from harness.suite.parts import handling

SUITES = "suites"
RANGE = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


class Parameter(NamedTuple):
    """What a suite can set of a part."""

    name: str
    type: str
    """In words, with the range: `integer >= 1`."""
    default: Any
    """As YAML and JSON can say it; None also where it is required."""
    required: bool
    explanation: str


class Description(NamedTuple):
    """A part, or a suite."""

    kind: str
    name: str
    summary: str
    text: str
    facts: dict[str, str]
    """Of a feature what it takes and gives, of a dataset its size, of a suite its question and contents."""
    parameters: list[Parameter]
    references: list[str]
    source: str
    """FILE:LINE, or the file alone."""


def describe(name: str, kind: str | None = None) -> list[Description]:
    """Describe everything of that name: several kinds can each have one.

    Parameters
    ----------
    name
        A registered name, a scikit-learn class by its dotted name, or a shipped suite.
    kind
        Only this kind, such as `features` or `suites`.

    Raises
    ------
    MisuseError
        If there is nothing of that name, with the nearest name that there is; or it cannot be loaded.
    """
    if name.startswith("sklearn."):
        return [_sklearn(name)]
    found = list(kinds_of(name, kind))
    if not found:
        raise MisuseError(unknown(name, kind))
    return [_suite(name) if one == SUITES else _registered(one, name) for one in found]  # type: ignore[arg-type]


def kinds_of(name: str, kind: str | None = None) -> Iterator[str]:
    """The kinds that have something of that name; only `kind`, where it is given."""
    for one, known in _known(kind).items():
        if name in known:
            yield one


def _known(kind: str | None) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {one: registry.names(one) for one in registry.BUILT_IN}
    kinds[SUITES] = list(shipped_suites())
    return kinds if kind is None else {kind: kinds.get(kind, [])}


def unknown(name: str, kind: str | None) -> str:
    """The error sentence for a name that nothing has; a class's bare name is met with its dotted one."""
    what = f"unknown {kind.removesuffix('s')} {name!r}" if kind else f"nothing is named {name!r}"
    known = {one for names in _known(kind).values() for one in names}
    if close := difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6):
        return f"{what}; did you mean {close[0]!r}?"
    if kind is None:
        try:
            sklearn_parts.resolve(name, "estimator")
        except MisuseError as error:
            if (hint := str(error).rpartition("; ")[2]).startswith("did you mean"):
                return f"{what}; {hint}"
    return f"{what}; what there is: harness list {kind or 'features (or datasets, networks, ...)'}"


def _registered(kind: Kind, name: str) -> Description:
    part = registry.load_part(kind, name)
    told = docs.read(part)
    model = registry.parameters(kind, name)
    facts: dict[str, str] = {}
    if kind == "features":
        takes, gives = handling(name)
        learned = getattr(part, "learned", False)
        facts = {"takes": str(takes), "gives": str(gives), "learned": "from the training images" if learned else "no"}
    if kind == "datasets":
        facts = _size(part, model)
    return Description(
        kind=kind,
        name=name,
        summary=told.summary,
        text=told.text,
        facts=facts,
        parameters=list(_parameters(model, told.parameters)),
        references=told.references,
        source=source(part),
    )


def _size(part: Callable[..., Any], model: type[pydantic.BaseModel]) -> dict[str, str]:
    """The size of a dataset that says it before anything is set; of one that needs a path it is not known."""
    if any(field.is_required() for field in model.model_fields.values()):
        return {}
    try:
        info = part().info(None)
    except MisuseError as error:
        return {"images": str(error)}
    shape = "x".join(map(str, info.image_shape))
    facts = {"images": f"{info.n_train:,} for training, {info.n_test:,} for testing, {shape}, {info.n_classes} classes"}
    return facts | ({"missing": info.missing} if info.missing else {})


def _parameters(model: type[pydantic.BaseModel], explanations: dict[str, str]) -> Iterator[Parameter]:
    for key, field in model.model_fields.items():
        yield Parameter(
            key,
            _type(model, key),
            None if field.is_required() else _plain(field.default),
            field.is_required(),
            explanations.get(key, ""),
        )


def _type(model: type[pydantic.BaseModel], key: str) -> str:
    """The parameter's type and range in words, from pydantic's JSON Schema of it."""
    try:
        # It warns of a default that JSON cannot say.
        with warnings.catch_warnings(action="ignore"):
            schema = model.model_json_schema()
    except pydantic.PydanticUserError:
        # A plug-in may take what JSON has no word for.
        return inspect.formatannotation(model.model_fields[key].annotation)
    return _words(schema["properties"][key], schema.get("$defs", {}))


def _words(schema: dict[str, Any], defined: dict[str, Any]) -> str:
    if reference := schema.get("$ref"):
        return _words(defined[reference.rpartition("/")[2]], defined)
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(_words(choice, defined) for choice in choices))
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        inner: dict[str, Any] = schema.get("items") or next(iter(schema.get("prefixItems", [])), {})
        length = schema.get("maxItems") if schema.get("maxItems") == schema.get("minItems") else None
        return f"list of {f'{length} ' if length else ''}{_words(inner, defined)}"
    if kind == "object" and "properties" in schema:
        return "mapping with " + ", ".join(schema["properties"])
    bounds = [f"{sign} {schema[key]:.12g}" for key, sign in RANGE.items() if key in schema]
    return " ".join((kind, " and ".join(bounds))).strip()


def _plain(value: Any) -> Any:
    """A default as JSON can say it."""
    if isinstance(value, pydantic.BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def _sklearn(name: str) -> Description:
    found = sklearn_parts.resolve(name, "estimator")
    told = docs.read(found)
    try:
        sklearn_parts.resolve(name, "classifier")
        kind = "estimators"
    except MisuseError:
        kind = "features" if hasattr(found, "transform") else "estimators"
    parameters = []
    for key, parameter in inspect.signature(found).parameters.items():
        required = parameter.default is inspect.Parameter.empty
        # `float, default=1.0`: the default has a column of its own.
        words = " ".join(told.types.get(key, "").split()).partition(", default")[0]
        default = None if required else _plain(parameter.default)
        parameters.append(Parameter(key, words, default, required, told.parameters.get(key, "")))
    return Description(
        kind=kind,
        name=name,
        summary=told.summary,
        text=told.text,
        facts={"takes": "matrix", "gives": "matrix"} if kind == "features" else {},
        parameters=parameters,
        references=told.references,
        source=source(found),
    )


def _suite(name: str) -> Description:
    path = shipped_suites()[name]
    loaded = load_suite(str(path), check=False).suite
    return Description(
        kind=SUITES,
        name=name,
        summary=loaded.description,
        text=_comment(path),
        facts=_contents(loaded),
        parameters=[],
        references=[],
        source=str(path),
    )


def _comment(path: Path) -> str:
    """The comment at the head of a suite, which says its question and how long it takes."""
    head = path.read_text().partition("\nsuite:")[0].splitlines()
    return docs.flowing("\n".join(line.lstrip("# ") for line in head if not line.startswith("# yaml-language-server")))


def _contents(suite: Suite) -> dict[str, str]:
    return {
        "datasets": ", ".join(map(str, suite.datasets)),
        "sizes": ", ".join(map(str, suite.sizes)),
        "seeds": ", ".join(map(str, suite.seeds)) if isinstance(suite.seeds, list | tuple) else str(suite.seeds),
        "pipelines": ", ".join(suite.pipelines),
    }


def source(part: Callable[..., Any]) -> str:
    """FILE:LINE of a class or function."""
    file = inspect.getsourcefile(part)
    return f"{file}:{inspect.getsourcelines(part)[1]}"
