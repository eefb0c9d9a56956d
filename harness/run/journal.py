"""The append-only record of a run: one JSON line per finished trial, on disk before the next trial begins.

A line carries the CRC-32 of the rest of it. A last line that is cut short, as a kill or a full disk leaves it, is
no finished trial and is cut off when the journal is next opened; damage anywhere else is told with its line.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, NoReturn, Self

from harness.errors import RunFolderError
from harness.files import open_regular
from harness.hits import sound
from harness.run.columns import (
    EPOCH_COLUMNS,
    EXPLANATION_COLUMNS,
    FLAG,
    LONG,
    REAL,
    TEXT,
    TRIAL_COLUMNS,
    TUNING_COLUMNS,
    WHOLE,
    sensible,
)

# No entry is that long: a record is of bounded size (see `harness.run.record`). Nothing longer is read into memory.
MAX_LINE = 2**26


# What JSON makes of the columns' types; columns of other versions can be anything, and are passed over.
NUMBERS = (int, float)
JSON_TYPES: dict[str, frozenset[type]] = {
    TEXT: frozenset((type(None), str)),
    WHOLE: frozenset((type(None), int)),
    REAL: frozenset((type(None), int, float)),
    FLAG: frozenset((type(None), bool)),
}
TRIAL_TYPES = {name: JSON_TYPES[dtype] for name, dtype in TRIAL_COLUMNS.items()}
EPOCH_TYPES = {name: JSON_TYPES[dtype] for name, dtype in EPOCH_COLUMNS.items()}
TUNING_TYPES = {name: JSON_TYPES[dtype] for name, dtype in TUNING_COLUMNS.items()}
EXPLANATION_TYPES = {name: JSON_TYPES[dtype] for name, dtype in EXPLANATION_COLUMNS.items()}


class Entry(NamedTuple):
    """One finished trial: its row, and its epochs, tried settings and explanations where it has any."""

    row: dict[str, Any]
    epochs: list[dict[str, Any]]
    tuning: list[dict[str, Any]] = []  # noqa: RUF012  (nobody adds to it)
    explanations: list[dict[str, Any]] = []  # noqa: RUF012


def encode(entry: Entry) -> bytes:
    """An entry as a journal line."""
    further = {"tuning": entry.tuning, "explanations": entry.explanations}
    values = {"row": entry.row, "epochs": entry.epochs} | {name: lines for name, lines in further.items() if lines}
    body = json.dumps(values, allow_nan=False, separators=(",", ":"))
    return f'{{"crc":"{zlib.crc32(body.encode()):08x}",{body[1:]}\n'.encode()


def decode(line: bytes) -> Entry:
    """A journal line as an entry.

    Raises
    ------
    ValueError
        If the line is not what `encode` wrote.
    """
    if len(line) >= MAX_LINE:
        raise ValueError(f"it is longer than {MAX_LINE >> 20} MiB")
    start = len(b'{"crc":"00000000",')
    body = b"{" + line[start:].rstrip(b"\n")
    if line[:start] != b'{"crc":"%08x",' % zlib.crc32(body):
        raise ValueError("its checksum does not fit")
    try:
        values = json.loads(body, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    row = values.get("row")
    if not (isinstance(row, dict) and isinstance(row.get("trial_id"), str) and isinstance(row.get("status"), str)):
        raise ValueError("it holds no row of a trial")
    check_cells(row, TRIAL_TYPES)
    if not sound(row.get("correct"), row.get("n_test")):
        raise ValueError("correct is not the packed hits of n_test images")
    entry = Entry(row, values.get("epochs"), values.get("tuning", []), values.get("explanations", []))
    tables = (
        ("epochs", entry.epochs, EPOCH_TYPES),
        ("tuning", entry.tuning, TUNING_TYPES),
        ("explanations", entry.explanations, EXPLANATION_TYPES),
    )
    for name, lines, types in tables:
        if not (isinstance(lines, list) and all(isinstance(line, dict) for line in lines)):
            raise ValueError(f"its {name} are no list of rows")
        for cells in lines:
            check_cells(cells, types)
    return entry


def check_cells(cells: dict[str, Any], types: Mapping[str, frozenset[type]]) -> None:
    """Refuse, with a ValueError, a value that its column cannot hold: a checksum is no proof of good will."""
    for name, value in cells.items():
        kind = type(value)
        kinds = types.get(name)
        if kinds is not None and (kind not in kinds or (kind in NUMBERS and not sensible(name, value))):
            raise ValueError(f"{name} cannot be {str(value)[:40]!r}")
        if name in LONG and isinstance(value, str) and len(value) > LONG[name]:
            raise ValueError(f"{name} has {len(value):,} characters; expected at most {LONG[name]:,}")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


class Contents(NamedTuple):
    """The entries of a journal, oldest first, and how many bytes of it are sound."""

    entries: list[Entry]
    sound_bytes: int


def stream(path: Path) -> Iterator[tuple[Entry, int]]:
    """Each whole line of a journal as an entry, oldest first, with the number of bytes up to its end.

    One line is in memory at a time. An absent journal is empty, a cut-off last line is left out.

    Raises
    ------
    RunFolderError
        If a line other than the last is damaged.
    """
    sound = 0
    try:
        with open_regular(path) as file:
            for number in count(1):
                line = file.readline(MAX_LINE)
                if not line.endswith(b"\n") and len(line) < MAX_LINE:
                    break
                try:
                    entry = decode(line)
                except ValueError as error:
                    raise RunFolderError(
                        f"{path}:{number}:1: damaged: {error}; delete the line to run its trial again"
                    ) from None
                sound += len(line)
                yield entry, sound
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read: {error.strerror}") from None


def read(path: Path) -> Contents:
    """All entries of a journal, as `stream` gives them."""
    entries: list[Entry] = []
    sound = 0
    for entry, end in stream(path):
        entries.append(entry)
        sound = end
    return Contents(entries, sound)


class Journal:
    """Appends entries; each is on disk when `append` returns.

    Parameters
    ----------
    path
        The file; created where it is missing.
    sound_bytes
        Length of the sound part, from `read`; what follows it is cut off.
    """

    def __init__(self, path: Path, sound_bytes: int) -> None:
        self.path = path
        try:
            self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            os.ftruncate(self.fd, sound_bytes)
            # The folder's entry of a new file is on disk only when the folder is.
            folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise RunFolderError(f"{path}: cannot be written: {error.strerror}") from None
        self.length = sound_bytes

    def append(self, entry: Entry) -> None:
        """Write one entry and wait until the disk has it.

        Raises
        ------
        RunFolderError
            If it cannot be written, as on a full disk, or if somebody else has changed the file; the journal then ends
            with the entry before.
        """
        data = encode(entry)
        self._check_untouched()
        try:
            rest = data
            while rest:
                rest = rest[os.write(self.fd, rest) :]
            os.fsync(self.fd)
            self.length += len(data)
        except OSError as error:
            self._take_back()
            message = (
                f"{self.path}: cannot be written: {error.strerror}; free the disk and run the same command to resume"
            )
            raise RunFolderError(message) from None
        except BaseException:
            # Ctrl-C between two writes must not leave half a line for the next one to be appended to.
            self._take_back()
            raise

    def _take_back(self) -> None:
        # Where even that fails, the half line is cut off when the run resumes.
        with contextlib.suppress(OSError):
            os.ftruncate(self.fd, self.length)

    def _check_untouched(self) -> None:
        try:
            here, there = os.fstat(self.fd), os.stat(self.path)
            touched = here.st_size != self.length or not os.path.samestat(here, there)
        except OSError:
            touched = True
        if touched:
            raise RunFolderError(
                f"{self.path}: something else moved or changed it while this run wrote it; "
                "put it back, and run the same command to resume"
            )

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        os.close(self.fd)
