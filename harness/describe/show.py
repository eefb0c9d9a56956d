"""Descriptions as text for a terminal, and as what JSON can say."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

import pandas as pd

from harness.describe.architecture import Architecture
from harness.describe.parts import Description, Parameter
from harness.describe.published import Audit, audit, shape
from harness.report.tables import as_text

WIDTH = 100


def as_lines(description: Description, built: Architecture | None = None) -> Iterator[str]:
    """A description, and of a network its layers, line by line."""
    yield f"{description.name} ({description.kind.removesuffix('s')}): {description.summary}"
    if description.text:
        yield ""
        yield from _paragraphs(description.text, "  ")
    if description.facts:
        yield ""
        width = max(map(len, description.facts))
        for key, fact in description.facts.items():
            yield from _wrapped(fact, f"  {key:<{width}}  ", " " * (width + 4))
    if description.parameters:
        yield ""
        yield "parameters"
        for parameter in description.parameters:
            yield from _parameter(parameter)
    yield ""
    yield f"source      {description.source}"
    for number, reference in enumerate(description.references):
        yield from _wrapped(" ".join(reference.split()), "            " if number else "references  ", " " * 12)
    if built is not None:
        yield ""
        yield from _layers(built)


def _parameter(parameter: Parameter) -> Iterator[str]:
    default = "required" if parameter.required else f"default {_said(parameter.default)}"
    yield f"  {parameter.name}: {', '.join(filter(None, (parameter.type, default)))}"
    yield from _paragraphs(parameter.explanation, "      ")


def _said(value: Any) -> str:
    """A value as a suite would have it."""
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _layers(built: Architecture) -> Iterator[str]:
    settings = "".join(f", {key}={value}" for key, value in built.settings.items())
    yield f"layers, for one image of {shape(built.input_shape)} and {built.n_classes:,} classes{settings}"
    held = audit(built)
    yield from textwrap.indent(as_text(layer_table(built, held)), "  ").splitlines()
    yield f"  {built.parameters:,} parameters, {built.trainable:,} of them trained"
    least = f", and those of {', '.join(built.unknown)}, which are not known" if built.unknown else ""
    yield f"  {built.multiply_adds:,} multiply-adds in convolutions, dense and recurrent layers{least}"
    yield f"  {built.output_bytes:,} bytes for the outputs of all layers, as float32"
    if held is not None:
        yield f"  {held.conclusion}"


def layer_table(built: Architecture, held: Audit | None) -> pd.DataFrame:
    """The layers of a network, in words and numbers; with a published table its counts and the verdicts."""
    frame = pd.DataFrame(
        {
            "layer": [layer.name for layer in built.layers],
            "type": [layer.type for layer in built.layers],
            "output": [shape(layer.output_shape) for layer in built.layers],
            "parameters": [layer.parameters for layer in built.layers],
            "multiply-adds": pd.array([layer.multiply_adds for layer in built.layers], dtype="Int64"),
            "output bytes": [layer.output_bytes for layer in built.layers],
        }
    )
    if held is not None:
        counts = {row.layer: f"{row.parameters:,}" for row in held.table.rows}
        frame["published"] = [counts.get(layer.name, "") for layer in built.layers]
        frame["verdict"] = [held.verdicts.get(layer.name, "") for layer in built.layers]
    return frame


def as_data(description: Description, built: Architecture | None = None) -> dict[str, Any]:
    """The same as what JSON can say."""
    data = description._asdict() | {"parameters": [parameter._asdict() for parameter in description.parameters]}
    if built is None:
        return data
    held = audit(built)
    return data | {
        "architecture": {
            "input_shape": built.input_shape,
            "n_classes": built.n_classes,
            "settings": built.settings,
            "layers": [layer._asdict() for layer in built.layers],
            "parameters": built.parameters,
            "trainable": built.trainable,
            "multiply_adds": None if built.unknown else built.multiply_adds,
            "output_bytes": built.output_bytes,
            "audit": held and {"table": held.table.title, "agrees": held.agrees, "layers": held.verdicts},
        }
    }


def _paragraphs(text: str, indent: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from _wrapped(line, indent, indent) if line else [""]


def _wrapped(text: str, first: str, then: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
    )
