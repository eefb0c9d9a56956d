"""Labels as numbers, and which images are the fixed test set where a source does not say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from harness.data.base import Labels
from harness.data.subsets import Indices, nested_order
from harness.errors import DataError

Part: TypeAlias = Literal["train", "test"]

# Of the test set's choice: the same whatever a trial's seed, as in `harness.data.digits`.
SPLIT_SEED = 0
# Longer labels would be stored once for every image.
MAX_LABEL = 200


class Split(NamedTuple):
    """Numbered labels and the two parts, as indices in ascending order."""

    y: Labels
    class_names: tuple[str, ...]
    train: Indices
    test: Indices


def sorted_names(names: Iterable[str]) -> list[str]:
    """Class names in order: by value where all are whole numbers, so that 10 comes after 9."""
    names = sorted(set(names))
    return sorted(names, key=int) if all(_is_number(name) for name in names) else names


def _is_number(name: str) -> bool:
    return name.isascii() and name.removeprefix("-").isdigit() and len(name) < MAX_LABEL


def split(labels: Sequence[str], parts: Sequence[Part | None], test_fraction: float, where: str) -> Split:
    """Number the labels and split the images.

    Parameters
    ----------
    labels
        The class of each image.
    parts
        `train` or `test` for each image; None for all of them where they are yet to be split: by class, always the
        same for the same labels.
    test_fraction
        The test set's share where the images are yet to be split, between 0 and 1.
    where
        The source, for errors.

    Raises
    ------
    DataError
        If there are fewer than two classes or images, or a class has no training image.
    """
    class_names = sorted_names(labels)
    if len(class_names) < 2:
        found = "1 class" if class_names else "no class"
        raise DataError(f"{where}: {len(labels):,} usable images in {found}; expected at least two classes")
    if long := next((name for name in class_names if len(name) > MAX_LABEL), None):
        raise DataError(f"{where}: the label {long[:40]!r}... has {len(long)} characters; expected at most {MAX_LABEL}")
    number = {name: i for i, name in enumerate(class_names)}
    y = np.array([number[label] for label in labels], dtype=np.int64)
    if parts[0] is None:
        n_test = min(max(round(test_fraction * len(y)), 1), len(y) - 1)
        order = nested_order(y, SPLIT_SEED)
        train, test = np.sort(order[: len(y) - n_test]), np.sort(order[len(y) - n_test :])
    else:
        is_test = np.array([part == "test" for part in parts])
        train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    if untaught := sorted({class_names[i] for i in set(range(len(class_names))) - set(y[train].tolist())}):
        raise DataError(
            f"{where}: no training image of {', '.join(map(repr, untaught[:5]))}"
            f"{' and others' if len(untaught) > 5 else ''}; add some, or lower test_fraction"
        )
    if not len(test):
        raise DataError(f"{where}: no usable test image; add some")
    return Split(y, class_names=tuple(class_names), train=train, test=test)
