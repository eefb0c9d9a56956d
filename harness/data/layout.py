"""Which class and part each file of a folder or an archive belongs to, by its path or by a table."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Literal, NamedTuple, TypeAlias

from harness.data.paths import inside, shown
from harness.data.pictures import SUFFIXES
from harness.errors import DataError, one_line

Part: TypeAlias = Literal["train", "val", "test"]

PARTS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
# What file managers leave behind; whatever begins with a dot is passed over, too.
LITTER = frozenset(("__MACOSX", "Thumbs.db", "desktop.ini"))


class Entry(NamedTuple):
    """An image file that has a class."""

    name: str
    label: str
    part: Part | None


class Odd(NamedTuple):
    """A file that cannot be used, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return one_line(f"{shown(self.name)} {self.reason}")


class Listing(NamedTuple):
    """What a folder or an archive holds."""

    entries: list[Entry]
    odd: list[Odd]
    notes: list[str]


def is_litter(name: str) -> bool:
    """Whether a path is hidden or what file managers leave behind."""
    pieces = (piece for piece in name.split("/") if piece not in (".", ".."))
    return any(piece.startswith(".") or piece in LITTER for piece in pieces)


def by_folder(names: Iterable[str], folders: Iterable[str], where: str) -> Listing:
    """Classes by folder: `CLASS/IMAGE`, or `train/CLASS/IMAGE` and `test/CLASS/IMAGE`, however deep below CLASS.

    Parameters
    ----------
    names
        Relative paths of files.
    folders
        Relative paths of folders, to tell which are empty.
    where
        The folder or archive, for the error.

    Raises
    ------
    DataError
        If there is no image in a class folder, or parts and other folders stand side by side.
    """
    paths = sorted(PurePosixPath(name).parts for name in names if not is_litter(name))
    outer = _outer(paths)
    tops = {path[outer] for path in paths if len(path) > outer + 1}
    # A class may be called `train`, if it stands among other classes.
    parted = bool(tops) and all(top.casefold() in PARTS for top in tops)
    if not parted and len(found := {PARTS[top.casefold()] for top in tops if top.casefold() in PARTS}) > 1:
        others = sorted(shown(top) for top in tops if top.casefold() not in PARTS)
        beside = f"beside {' and '.join(sorted(found))} there are {', '.join(others[:5])}"
        raise DataError(one_line(f"{where}: {beside}; move them away"))
    at = outer + parted
    entries, odd = [], []
    for path in paths:
        name, suffix = "/".join(path), PurePosixPath(path[-1]).suffix.lower()
        if len(path) < at + 2:
            if suffix in SUFFIXES:
                odd.append(Odd(name, "lies in no class folder"))
        elif suffix and suffix not in SUFFIXES:
            odd.append(Odd(name, "is no image by its name"))
        else:
            entries.append(Entry(name, shown(path[at]), PARTS[path[outer].casefold()] if parted else None))
    if not entries:
        raise DataError(
            one_line(
                f"{where}: no image lies in a class folder; expected CLASS/IMAGE, or train/CLASS/IMAGE and "
                "test/CLASS/IMAGE, or `labels: FILE.csv`"
            )
        )
    filled = {"/".join(path[:depth]) for path in paths for depth in range(1, len(path))}
    empty = sorted(f for f in folders if not is_litter(f) and f not in filled and f.count("/") == at)
    return _tidied(entries, odd, [one_line(f"{shown(folder)} is empty, no class") for folder in empty])


