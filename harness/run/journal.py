"""The append-only record of a run: one JSON line per finished trial, on disk before the next trial begins.

A line carries the CRC-32 of the rest of it. A last line that is cut short, as a kill or a full disk leaves it, is
no finished trial and is cut off when the journal is next opened; damage anywhere else is told with its line.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from harness.errors import RunFolderError


class Entry(NamedTuple):
    """One finished trial: its row, and its epochs where it has any."""

    row: dict[str, Any]
    epochs: list[dict[str, Any]]


def encode(entry: Entry) -> bytes:
    """An entry as a journal line."""
    body = json.dumps({"row": entry.row, "epochs": entry.epochs}, allow_nan=False, separators=(",", ":"))
    return f'{{"crc":"{zlib.crc32(body.encode()):08x}",{body[1:]}\n'.encode()


def decode(line: bytes) -> Entry:
    """A journal line as an entry.

    Raises
    ------
    ValueError
        If the line is not what `encode` wrote.
    """
    start = len(b'{"crc":"00000000",')
    body = b"{" + line[start:].rstrip(b"\n")
    if line[:start] != b'{"crc":"%08x",' % zlib.crc32(body):
        raise ValueError("its checksum does not fit")
    values = json.loads(body)
    return Entry(values["row"], values["epochs"])


class Contents(NamedTuple):
    """The entries of a journal, oldest first, and how many bytes of it are sound."""

    entries: list[Entry]
    sound_bytes: int


def read(path: Path) -> Contents:
    """All entries of a journal; an absent one is empty, a cut-off last line is left out.

    Raises
    ------
    RunFolderError
        If a line other than the last is damaged.
    """
    entries: list[Entry] = []
    sound = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break
                try:
                    entries.append(decode(line))
                except (ValueError, KeyError) as error:
                    raise RunFolderError(
                        f"{path}:{number}:1: damaged: {error}; delete the line to run its trial again"
                    ) from None
                sound += len(line)
    except FileNotFoundError:
        return Contents([], 0)
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read: {error.strerror}") from None
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
            self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            os.ftruncate(self.fd, sound_bytes)
        except OSError as error:
            raise RunFolderError(f"{path}: cannot be written: {error.strerror}") from None
        self.length = sound_bytes

    def append(self, entry: Entry) -> None:
        """Write one entry and wait until the disk has it.

        Raises
        ------
        RunFolderError
            If it cannot be written, as on a full disk; the journal then ends with the entry before.
        """
        data = encode(entry)
        try:
            rest = data
            while rest:
                rest = rest[os.write(self.fd, rest) :]
            os.fsync(self.fd)
        except OSError as error:
            os.ftruncate(self.fd, self.length)
            message = (
                f"{self.path}: cannot be written: {error.strerror}; free the disk and run the same command to resume"
            )
            raise RunFolderError(message) from None
        self.length += len(data)

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        os.close(self.fd)
