from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RunFolderError
from harness.hits import pack
from harness.run import journal as journals
from harness.run.columns import EPOCH_COLUMNS, EPOCH_IDENTITY, TRIAL_COLUMNS
from harness.run.journal import Entry, Journal, decode, encode, read
from harness.run.record import MAX_EPOCHS, TEXT_LENGTH

VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
NAMES = st.text(max_size=8).filter(lambda name: name not in TRIAL_COLUMNS and name not in EPOCH_COLUMNS)
ENTRIES = st.builds(
    lambda row, epochs: Entry({"trial_id": "1", "status": "ok"} | row, epochs),
    st.dictionaries(NAMES, VALUES, max_size=5),
    st.lists(st.dictionaries(NAMES, VALUES), max_size=3),
)


def row(number: object) -> Entry:
    return Entry({"trial_id": str(number), "status": "ok"}, [])


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


def test_hits_and_explanations_read_back_and_damage_is_told() -> None:
    hit = np.random.default_rng(0).random(10_000) < 0.9
    good = {"trial_id": "1", "status": "ok", "correct": pack(hit), "n_test": len(hit)}
    entry = Entry(good, [], [], [{"measure": "image", "x": 0, "content": "eJw"}])
    assert decode(encode(entry)) == entry
    bad = [
        Entry(good | {"correct": good["correct"][:-4]}, []),
        Entry(good | {"n_test": 10_008}, []),
        Entry(good | {"n_test": None}, []),
        Entry(good, [], [], [{"value": "much"}]),
        Entry(good, [], [], [{"content": "A" * 40_000}]),
        Entry(good, [], [], [1]),  # type: ignore[list-item]
    ]
    for other in bad:
        with pytest.raises(ValueError, match=r"packed hits|value cannot be|content has 40,000|explanations are no"):
            decode(encode(other))


def filled(path: Path, count: int) -> None:
    with Journal(path, 0) as journal:
        for number in range(count):
            journal.append(row(number))


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
            journal.append(row("new"))
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
            journal.append(row(2))
    monkeypatch.undo()
    assert path.read_bytes() == before


def sealed(body: str) -> bytes:
    """A line whose checksum fits, whatever it says."""
    return f'{{"crc":"{zlib.crc32(body.encode()):08x}",{body[1:]}\n'.encode()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"\n", "checksum does not fit"),
        (b"\x00\xff\xfe" * 100 + b"\n", "checksum does not fit"),
        (b"[" * 100_000 + b"\n", "checksum does not fit"),
        (sealed('{"row":' + "[" * 100_000), "nested too deeply"),
        (sealed('{"row":[],"epochs":[]}'), "no row of a trial"),
        (sealed('{"epochs":[]}'), "no row of a trial"),
        (sealed('{"row":{"trial_id":1,"status":"ok"},"epochs":[]}'), "no row of a trial"),
        (sealed('{"row":{"trial_id":"1","status":"ok"},"epochs":[1]}'), "no list of rows"),
        (sealed('{"row":{"trial_id":"1","status":"ok","fit_s":"soon"},"epochs":[]}'), "fit_s cannot be 'soon'"),
        (sealed('{"row":{"trial_id":"1","status":"ok","n_test":1e3},"epochs":[]}'), "n_test cannot be '1000.0'"),
        (sealed('{"row":{"trial_id":"1","status":"ok"},"epochs":[{"loss":[]}]}'), "loss cannot be"),
    ],
)
def test_a_line_that_is_no_entry_is_told_with_its_place(tmp_path: Path, line: bytes, words: str) -> None:
    path = tmp_path / "journal.jsonl"
    filled(path, 2)
    path.write_bytes(path.read_bytes() + line + encode(row(3)))
    with pytest.raises(RunFolderError, match=r"journal.jsonl:3:1: damaged") as told:
        read(path)
    assert words in str(told.value)
    assert "\n" not in str(told.value)


def test_a_line_of_a_gigabyte_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    filled(path, 1)
    # Sparse: takes no disk.
    os.truncate(path, 2**30)
    with path.open("ab") as file:
        file.write(b"\n")
    code = (
        "import sys; from harness.errors import RunFolderError; from harness.run.journal import read\n"
        "from pathlib import Path\n"
        "try: read(Path(sys.argv[1]))\n"
        "except RunFolderError as error: print(error)\n"
        # Not ru_maxrss, which a new program inherits from the process that starts it.
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM:')))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    message, peak = done.stdout.splitlines()
    assert "journal.jsonl:2:1: damaged: it is longer than 64 MiB" in message
    assert int(peak) * 1024 < 2**29


def test_the_longest_entry_is_shorter_than_the_longest_line(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = {name: {"string": "\u20ac" * TEXT_LENGTH, "Int64": -(2**62)}.get(t, -1.0000000000000002e-300)
             for name, t in TRIAL_COLUMNS.items()}  # fmt: skip
    epoch = {name: cells.get(name, -1.0000000000000002e-300) for name in EPOCH_COLUMNS if name not in EPOCH_IDENTITY}
    one = len(encode(Entry(cells, [epoch]))) - len(encode(Entry(cells, [])))
    assert len(encode(Entry(cells, []))) + MAX_EPOCHS * one < journals.MAX_LINE


def truncate(path: Path) -> None:
    os.truncate(path, 10)


def rotate(path: Path) -> None:
    path.rename(path.with_suffix(".1"))
    path.touch()


def add(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more\n")


@pytest.mark.parametrize("change", [truncate, rotate, add, Path.unlink])
def test_a_journal_that_somebody_else_changes_is_not_written_to(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path, 0) as journal:
        journal.append(row(1))
        change(path)
        before = path.read_bytes() if path.exists() else None
        with pytest.raises(RunFolderError, match="something else moved or changed it"):
            journal.append(row(2))
        assert (path.read_bytes() if path.exists() else None) == before


def test_ctrl_c_in_the_middle_of_a_line_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    real = os.write
    with Journal(path, 0) as journal:
        journal.append(row(1))

        def interrupted(fd: int, data: bytes) -> int:
            real(fd, data[:10])
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            journal.append(row(2))
        monkeypatch.undo()
        journal.append(row(3))
    assert [entry.row["trial_id"] for entry in read(path).entries] == ["1", "3"]


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """The largest size of a file, set for a child, stands for a full disk: writing fails in the same place."""
    path = tmp_path / "journal.jsonl"
    code = (
        "import resource, sys; from pathlib import Path; from tests.run.test_journal import filled\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "filled(Path(sys.argv[1]), 100)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert "File too large; free the disk and run the same command to resume" in done.stderr
    contents = read(path)
    assert contents.sound_bytes == path.stat().st_size
    assert 5 < len(contents.entries) < 20
