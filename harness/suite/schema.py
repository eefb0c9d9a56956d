"""The JSON Schema of suite files, for editors (yaml-language-server reads draft 7 best)."""

from __future__ import annotations

from typing import Any

from harness.registry import BUILT_IN, Kind
from harness.suite.model import PART_SCHEMA, Suite

PARTS: dict[str, Kind] = {
    "datasets": "datasets",
    "dataset": "datasets",
    "features": "features",
    "estimator": "estimators",
    "network": "networks",
    "optimizer": "optimizers",
}


def suite_schema() -> dict[str, Any]:
    """JSON Schema generated from the models and the registry.

    `harness/suite/schema.json` keeps a copy that a test holds current.
    """
    schema = _widen(Suite.model_json_schema(), "")
    return {"$schema": "http://json-schema.org/draft-07/schema#", **_draft_7(schema), "title": "harness suite"}


def _widen(schema: Any, key: str) -> Any:
    """Say what the validators also take: a single item for a list of one; and name the registered parts."""
    if isinstance(schema, list):
        return [_widen(item, key) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema == PART_SCHEMA:
        return _part_schema(PARTS[key]) if key in PARTS else schema
    properties = schema.get("properties", {})
    widened = {
        name: _widen(value, key)
        for name, value in schema.items()
        if name not in ("properties", "default", "description")
    }
    widened |= {name: schema[name] for name in ("default", "description") if name in schema}
    if properties:
        widened["properties"] = {name: _widen(value, name) for name, value in properties.items()}
    if widened.get("type") == "array" and "items" in widened:
        kept = {name: widened.pop(name) for name in ("default", "description", "title") if name in widened}
        return {**kept, "anyOf": [widened["items"], widened]}
    return widened


def _part_schema(kind: Kind) -> dict[str, Any]:
    names = sorted(BUILT_IN[kind])
    params = {"type": ["object", "null"]}
    known = {"type": "object", "properties": dict.fromkeys(names, params), "minProperties": 1, "maxProperties": 1}
    # Plug-in packages register further names, and features may be scikit-learn classes: any other word is allowed too.
    return {"anyOf": [{"enum": names}, {"type": "string", "minLength": 1}, {**known, "additionalProperties": params}]}


def _draft_7(schema: Any) -> Any:
    """Rename what draft 2020-12 calls otherwise."""
    if isinstance(schema, list):
        return [_draft_7(item) for item in schema]
    if isinstance(schema, dict):
        renamed = {("definitions" if key == "$defs" else key): _draft_7(value) for key, value in schema.items()}
        if isinstance(reference := renamed.get("$ref"), str):
            renamed["$ref"] = reference.replace("#/$defs/", "#/definitions/")
        return renamed
    return schema
