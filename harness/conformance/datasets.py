"""What every dataset keeps to; see `harness.data.base`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import registry
from harness.conformance.outcome import Check, Subject, expect
from harness.data.base import DatasetInfo, ImageData

PARTS = ("x_train", "y_train", "x_test", "y_test")
CHUNK = 10_000
"""Images that are compared at a time, so that those mapped from a file need not fit into memory."""


class _Case:
    """A dataset and where its files are."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    def made(self) -> Any:
        """A new object each time, as each trial makes one."""
        return registry.build("datasets", self.subject.name, self.subject.params)

    @cached_property
    def info(self) -> DatasetInfo:
        """What it says of itself."""
        info: DatasetInfo = self.made().info(self.subject.home)
        return info

    @cached_property
    def data(self) -> ImageData:
        """What it loads."""
        data: ImageData = self.made().load(self.subject.home)
        return data

    def says_what_it_is(self) -> None:
        info = self.info
        expect(isinstance(info, DatasetInfo), f"info gives {type(info).__name__}, expected DatasetInfo")
        expect(isinstance(info.name, str) and info.name.strip(), f"the name is {info.name!r}")
        expect(min(info.n_train, info.n_test) >= 1, f"{info.n_train} training and {info.n_test} test images")
        expect(len(info.image_shape) in (2, 3), f"image_shape is {info.image_shape}, expected (h, w) or (h, w, c)")

    def loads(self) -> None:
        expect(isinstance(self.data, ImageData), f"load gives {type(self.data).__name__}, expected ImageData")

    def info_agrees(self) -> None:
        info, data = self.info, self.data
        for what, said, found in (
            ("name", info.name, data.name),
            ("n_train", info.n_train, len(data.x_train)),
            ("n_test", info.n_test, len(data.x_test)),
            ("n_classes", info.n_classes, len(data.class_names)),
            ("image_shape", tuple(info.image_shape), data.x_train.shape[1:]),
        ):
            expect(said == found, f"info says {what} {said}, and load gives {found}")

    def has_every_class(self) -> None:
        classes = set(range(len(self.data.class_names)))
        lacking = sorted(classes - set(np.unique(self.data.y_train).tolist()))
        expect(not lacking, f"no training image of class {', '.join(map(str, lacking))}")
        expect(len(classes) >= 2, "there is nothing to tell apart: one class")

    def loads_the_same_again(self) -> None:
        again = self.made().load(self.subject.home)
        for part in PARTS:
            expect(equal(getattr(self.data, part), getattr(again, part)), f"{part} is another")


def checks(subject: Subject) -> Iterator[Check]:
    """The checks of a dataset."""
    case = _Case(subject)
    yield "info says what it is", case.says_what_it_is
    yield "load gives uint8 images and int64 labels that fit together", case.loads
    yield "info agrees with load", case.info_agrees
    yield "there is a training image of each class, and two classes", case.has_every_class
    yield "loaded again it is the same", case.loads_the_same_again


def equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Compared in chunks."""
    return one.shape == other.shape and all(
        np.array_equal(one[start : start + CHUNK], other[start : start + CHUNK]) for start in range(0, len(one), CHUNK)
    )