def by_table(table: bytes, names: Collection[str], where: str) -> Listing:
    """Classes by a CSV file with a header and the columns `file`, `label` and, if wanted, `split`.

    Parameters
    ----------
    table
        The CSV file, UTF-8.
    names
        Relative paths of the files that are there.
    where
        The CSV file, for the error.

    Raises
    ------
    DataError
        If it is no such table.
    """
    reader = csv.DictReader(io.StringIO(_text(table, where), newline=""), strict=True)
    entries: dict[str, Entry] = {}
    odd: dict[str, Odd] = {}
    notes = []
    present = set(names)
    try:
        if not {"file", "label"} <= set(reader.fieldnames or ()):
            raise DataError(f"{where}: its first line is {reader.fieldnames}; expected the columns file and label")
        for row in reader:
            given, label = row["file"] or "", row["label"] or ""
            name, part = inside(given), None
            if "split" in row:
                split = row["split"] or ""
                if (part := PARTS.get(split.strip().casefold())) is None:
                    raise DataError(f"{where}:{reader.line_num}: the split is {split!r}; expected train, val or test")
            entry = Entry(name or given, label, part)
            if name is None:
                odd[given] = Odd(given, "is no path inside the folder")
            elif name not in present:
                odd[name] = Odd(name, f"is absent, though {where} names it")
            elif not label.strip():
                odd[name] = Odd(name, "has no label")
            elif entries.setdefault(name, entry) != entry:
                odd[name] = Odd(name, f"has two rows that differ, {entries[name].label!r} and {label!r}")
    except csv.Error as error:
        raise DataError(f"{where}:{reader.line_num + 1}: is no CSV ({error}); repair it") from error
    good = [entries[name] for name in sorted(entries) if name not in odd]
    if not good and not odd:
        raise DataError(f"{where}: it has no rows; expected a file and a label in each")
    if unnamed := [n for n in present if n not in entries and PurePosixPath(n).suffix.lower() in SUFFIXES]:
        notes.append(f"{len(unnamed):,} images have no row in {where} and were left out")
    return _tidied(good, sorted(odd.values()), notes)


def resolve_parts(parts: Sequence[Part | None], where: str) -> tuple[list[Literal["train", "test"] | None], list[str]]:
    """Training or test of each image, and what is to be said of it; None where the images are yet to be split.

    A validation part beside train and test joins the training images, since every trial takes its own validation part
    from them; where there is no test part, it is the test set.

    Raises
    ------
    DataError
        If there are no training images.
    """
    found = set(parts)
    if "train" not in found and len(found) > 1:
        raise DataError(f"{where}: there are test and validation images, but no training images; add some")
    if len(found) == 1:
        return [None] * len(parts), []
    to: dict[Part | None, Literal["train", "test"] | None] = {"train": "train", "test": "test", "val": "train"}
    notes = []
    if "val" in found:
        if "test" not in found:
            to["val"] = "test"
        notes.append(f"validation images are taken as {'test' if 'test' not in found else 'training'} images")
    return [to[part] for part in parts], notes


def _outer(paths: Sequence[tuple[str, ...]]) -> int:
    """How many folders lie around everything, as in most archives; loose files beside them do not count."""
    deep = [path for path in paths if len(path) > 2 or PurePosixPath(path[-1]).suffix.lower() in SUFFIXES]
    depth = 0
    while (
        deep
        and all(len(path) > depth + 2 for path in deep)
        and len({path[depth] for path in deep}) == 1
        and deep[0][depth].casefold() not in PARTS
    ):
        depth += 1
    return depth


def _tidied(entries: Sequence[Entry], odd: list[Odd], notes: list[str]) -> Listing:
    """Labels without spaces around them and in one Unicode spelling; what looks like a slip is said."""
    spellings: dict[str, set[str]] = defaultdict(set)
    cases: dict[str, set[str]] = defaultdict(set)
    tidied = []
    for entry in entries:
        label = one_line(unicodedata.normalize("NFC", entry.label).strip())
        spellings[label].add(entry.label)
        cases[label.casefold()].add(label)
        tidied.append(entry._replace(label=label))
    twice = sorted(label for label, found in spellings.items() if len(found) > 1)
    notes += [
        f"{label!r} is spelt in several ways, with other spaces or Unicode signs; taken as one" for label in twice
    ]
    notes += [
        f"{' and '.join(map(repr, sorted(found)))} differ only in case; taken as {len(found)} classes"
        for found in cases.values()
        if len(found) > 1
    ]
    return Listing(tidied, odd, notes)


def _text(table: bytes, where: str) -> str:
    try:
        return table.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: is no UTF-8 ({error}); save it as UTF-8") from error
