import bz2
import gzip
import io
import lzma
import random
import sys
import tarfile
import types
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data import members as module
from harness.data.members import members
from harness.errors import DataError
from tests.data.image_folders import files, noisy, plain

CONTENTS = files(2)


def tar(contents, odd=(), format=tarfile.GNU_FORMAT):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in odd:
            archive.addfile(info)
    return stream.getvalue()


def zipped(contents):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.fixture
def read(tmp_path):
    def read_all(raw):
        path = tmp_path / "archive"
        path.write_bytes(raw)
        return {m.name: m.refused or (None if m.folder else m.read()) for m in members(path)}

    return read_all


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_packed_or_not_gives_its_files(read, pack, format):
    long = {("directory/" * 12) + "é.png": plain(3)} if format != tarfile.USTAR_FORMAT else {}

    assert read(pack(tar(CONTENTS | long, format=format))) == CONTENTS | long


def test_a_zip_gives_its_files(read):
    assert read(zipped(CONTENTS | {"folder/": b"", "back\\slash.png": b"x"})) == CONTENTS | {
        "folder": None,
        "back/slash.png": b"x",
    }


def test_zstd_needs_a_newer_python_and_says_so(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    with pytest.raises(DataError, match=r"zstd is read by Python 3\.14 or newer; pack it as \.tar\.xz or \.zip"):
        read(b"\x28\xb5\x2f\xfd" + bytes(100))

    fake = types.SimpleNamespace(open=lambda file: io.BytesIO(tar(CONTENTS)))
    monkeypatch.setitem(sys.modules, "compression", types.ModuleType("compression"))
    monkeypatch.setitem(sys.modules, "compression.zstd", fake)
    assert read(b"\x28\xb5\x2f\xfd" + bytes(100)) == CONTENTS


def test_links_and_devices_are_refused(read):
    odd = [
        special("a/soft.png", tarfile.SYMTYPE, "/etc/passwd"),
        special("a/hard.png", tarfile.LNKTYPE, "a/0.png"),
        special("a/device", tarfile.CHRTYPE),
        special("a/pipe", tarfile.FIFOTYPE),
        special("a/folder", tarfile.DIRTYPE),
    ]
    found = read(tar(CONTENTS, odd))

    assert found["a/soft.png"] == found["a/hard.png"] == "is a link"
    assert found["a/device"] == found["a/pipe"] == "is a device or something else than a file"
    assert found["a/folder"] is None
    assert CONTENTS.items() <= found.items()


def test_links_in_a_zip_are_refused(read):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, mode in (("link", 0o120777), ("device", 0o020666), ("file", 0o100644)):
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, b"/etc/passwd")

    assert read(stream.getvalue()) == {
        "link": "is a link",
        "device": "is a device or something else than a file",
        "file": b"/etc/passwd",
    }


@pytest.mark.parametrize("name", ["/etc/passwd", "../up.png", "a/../../up.png", "C:\\x.png", "..\\up.png"])
def test_names_that_lead_out_are_refused(read, name):
    found = read(zipped({name: b"x"}))
    assert list(found.values()) == ["has a name that leads out of the archive"]

    if "\\" not in name:
        assert read(tar({name: b"x"})) == {name: "has a name that leads out of the archive"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(max_examples=60)
@given(st.dictionaries(st.text("./a\\:\0é~", min_size=1, max_size=12), st.binary(max_size=9), max_size=4))
def test_any_names_are_plain_or_refused(tmp_path_factory, contents):
    path = tmp_path_factory.mktemp("names") / "archive"
    for raw in (tar(contents), zipped(contents)):
        path.write_bytes(raw)
        for member in members(path):
            if member.refused is None and not member.folder:
                assert not member.name.startswith("/")
                assert ".." not in member.name.split("/")
                member.read()


def test_what_is_too_large_is_refused_unread(read, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 1000)

    for raw in (tar({"big": bytes(1001), "small": b"x"}), zipped({"big": bytes(1001), "small": b"x"})):
        assert read(raw) == {"big": "has 1,001 bytes, more than 1,000", "small": b"x"}


@pytest.mark.parametrize("pack", [tar, zipped])
def test_the_number_of_members_is_bounded(read, monkeypatch, pack):
    monkeypatch.setattr(module, "MAX_MEMBERS", 3)

    with pytest.raises(DataError, match=r"more than 3 members or .* bytes unpacked; split it up"):
        read(pack({str(i): bytes(30) for i in range(5)}))


@pytest.mark.parametrize("pack", [lambda contents: gzip.compress(tar(contents)), zipped])
def test_what_all_members_have_together_is_bounded(read, monkeypatch, pack):
    monkeypatch.setattr(module, "FREE_BYTES", 1000)
    assert len(read(pack({str(i): noisy(i).tobytes() for i in range(5)}))) == 5

    with pytest.raises(DataError, match=r"more than .* bytes unpacked"):
        read(pack({str(i): bytes(2**20) for i in range(5)}))


def test_a_header_cannot_ask_for_much_memory(read):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 8 * 2**30
    raw = gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(100_000))

    with pytest.raises(DataError, match="a header asks for 8,589,934,592 bytes at once"):
        read(raw)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_tar_cut_short_is_noticed_at_every_length(read, pack):
    # Two members of two blocks each, and the first block of zeros that ends a tar.
    raw = pack(tar({"a/1.png": plain(1), "b/2.png": plain(2)})[: 5 * 512])

    for length in range(0, len(raw), max(1, len(raw) // 60)):
        with pytest.raises(DataError, match="replace or remove it"):
            read(raw[:length])


def test_a_damaged_header_in_the_middle_is_not_the_end(read):
    raw = bytearray(tar(CONTENTS))
    raw[1024 + 10] ^= 1

    with pytest.raises(DataError, match="damaged or cut short: a member's header is none"):
        read(raw)


def test_a_damaged_checksum_at_the_end_is_noticed(read):
    raw = bytearray(gzip.compress(tar(CONTENTS)))
    raw[-6] ^= 1

    with pytest.raises(DataError, match="CRC check failed"):
        read(raw)


def test_only_a_damaged_member_of_a_zip_is_lost(tmp_path):
    raw = bytearray(zipped({"a": b"x" * 50, "b": b"y" * 50}))
    raw[31] ^= 0xFF
    (tmp_path / "z").write_bytes(raw)
    found = members(tmp_path / "z")

    assert str(next(found).read()).startswith("is damaged")
    assert next(found).read() == b"y" * 50


def test_an_encrypted_member_is_refused(read):
    raw = bytearray(zipped({"a": b"x"}))
    raw[raw.index(b"PK\1\2") + 8] |= 1

    assert read(raw) == {"a": "is encrypted"}


@pytest.mark.parametrize("raw", [b"", b"no archive", plain(3), b"PK\3\4 no zip", bytes(10_000)])
def test_what_is_no_archive_is_one_line(read, raw):
    if raw == bytes(10_000):  # an empty tar is one
        assert read(raw) == {}
        return
    with pytest.raises(DataError, match="cannot be read as an archive"):
        read(raw)


@pytest.mark.parametrize("pack", [tar, lambda c: gzip.compress(tar(c)), lambda c: lzma.compress(tar(c)), zipped])
def test_altered_bytes_are_one_line_or_harmless(read, pack):
    whole = pack(CONTENTS)
    choose = random.Random(0)
    for _ in range(60):
        raw = bytearray(whole)
        for _ in range(choose.randrange(1, 6)):
            raw[choose.randrange(len(raw))] = choose.randrange(256)
        with suppress(DataError):
            read(raw)
