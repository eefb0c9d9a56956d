from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.run.logs import CappedLog, plain_text, tail


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_the_ends_of_what_was_written_are_kept(folder: Path, parts: list[bytes]) -> None:
    log = CappedLog(folder / "log", head=30, tail=50)
    for part in parts:
        log.write(part)
        assert len(log.end) < 100
    log.close()
    whole, kept = b"".join(parts), (folder / "log").read_bytes()
    if len(whole) <= 80:
        assert kept == whole
    else:
        said = f"\n[harness: {len(whole) - 80:,} bytes of output were left out here]\n".encode()
        assert kept == whole[:30] + said + whole[-50:]


def test_a_log_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "log", Path("/dev/full")):
        log = CappedLog(path)
        log.write(b"x" * 100)
        log.close()


def test_the_tail_of_a_log(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\x1b[1mold\x1b[0m\n" * 10_000 + b"1%\r2%\r\n\x1b]8;;http://x\x1b\\link\xff\x9b\x00\tend\n\n")
    text = tail(path)
    assert text is not None
    assert len(text) <= 2000
    assert text.endswith("old\n1%\n2%\nlink\ufffd\ufffd\tend")
    path.write_bytes(b"\x1b[0m\n")
    assert tail(path) is None
    assert tail(tmp_path / "none") is None
    os.mkfifo(tmp_path / "pipe")
    assert tail(tmp_path / "pipe") is None, "a trial could have put a pipe there"


def test_of_a_crash_the_innermost_calls_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    frames = "".join(f'  File "x.py", line {n} in f{n}\n' for n in range(300))
    path.write_text(f"{'before ' * 500}\nFatal Python error: Aborted\n\n{frames}\nExtension modules: {'a, ' * 3000}\n")
    text = str(tail(path))
    assert len(text) <= 2000
    assert text.startswith(("before", "efore", "fore", "ore", "re", "e"))
    assert "Fatal Python error: Aborted" in text
    assert "in f0\n" in text
    assert "Extension" not in text


@given(st.text())
def test_plain_text_can_be_written_anywhere(text: str) -> None:
    plain = plain_text(text)
    plain.encode()
    assert all(character in "\n\t" or ord(character) >= 32 for character in plain)
    assert plain_text(plain) == plain
