"""The members of a tar or zip archive, one after another, never written to disk.

What an archive can do to whoever reads it is bounded here: names cannot lead out, links and devices are not followed,
and there is a limit for the size of a member, of all together, and of what is asked of the unpacker at once.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple, cast

from harness.data.npz import DAMAGE as ZIP_DAMAGE
from harness.data.paths import inside
from harness.data.pictures import MAX_BYTES
from harness.errors import DataError, one_line
from harness.files import open_regular

MAX_MEMBERS = 5_000_000
# What all members unpacked may have: this, or so many times the archive's own size. Images hardly shrink when packed.
FREE_BYTES = 2**32
MAX_RATIO = 100
# What tar may say of a member beside its name; tarfile holds several such headers at once, each as long as it says.
MAX_HEADER = 2**20
# Behind tar's end mark come zeros up to a full record, 10 KiB, where the writer has not chosen otherwise.
MAX_TAIL = 2**20
BLOCK = 512
DAMAGE = (*ZIP_DAMAGE, tarfile.TarError)
OPENERS: dict[bytes, Callable[[BinaryIO], AbstractContextManager[Any]]] = {
    b"\x1f\x8b": gzip.open,
    b"\xfd7zXZ": lzma.open,
    b"BZh": bz2.open,
}
ENDINGS = (".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst", ".tgz", ".txz", ".tbz2", ".tbz", ".tzst", ".tar", ".zip")


class Member(NamedTuple):
    """A member of an archive, to be read before the next one is asked for."""

    name: str
    """Its plain relative path; where it is refused, the name it has in the archive."""
    refused: str | None
    """Why it is not read, where it is not."""
    folder: bool
    size: int
    """Bytes, unpacked."""
    read: Callable[[], bytes | str]
    """Gives its bytes, or the reason where only this member is damaged; else a DataError as of `members`."""


def members(path: Path) -> Iterator[Member]:
    """All members of an archive in their order; its kind is told by its first bytes.

    Raises
    ------
    DataError
        If it is no archive, is damaged, or passes a limit.
    """
    total = 0

    def damaged(error: Exception) -> DataError:
        words = " ".join(str(error).split()) or type(error).__name__
        return DataError(one_line(f"{path}: cannot be read as an archive ({words}); replace or remove it"))

    def guarded(read: Callable[[], bytes | str]) -> bytes | str:
        # A member is read by whoever asked for it, while what is around the `yield` waits.
        try:
            return read()
        except DAMAGE as error:
            raise damaged(error) from error

    try:
        with open_regular(path) as file:
            magic = file.read(6)
            file.seek(0)
            most = max(FREE_BYTES, MAX_RATIO * os.fstat(file.fileno()).st_size)
            for count, member in enumerate(_zip(file) if magic.startswith(b"PK") else _tar(file, magic, most)):
                total += member.size
                if count >= MAX_MEMBERS or total > most:
                    raise DataError(
                        f"{path}: has more than {MAX_MEMBERS:,} members or {most:,} bytes unpacked; split it up"
                    )
                if not (member.folder and not member.name.strip("./")):  # the archive's own folder
                    yield member._replace(read=partial(guarded, member.read))
    except DAMAGE as error:
        raise damaged(error) from error


def _member(name: str, refused: str | None, folder: bool, size: int, read: Callable[[], bytes | str]) -> Member:
    plain = inside(name)
    if plain is None:
        refused = "has a name that leads out of the archive"
    elif refused is None and size > MAX_BYTES:
        refused = f"has {size:,} bytes, more than {MAX_BYTES:,}"
    return Member(plain or name, refused, folder, size, read)


def _tar(file: BinaryIO, magic: bytes, most: int) -> Iterator[Member]:
    with (
        _opener(magic, str(file.name))(file) as stream,
        tarfile.open(fileobj=cast("IO[bytes]", bounded := Bounded(stream, most)), mode="r:") as tar,
    ):
        while (info := tar.next()) is not None:
            cast("Any", tar).members.clear()  # tarfile would keep them all
            refused = None
            if info.issym() or info.islnk():
                refused = "is a link"
            elif info.issparse():
                refused = "is a sparse file"
            elif not (info.isreg() or info.isdir()):
                refused = "is a device or something else than a file"

            def read(info: tarfile.TarInfo = info) -> bytes:
                content = tar.extractfile(info)
                assert content is not None
                bounded.at_once = MAX_BYTES
                raw: bytes = content.read()
                bounded.at_once = MAX_HEADER
                return raw

            yield _member(info.name, refused, info.isdir(), info.size if info.isreg() else 0, read)
        # tarfile takes a damaged header for the end.
        stream.seek(tar.offset)
        if len(end := stream.read(BLOCK)) < BLOCK or end.strip(b"\0"):
            raise tarfile.ReadError("it is damaged or cut short: a member's header is none")
        # The end of the packed data, where their sum is compared.
        for _ in range(MAX_TAIL // BLOCK):
            if not stream.read(BLOCK):
                break


def _opener(magic: bytes, name: str) -> Callable[[BinaryIO], AbstractContextManager[Any]]:
    """What unpacks a stream that begins so."""
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        try:
            opener: Callable[[BinaryIO], AbstractContextManager[Any]] = importlib.import_module("compression.zstd").open
        except ImportError:
            raise DataError(f"{name}: zstd is read by Python 3.14 or newer; pack it as .tar.xz or .zip") from None
        return opener
    return next((opener for begin, opener in OPENERS.items() if magic.startswith(begin)), nullcontext)


class Bounded:
    """A stream that neither gives much at once nor goes on for ever: tarfile takes all lengths from the archive.

    Parameters
    ----------
    stream
        The unpacked archive.
    most
        How far to go, in bytes.
    """

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self.stream = stream
        self.most = most
        self.at_once = MAX_HEADER

    def read(self, n: int) -> bytes:
        """Up to `n` bytes."""
        if not 0 <= n <= self.at_once:
            raise tarfile.ReadError(f"a header asks for {n:,} bytes at once")
        return self.stream.read(n)

    def seek(self, position: int) -> int:
        """Go there."""
        if position > self.most:
            raise tarfile.ReadError(f"it has more than {self.most:,} bytes unpacked")
        return self.stream.seek(position)

    def tell(self) -> int:
        """Where it is."""
        return self.stream.tell()


def _zip(file: BinaryIO) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            refused = None
            if stat.S_ISLNK(mode):
                refused = "is a link"
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                refused = "is a device or something else than a file"
            elif info.flag_bits & 1:
                refused = "is encrypted"

            def read(info: zipfile.ZipInfo = info) -> bytes | str:
                try:
                    with archive.open(info) as stream:
                        return stream.read(MAX_BYTES)
                except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError) as error:
                    return f"is damaged ({' '.join(str(error).split())})"

            # Some programs on Windows write backslashes.
            name = info.filename.replace("\\", "/")
            yield _member(name, refused, name.endswith("/"), info.file_size, read)
