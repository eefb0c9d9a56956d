"""Datasets from the parts that suites name."""

from __future__ import annotations

from harness import registry
from harness.data.base import Dataset
from harness.suite.model import Part


def dataset(part: Part) -> Dataset:
    """The dataset a suite names; not loaded yet."""
    made: Dataset = registry.build("datasets", part.name, part.params)
    return made
