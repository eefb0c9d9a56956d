"""What `search:` may say: the values that tuning tries for a setting, and whether the part takes them."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, get_args

import pydantic
from pydantic import Field, model_validator

from harness import registry
from harness.errors import MisuseError
from harness.registry import Kind, did_you_mean
from harness.suite.model import Model, Part, Searched, parse_part
from harness.suite.parts import check_part, sentence
from harness.suite.source import Path

KINDS: dict[Searched, Kind] = {"estimator": "estimators", "network": "networks", "optimizer": "optimizers"}
# Whole numbers up to here are exact in a float, and twice as much is no overflow.
LARGEST = 1e15


class Range(Model):
    """Every number from `low` to `high`, both included."""

    low: float = Field(ge=-LARGEST, le=LARGEST, description="the smallest value that is tried")
    high: float = Field(ge=-LARGEST, le=LARGEST, description="the largest value that is tried")
    log: bool = Field(default=False, description="draw evenly on a logarithmic scale")
    integer: bool = Field(default=False, description="whole numbers only")

    @model_validator(mode="after")
    def is_a_range(self) -> Range:
        """Refuse an empty range, a logarithm of zero and whole numbers with a fraction."""
        if self.low >= self.high:
            raise ValueError("`low` must be below `high`")
        if self.log and self.low <= 0:
            raise ValueError("a range on a logarithmic scale needs `low` above 0")
        if self.integer and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("a range of whole numbers needs whole `low` and `high`")
        return self

    def probes(self) -> tuple[Any, ...]:
        """Both ends and the middle: what a part must take for the range to be one of its own."""
        middle = math.sqrt(self.low) * math.sqrt(self.high) if self.log else (self.low + self.high) / 2
        # Between the ends although roots are rounded.
        values = (self.low, min(max(middle, self.low), self.high), self.high)
        return tuple(round(value) for value in values) if self.integer else values


class Choice(Model):
    """One of a few values, in no order."""

    values: tuple[Any, ...] = Field(min_length=1, description="the values that are tried")

    @model_validator(mode="after")
    def no_value_twice(self) -> Choice:
        """Refuse a value that stands there twice: it would be drawn twice as often."""
        written = [json.dumps(value, sort_keys=True, default=repr) for value in self.values]
        if twice := [value for position, value in enumerate(self.values) if written[position] in written[:position]]:
            raise ValueError(f"{twice[0]!r} is given twice")
        return self

    def probes(self) -> tuple[Any, ...]:
        """All the values."""
        return self.values


Domain: TypeAlias = Range | Choice


def parse_domain(value: object) -> Domain:
    """`{low: 0.1, high: 100, log: true}` as a range, `[rbf, poly]` as a choice.

    Raises
    ------
    ValueError
        If it is neither; a `pydantic.ValidationError` where it is nearly one.
    """
    if isinstance(value, Range | Choice):
        return value
    if isinstance(value, list):
        return Choice(values=tuple(value))
    if isinstance(value, dict):
        return Range.model_validate(value)
    raise ValueError("expected a range such as {low: 0.1, high: 100, log: true}, or a list of values such as [1, 10]")


def write_domain(domain: Domain) -> object:
    """The inverse of `parse_domain`."""
    return list(domain.values) if isinstance(domain, Choice) else domain.model_dump(exclude_defaults=True)


def settable(piece: Searched, name: str) -> dict[str, Any]:
    """The parameters of a pipeline's estimator, network or optimizer with their defaults.

    A parameter without a default has `inspect.Parameter.empty`.

    Raises
    ------
    MisuseError
        If there is no such part.
    """
    if name.startswith("sklearn."):
        from harness import sklearn_parts

        signature = inspect.signature(sklearn_parts.resolve(name, "classifier"))
        return {key: parameter.default for key, parameter in signature.parameters.items()}
    return {
        key: inspect.Parameter.empty if field.is_required() else field.default
        for key, field in registry.parameters(KINDS[piece], name).model_fields.items()
    }


def check_search(values: Any) -> Iterator[tuple[Path, str]]:
    """Every mistake in what the pipelines of a suite, given as plain values of any shape, would have searched.

    Yields
    ------
    path, message
        Where in the suite, and what is wrong. Passed over is what is told elsewhere: wrong shapes around the ranges,
        parts that are unknown, and parameters that are wrong already as the suite sets them.
    """
    pipelines = values.get("pipelines") if isinstance(values, dict) else None
    for name, pipeline in pipelines.items() if isinstance(pipelines, dict) else ():
        search = pipeline.get("search") if isinstance(pipeline, dict) else None
        for piece, domains in search.items() if isinstance(search, dict) else ():
            if piece in get_args(Searched) and isinstance(domains, dict):
                parts = _parts(pipeline, piece)
                for key, value in domains.items():
                    path = ("pipelines", name, "search", piece, key)
                    yield from (((*path, *inner), message) for inner, message in _problems(piece, parts, key, value))


def _problems(piece: Searched, parts: Sequence[Part], key: str, value: object) -> Iterator[tuple[Path, str]]:
    """Mistakes in one parameter's range or list: where in it, and what is wrong."""
    try:
        domain = parse_domain(value)
    except pydantic.ValidationError as error:
        yield from ((problem["loc"], sentence(problem, Range.model_fields)) for problem in error.errors())
        return
    except ValueError as error:
        yield (), str(error)
        return
    takers = [part for part in parts if key in settable(piece, part.name)]
    if len(parts) > 1 and not takers:
        known = {name for part in parts for name in settable(piece, part.name)}
        yield (), f"unknown parameter {key!r} of any {piece} here; {did_you_mean(str(key), known)}"
        return
    for part in takers or parts:
        told = (_refusal(piece, part, key, probe) for probe in domain.probes())
        if problem := next((message for message in told if message), None):
            hint = "; for whole numbers write integer: true" if _takes_whole(piece, part, key, domain) else ""
            yield (), f"{problem.removesuffix('.') if hint else problem}{hint}"


def _takes_whole(piece: Searched, part: Part, key: str, domain: Domain) -> bool:
    """Whether a range that a part refuses would do as one of whole numbers."""
    if isinstance(domain, Choice) or domain.integer or not (domain.low.is_integer() and domain.high.is_integer()):
        return False
    return not any(_refusal(piece, part, key, int(end)) for end in (domain.low, domain.high))


def _refusal(piece: Searched, part: Part, key: str, value: object) -> str | None:
    """What the part says against a value of one of its parameters."""
    told = check_part(KINDS[piece], {part.name: {**part.params, key: value}}, ())
    return next((message for _, message in told), None)


def _parts(pipeline: Mapping[str, Any], piece: Searched) -> list[Part]:
    """Those parts of a pipeline whose settings could be searched: known ones, with parameters that are right."""
    given = pipeline.get(piece)
    if piece == "optimizer" and given is None:
        given = "adam"
    parts = []
    for value in given if isinstance(given, list) else [given]:
        try:
            part = Part.model_validate(parse_part(value))
            settable(piece, part.name)
        except (ValueError, MisuseError):
            continue
        if not any(check_part(KINDS[piece], value, ())):
            parts.append(part)
    return parts
