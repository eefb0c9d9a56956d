"""A trial's output: kept in a file that has a largest size, and its end as a cell of the table."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

HEAD_BYTES = 2**20
TAIL_BYTES = 2**20
TAIL_CHARACTERS = 2000
LAST_BYTES = 2**16
FATAL = "Fatal Python error: "
EXTENSIONS = re.compile(r"^Extension modules: .*$", re.MULTILINE)
# Escape sequences of terminals (ECMA-48): CSI, OSC and the two-character ones.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[@-_])")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class CappedLog:
    """A log that keeps the first and the last MiB of what is written, and says how much it left out.

    The first part is in the file at once, the last when the log is closed. A file that cannot be written (a full disk)
    costs the log, never the trial.
    """

    def __init__(self, path: Path, head: int = HEAD_BYTES, tail: int = TAIL_BYTES) -> None:
        self.room = head
        self.tail_bytes = tail
        self.end = bytearray()
        self.left_out = 0
        self.fd: int | None = None
        # A link would lead out of the run folder, a pipe would be waited for.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        with contextlib.suppress(OSError):
            self.fd = os.open(path, flags, 0o666)

    def write(self, data: bytes) -> None:
        """Take in some output."""
        head, rest = data[: self.room], data[self.room :]
        self.room -= len(head)
        self._put(head)
        self.end += rest
        # Cut only when twice full: each byte is moved once, not at every write.
        if len(self.end) >= 2 * self.tail_bytes:
            self._cut()

    def close(self) -> None:
        """Write the last part and close the file."""
        self._cut()
        if self.left_out:
            self._put(f"\n[harness: {self.left_out:,} bytes of output were left out here]\n".encode())
        self._put(self.end)
        self.end = bytearray()
        if self.fd is not None:
            os.close(self.fd)

    def _cut(self) -> None:
        excess = max(0, len(self.end) - self.tail_bytes)
        self.left_out += excess
        del self.end[:excess]

    def _put(self, data: bytes | bytearray) -> None:
        if self.fd is None:
            return
        with contextlib.suppress(OSError), memoryview(data) as rest:
            written = 0
            while written < len(rest):
                written += os.write(self.fd, rest[written:])


def tail(path: Path, characters: int = TAIL_CHARACTERS) -> str | None:
    """The end of a log as plain text; None where there is none.

    Decoded as UTF-8 with replacement; without escape sequences and control characters, so that a table, a terminal and
    a page can show it. What a progress bar overwrote stands in lines of its own. Where the log ends with a dump of
    faulthandler, which has the innermost call first, it is the dump's beginning and what was said just before.
    """
    text = last_text(path)
    dump = text.rfind(FATAL)
    if dump >= 0:
        # One line of kilobytes, the same for all trials.
        text = EXTENSIONS.sub("", text[max(0, dump - characters // 4) :])[:characters]
    return text[-characters:].strip() or None


def last_text(path: Path, size: int = LAST_BYTES) -> str:
    """The last bytes of a log as plain text; empty where it cannot be read."""
    try:
        # Not blocking: a trial could have put a pipe there.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        data = os.pread(fd, size, max(0, os.fstat(fd).st_size - size))
    except OSError:
        return ""
    finally:
        os.close(fd)
    return plain_text(data.decode(errors="replace"))


def plain_text(text: str) -> str:
    """Text without escape sequences and control characters other than line ends and tabs."""
    return CONTROLS.sub("", ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n"))
