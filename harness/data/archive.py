"""An archive of images: a tar, packed or not, or a zip, with the folders that `folder` takes."""

from collections.abc import Mapping
from pathlib import Path

from harness.data import layout
from harness.data.cache import identity
from harness.data.folder import MAX_TABLE, read_table, stat_table
from harness.data.image_files import Contents, Found, ImageFiles
from harness.data.layout import Entry, Odd, is_litter
from harness.data.members import ENDINGS, Member, members
from harness.data.paths import inside, locate, shown
from harness.errors import DataError


class Archive(ImageFiles):
    """A tar (.gz, .xz, .bz2) or zip of image files, read without unpacking it to disk; parameters as of `folder`.

    Parameters
    ----------
    path
        The archive: absolute, or relative to the working directory or else to the data home.
    labels
        A CSV file, a member of the archive or else found as `path` is; its `file` column holds members' paths.
    size, colour, fit, test_fraction, on_bad
        As of `folder`.
    name
        What rows call the dataset; the file's name without its ending where not given.
    """

    def locate(self, home: Path | None) -> tuple[Path, object]:
        """The archive, and its size and times; raises DataError where there is none."""
        path = locate(self.path, home, "archive")
        if not path.is_file():
            raise DataError(f"{path} is no file; a folder of images is read as `folder`")
        try:
            table = None if self.labels is None else stat_table(locate(self.labels, home, "table of labels"))
        except DataError:
            # Then it is a member, or else told when the archive is read.
            table = None
        return path, (identity(path.stat()), table)

    def default_name(self, path: Path) -> str:
        """The file's name without `.tar.gz` and the like."""
        ending = next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), "")
        return shown(path.name[: len(path.name) - len(ending)] or path.name)

    def find(self, path: Path, home: Path | None) -> Found:
        """List the members; raises DataError where the archive is damaged or they have no classes."""
        names: set[str] = set()
        folders, odd = [], []
        table: bytes | None = None
        for member in members(path):
            if member.refused:
                odd.append(Odd(member.name, member.refused))
            elif member.folder:
                folders.append(member.name)
            elif member.name in names:
                odd.append(Odd(member.name, "is in the archive more than once; the first was taken"))
            else:
                names.add(member.name)
                if self.labels is not None and member.name == inside(self.labels) and member.size <= MAX_TABLE:
                    table = self._table(member, path)
        if self.labels is None:
            listing = layout.by_folder(names, folders, str(path))
        else:
            where = table if table is not None else read_table(locate(self.labels, home, "table of labels"))
            listing = layout.by_table(where, names, self.labels)
        listing.odd.extend(one for one in odd if not is_litter(one.name))
        return Found(listing, lambda wanted: _read(path, wanted))

    @staticmethod
    def _table(member: Member, path: Path) -> bytes:
        raw = member.read()
        if isinstance(raw, str):
            raise DataError(f"{path}: {member.name} {raw}; repair the archive")
        return raw


def _read(path: Path, wanted: Mapping[str, Entry]) -> Contents:
    due = set(wanted)
    for member in members(path):
        if member.name in due and not (member.refused or member.folder):
            due.remove(member.name)
            yield member.name, member.read()
