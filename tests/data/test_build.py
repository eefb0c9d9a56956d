"""Every dataset a suite can name: it can be built, stays cheap, and the document says how."""

import inspect
import re
from pathlib import Path

import pytest
import yaml

from harness import registry
from harness.data.build import dataset
from harness.suite.model import Part, parse_part

DOCUMENT = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
(EXAMPLE,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
PARTS = [Part.model_validate(parse_part(part)) for part in yaml.safe_load(EXAMPLE)["datasets"]]


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_the_documents_datasets_can_be_built(part):
    made = dataset(part)

    # The constructor only stores.
    assert all(getattr(made, key) == value for key, value in part.params.items())


@pytest.mark.parametrize("name", registry.BUILT_IN["datasets"])
def test_every_dataset_and_each_of_its_parameters_is_told(name):
    part = registry.load_part("datasets", name)

    assert f"`{name}`" in DOCUMENT
    text = inspect.getdoc(part)
    assert text is not None
    for parameter in registry.parameters("datasets", name).model_fields:
        assert re.search(rf"^.*\b{parameter}\b.*$", text, re.MULTILINE), (name, parameter)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("folder", {}),
        ("folder", {"path": ""}),
        ("folder", {"path": "x", "size": 0}),
        ("folder", {"path": "x", "size": [1, 2, 3]}),
        ("folder", {"path": "x", "test_fraction": 1.0}),
        ("folder", {"path": "x", "on_bad": "ignore"}),
        ("archive", {"path": "x", "colour": "blue"}),
        ("npz", {"path": "x", "n_train": 0}),
        ("npz", {"path": "x", "image_shape": [4]}),
        ("openml", {"id": 0}),
        ("cifar100", {"labels": "rough"}),
        ("generated", {"n_classes": 1}),
        ("generated", {"noise": 1.5}),
        ("generated", {"seed": 2**32}),
    ],
)
def test_parameters_that_do_not_fit_are_mistakes_of_the_suite(name, params):
    with pytest.raises(ValueError, match="validation error"):
        registry.build("datasets", name, params)
