from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RunFolderError
from harness.run.journal import Entry, Journal, decode, encode, read

VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
ENTRIES = st.builds(
    Entry,
    st.dictionaries(st.text(max_size=8), VALUES, max_size=5),
    st.lists(st.dictionaries(st.text(max_size=8), VALUES), max_size=3),
)


@given(ENTRIES)
def test_a_line_reads_back_and_is_json(entry: Entry) -> None:
    line = encode(entry)
    assert decode(line) == entry
    assert line.count(b"\n") == 1
    assert set(json.loads(line)) == {"crc", "row", "epochs"}


@given(ENTRIES, st.data())
def test_a_changed_byte_is_noticed(entry: Entry, data: st.DataObject) -> None:
    line = bytearray(encode(entry))
    index = data.draw(st.integers(0, len(line) - 2))
    line[index] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match=r"checksum|JSON|Expecting|Extra|codec"):
        decode(bytes(line))


def filled(path: Path, count: int) -> None:
    with Journal(path, 0) as journal:
        for number in range(count):
            journal.append(Entry({"trial_id": str(number)}, []))


def test_a_cut_at_any_byte_loses_only_what_was_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    filled(path, 3)
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        contents = read(path)
        assert len(contents.entries) == sum(end <= cut for end in ends)
        with Journal(path, contents.sound_bytes) as journal:
            journal.append(Entry({"trial_id": "new"}, []))
        assert [entry.row["trial_id"] for entry in read(path).entries][-1] == "new"


def test_damage_in_the_middle_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    filled(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b'"1"', b'"7"') + lines[2])
    with pytest.raises(RunFolderError, match=r"journal.jsonl:2:1: damaged.*delete the line"):
        read(path)


def test_an_absent_journal_is_empty(tmp_path: Path) -> None:
    assert read(tmp_path / "none") == ([], 0)


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    filled(path, 1)
    before = path.read_bytes()
    real = os.write

    def full(fd: int, data: bytes) -> int:
        if len(data) > 10:
            return real(fd, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with Journal(path, len(before)) as journal:
        monkeypatch.setattr(
            os, "write", lambda fd, data: full(fd, data[:20]) if len(data) < 60 else real(fd, data[:10])
        )
        with pytest.raises(RunFolderError, match=r"No space left.*resume"):
            journal.append(Entry({"trial_id": "2"}, []))
    monkeypatch.undo()
    assert path.read_bytes() == before
