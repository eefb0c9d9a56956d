"""A folder of images, a sub-folder for each class or a table of labels."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from harness.data import layout
from harness.data.cache import identity
from harness.data.image_files import Contents, Found, ImageFiles
from harness.data.layout import Entry, Odd
from harness.data.paths import inside, locate
from harness.data.pictures import MAX_BYTES
from harness.errors import DataError, one_line
from harness.files import open_regular

MAX_TABLE = 2**28


class Folder(ImageFiles):
    """A folder of image files: a sub-folder for each class, train/ and test/, or a CSV of labels; see docs/data.md.

    Parameters
    ----------
    path
        The folder: absolute, or relative to the working directory or else to the data home.
    labels
        A CSV file in the folder (or found as `path` is) with the columns `file` and `label`, and `split` (`train`,
        `val` or `test`) where it says which images are the test set.
    size
        Height and width of the images, or both: `[24, 32]`. Others are resized by Pillow's antialiased bilinear filter.
    colour
        `grey` gives (n, h, w), `rgb` (n, h, w, 3); `auto` gives grey where every pixel of every image is grey.
    fit
        What is done where the proportions are others: `stretch`, `crop` (the middle) or `pad` (with black).
    test_fraction
        The test set's share where no folder and no column says which images it has; stratified and always the same.
    on_bad
        What is done where files cannot be used: `fail`, or `skip` them and say so in the dataset's notes. It fails
        unless told otherwise: a benchmark on fewer images than its author thinks is a wrong one.
    name
        What rows call the dataset; the folder's name where not given.
    """

    def locate(self, home: Path | None) -> tuple[Path, object]:
        """The folder, and the sizes and times of all files in it; raises DataError where there is none."""
        path = locate(self.path, home, "dataset folder")
        if not path.is_dir():
            raise DataError(f"{path} is no folder; an archive is read as `archive`, arrays as `npz`")
        table = None if self.labels is None else stat_table(self._table_path(self.labels, path, home))
        return path, (table, walk(path))

    def find(self, path: Path, home: Path | None) -> Found:
        """List the files; raises DataError where they have no classes."""
        walked = walk(path)
        good = {file.name: file for file in walked.files if file.refused is None}
        if self.labels is None:
            listing = layout.by_folder(good, walked.folders, str(path))
            bad = [file for file in walked.files if file.refused]
        else:
            table = read_table(self._table_path(self.labels, path, home))
            listing = layout.by_table(table, good, self.labels)
            # Of others than the table's nothing is asked; what the table names is absent from `good` and told so.
            bad = []
        listing.odd.extend(Odd(file.name, str(file.refused)) for file in bad)
        return Found(listing, lambda wanted: _read(path, wanted))

    def _table_path(self, labels: str, path: Path, home: Path | None) -> Path:
        name = inside(labels)
        return path / name if name and os.path.lexists(path / name) else locate(labels, home, "table of labels")


def read_table(path: Path) -> bytes:
    """The bytes of a table of labels.

    Raises
    ------
    DataError
        If it cannot be read, or is too large for one.
    """
    try:
        with open_regular(path) as stream:
            raw = stream.read(MAX_TABLE + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}; correct `labels`") from error
    if len(raw) > MAX_TABLE:
        raise DataError(f"{path}: has more than {MAX_TABLE:,} bytes; expected a table of labels")
    return raw


class File(NamedTuple):
    """A file of a folder."""

    name: str
    """Relative to the folder, with slashes."""
    refused: str | None
    """Why it is not read, where it is not."""
    state: list[int]
    """Its size and times."""


class Walked(NamedTuple):
    """What is in a folder and below."""

    files: list[File]
    folders: list[str]


def walk(root: Path) -> Walked:
    """All files below a folder, in order; hidden ones are passed over.

    A link is read where it leads to a file inside the folder. Links to folders, which can lead in circles, and links
    that lead out are refused.

    Raises
    ------
    DataError
        If the folder cannot be listed.
    """
    files: list[File] = []
    folders: list[str] = []
    real = os.path.realpath(root)
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(os.path.join(root, below)) as listing:
                found = list(listing)
        except OSError as error:
            if not below:
                raise DataError(one_line(f"{root}: cannot be listed: {error.strerror or error}; correct it")) from error
            files.append(File(below, f"cannot be listed ({error.strerror or error})", []))
            continue
        for entry in found:
            name = f"{below}/{entry.name}" if below else entry.name
            if entry.name.startswith(".") or entry.name in layout.LITTER:
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(name)
                waiting.append(name)
            else:
                files.append(_file(entry, name, real))
    return Walked(sorted(files), sorted(folders))


def _file(entry: os.DirEntry[str], name: str, root: str) -> File:
    try:
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if os.path.commonpath((root, target)) != root:
                return File(name, "is a link that leads out of the folder", [])
            if os.path.isdir(target):
                return File(name, "is a link to a folder", [])
        found = entry.stat()
    except OSError as error:
        return File(name, f"cannot be read ({error.strerror or error})", [])
    if not entry.is_file():
        return File(name, "is no regular file", [])
    if found.st_size > MAX_BYTES:
        return File(name, f"has {found.st_size:,} bytes, more than {MAX_BYTES:,}", identity(found))
    return File(name, None, identity(found))


def _read(root: Path, wanted: Mapping[str, Entry]) -> Contents:
    for name in wanted:
        try:
            with open_regular(root / name) as stream:
                yield name, stream.read(MAX_BYTES)
        except OSError as error:
            yield name, f"cannot be read ({error.strerror or error})"


def stat_table(path: Path) -> list[int]:
    """Size and times of a table of labels; raises DataError where there is none."""
    try:
        return identity(path.stat())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}; correct `labels`") from error
