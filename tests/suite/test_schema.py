from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

import harness.suite
from harness.suite.load import shipped_suites
from harness.suite.schema import suite_schema
from tests.suite.test_load import GOOD


def test_the_kept_copy_is_current() -> None:
    kept = Path(harness.suite.__file__).with_name("schema.json")
    assert json.loads(kept.read_text()) == suite_schema(), "run `make schema`"


def test_it_is_a_draft_7_schema_and_takes_the_shipped_suites() -> None:
    schema = suite_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    for path in shipped_suites().values():
        jsonschema.validate(yaml.safe_load(path.read_text()), schema, jsonschema.Draft7Validator)


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        (("", ""), True),
        (("datasets: [digits]", "datasets: digits"), True),
        (("sizes: [50, full]", "sizes: full"), True),
        (("seeds: 2", "seeds: [3, 4]"), True),
        (("sizes: [50, full]", "sizes: [all]"), False),
        (("epochs: 3", "epochs: -3"), False),
        (("network: cnn", "netwrk: cnn"), False),
    ],
)
def test_what_fits(change: tuple[str, str], fits: bool) -> None:
    values = yaml.safe_load(GOOD.replace(*change))
    assert jsonschema.Draft7Validator(suite_schema()).is_valid(values) == fits
