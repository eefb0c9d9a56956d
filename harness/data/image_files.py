"""What a folder and an archive of image files have in common: options, and the way from files to arrays."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeAlias

import numpy as np
from pydantic import Field, StringConstraints

from harness.data import layout, store
from harness.data.base import DatasetInfo, ImageData, Images
from harness.data.layout import Entry, Listing, Odd
from harness.data.paths import shown
from harness.data.pictures import Colour, Fit, both_sides, decode, has_colour, pixels
from harness.data.split import split
from harness.errors import DataError, one_line

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Side = Annotated[int, Field(ge=1, le=4096)]
Size: TypeAlias = Side | Annotated[list[Side], Field(min_length=2, max_length=2)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
OnBad: TypeAlias = Literal["fail", "skip"]

# Raised when images come out otherwise than before, so that copies made before are made again.
FORMAT = 1
# So many files are named one by one.
NAMED_ODD = 1000
NAMED_IN_ERROR = 3
NAMED_CHANGED = 3

# A file's bytes by its name, or why it has none.
Contents: TypeAlias = Iterator[tuple[str, bytes | str]]


class Found(NamedTuple):
    """Image files that are yet to be read."""

    listing: Listing
    read: Callable[[Mapping[str, Entry]], Contents]
    """Gives each of these entries, in any order; what it does not give is absent."""


@dataclass(frozen=True)
class Look:
    """How files become arrays."""

    size: tuple[int, int]
    colour: Colour
    fit: Fit
    test_fraction: float
    on_bad: OnBad


class ImageFiles:
    """Parameters of `folder` and `archive`; a subclass finds and reads the files."""

    def __init__(
        self,
        *,
        path: Text,
        labels: Text | None = None,
        size: Size = 32,
        colour: Colour = "auto",
        fit: Fit = "stretch",
        test_fraction: Fraction = 0.2,
        on_bad: OnBad = "fail",
        name: Text | None = None,
    ) -> None:
        self.path = path
        self.labels = labels
        self.size = size
        self.colour = colour
        self.fit = fit
        self.test_fraction = test_fraction
        self.on_bad = on_bad
        self.name = name

    def info(self, home: Path | None) -> DatasetInfo:
        """Tell what the dataset is; the first time, all images are read for that and kept.

        Raises
        ------
        DataError
            If it is absent, or holds what cannot be used.
        """
        name, stored = self._ready(home)
        return stored.info(name)

    def load(self, home: Path | None) -> ImageData:
        """Map the images; the first time, they are read and kept.

        Raises
        ------
        DataError
            If the dataset is absent, or holds what cannot be used.
        """
        name, stored = self._ready(home)
        return stored.image_data(name)

    def locate(self, home: Path | None) -> tuple[Path, object]:
        """Where it is, and what tells whether that has changed.

        Raises
        ------
        DataError
            If it is absent.
        """
        raise NotImplementedError

    def find(self, path: Path, home: Path | None) -> Found:
        """List the files.

        Raises
        ------
        DataError
            If it cannot be listed.
        """
        raise NotImplementedError

    def default_name(self, path: Path) -> str:
        """What rows call it where no `name` is given."""
        return shown(path.name)

    def _ready(self, home: Path | None) -> tuple[str, store.Stored]:
        path, state = self.locate(home)
        look = Look(both_sides(self.size), self.colour, self.fit, self.test_fraction, self.on_bad)
        default = self.default_name(Path(os.path.normpath(path)))
        source = store.Source(default, (FORMAT, type(self).__name__, str(path.resolve()), self.labels, look), state)
        stored = store.ensure(source, lambda folder: gather(self.find(path, home), look, folder, str(path)))
        return one_line(self.name or default), stored


def gather(found: Found, look: Look, folder: Path, where: str) -> store.Facts:
    """Read image files into the arrays of a store's folder; one image at a time is in memory.

    Raises
    ------
    DataError
        If files cannot be used and are not to be skipped, or what is left is no dataset.
    """
    entries, odd = found.listing.entries, list(found.listing.odd)
    parts, notes = layout.resolve_parts([entry.part for entry in entries], where)
    changed: dict[str, list[str]] = {}
    wanted = {entry.name: entry for entry in entries}
    row = {entry.name: i for i, entry in enumerate(entries)}
    usable = np.zeros(len(entries), dtype=bool)
    shape = look.size if look.colour == "grey" else (*look.size, 3)
    step = int(np.prod(shape))
    coloured = look.colour == "rgb"
    raw = folder / "pixels.raw"
    with raw.open("wb") as stream:
        at = 0
        for name, content in found.read(wanted):
            if isinstance(content, str):
                odd.append(Odd(name, content))
                continue
            try:
                picture = decode(content)
            except DataError as error:
                odd.append(Odd(name, str(error)))
                continue
            image = pixels(picture, look.size, look.colour, look.fit)
            coloured = coloured or (look.colour == "auto" and has_colour(image))
            for change in picture.changes:
                changed.setdefault(change, []).append(name)
            if row[name] != at:  # seeking would flush
                stream.seek(row[name] * step)
            stream.write(image.tobytes())
            at = row[name] + 1
            usable[row[name]] = True
        stream.truncate(len(entries) * step)
    seen = {one.name for one in odd}
    unread = (entry.name for entry, good in zip(entries, usable, strict=True) if not good)
    odd += [Odd(name, "was not found again") for name in unread if name not in seen]
    if odd and look.on_bad == "fail":
        raise DataError(_refusal(sorted(odd), len(entries) + len(found.listing.odd), where))
    kept = np.flatnonzero(usable)
    parted = split([entries[i].label for i in kept], [parts[i] for i in kept], look.test_fraction, where)
    x: Images = np.memmap(raw, np.uint8, "r", shape=(len(entries), *shape))
    if len(shape) == 3 and not coloured:
        x = x[..., 0]
    for part, rows in (("train", parted.train), ("test", parted.test)):
        store.write_part(folder, part, x, kept[rows], parted.y[rows])
    raw.unlink()
    return store.Facts(parted.class_names, (*found.listing.notes, *notes, *_notes(sorted(odd), changed)))


def _refusal(odd: list[Odd], n: int, where: str) -> str:
    named = ", ".join(map(str, odd[:NAMED_IN_ERROR]))
    more = f" and {len(odd) - NAMED_IN_ERROR:,} more" if len(odd) > NAMED_IN_ERROR else ""
    return one_line(
        f"{where}: {len(odd):,} of {n:,} files cannot be used: {named}{more}; "
        "repair or remove them, or leave them out with `on_bad: skip`"
    )


def _notes(odd: list[Odd], changed: Mapping[str, list[str]]) -> Iterable[str]:
    for change, names in sorted(changed.items()):
        some = ", ".join(shown(name) for name in sorted(names)[:NAMED_CHANGED])
        yield one_line(f"{len(names):,} images: {change}: {some}{', ...' if len(names) > NAMED_CHANGED else ''}")
    for one in odd[:NAMED_ODD]:
        yield f"left out: {one}"
    if len(odd) > NAMED_ODD:
        yield f"left out: {len(odd) - NAMED_ODD:,} more files"
