"""What a run knows of its datasets, kept in its folder, so that its tables can be read where the images are not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from harness.data.base import DatasetInfo
from harness.errors import RunFolderError
from harness.files import open_regular, write_text

MAX_BYTES = 2**24
WHOLE = ("n_train", "n_test", "n_classes")


def remember(path: Path, infos: Mapping[str, DatasetInfo], with_rows: Set[str]) -> None:
    """Write what is known of a run's datasets.

    Parameters
    ----------
    path
        The file.
    infos
        By the datasets' names in rows.
    with_rows
        Names of those of which the run has rows.

    Raises
    ------
    RunFolderError
        If images of one that has rows have changed since, or the file cannot be written.
    """
    before = recall(path)
    for name, info in infos.items():
        known = before.get(name)
        if known is not None and name in with_rows and (known.version, known.n_train) != (info.version, info.n_train):
            raise RunFolderError(
                f"{path.parent}: the images of {name} have changed since its rows were made "
                f"({known.n_train:,} training images then, {info.n_train:,} now); choose another folder with --output"
            )
    kept = {name: info._asdict() | {"missing": None, "notes": []} for name, info in {**before, **infos}.items()}
    try:
        write_text(path, json.dumps(kept, indent=1) + "\n")
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be written: {error.strerror}") from None


def recall(path: Path) -> dict[str, DatasetInfo]:
    """What a run's folder says of its datasets, by name; nothing where it has no such file.

    Raises
    ------
    RunFolderError
        If the file is damaged.
    """
    try:
        with open_regular(path) as stream:
            values = json.loads(stream.read(MAX_BYTES))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        values = None
    if isinstance(values, dict) and all(_is_info(value) for value in values.values()):
        return {
            name: DatasetInfo(**value | {"image_shape": tuple(value["image_shape"]), "notes": ()})
            for name, value in values.items()
        }
    raise RunFolderError(f"{path}: damaged: expected the datasets of a run; delete it, and the run is looked up anew")


def _is_info(value: Any) -> bool:
    if not (isinstance(value, dict) and value.keys() == set(DatasetInfo._fields)):
        return False
    whole = [value[name] for name in WHOLE]
    shape = value["image_shape"]
    return (
        all(type(number) is int and 0 <= number < 2**53 for number in whole)
        and isinstance(shape, list)
        and all(type(side) is int for side in shape)
        and isinstance(value["name"], str)
        and isinstance(value["version"], str)
    )
