"""Datasets, and which of their images a trial trains, validates and tests on."""

from harness.data.base import Dataset, DatasetInfo, ImageData
from harness.data.home import data_home
from harness.data.subsets import nested_order, training_subset, validation_split

__all__ = ["Dataset", "DatasetInfo", "ImageData", "data_home", "nested_order", "training_subset", "validation_split"]
