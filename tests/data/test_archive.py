import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from harness.data.archive import Archive
from harness.data.folder import Folder
from harness.data.members import members
from harness.data.pictures import decode
from harness.errors import DataError
from tests.data.image_folders import files, plain, truncated_jpeg, write

CIFAR = "cifar10-images.tar.xz"


@pytest.fixture(autouse=True)
def _own_cache_folder(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def pack(path: Path, contents: dict[str, bytes]) -> Path:
    root = write(path.parent / "unpacked", contents)
    names = list(reversed(contents))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.write(root / name, name)
    else:
        with tarfile.open(path, f"w:{path.suffix[1:]}") as archive:
            for name in names:
                archive.add(root / name, name)
    return path


def load(path, **options):
    return Archive(path=str(path), **({"size": 8} | options)).load(None)


@pytest.mark.parametrize("name", ["set.tar.gz", "set.tar.xz", "set.tar.bz2", "set.zip"])
def test_an_archive_gives_what_its_folder_gives(tmp_path, name):
    path = pack(tmp_path / name, files(format="JPEG"))
    data, folder = load(path), Folder(path=str(tmp_path / "unpacked"), size=8).load(None)

    assert (data.name, data.class_names) == ("set", folder.class_names)
    for key in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(data, key), getattr(folder, key))


def test_a_folder_around_everything_and_the_split_are_seen(tmp_path):
    contents = {f"data/{part}/{name}": raw for part in ("train", "test") for name, raw in files(2).items()}
    pack(tmp_path / "home.tar.gz", contents | {"data/README": b"words"})
    info = Archive(path="home.tar.gz", size=8).info(tmp_path)

    assert info[:5] == ("home", 6, 6, 3, (8, 8))


@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_a_table_may_be_a_member_or_lie_beside(tmp_path, suffix):
    table = b"file,label\n" + b"".join(b"%d.png,%s\n" % (i, b"xy"[i % 2 :][:1]) for i in range(10))
    images = {f"{i}.png": plain(i) for i in range(10)}
    within = load(pack(tmp_path / f"within.{suffix}", images | {"labels.csv": table}), labels="labels.csv")
    (tmp_path / "beside.csv").write_bytes(table)
    beside = load(pack(tmp_path / f"beside.{suffix}", images), labels=str(tmp_path / "beside.csv"))

    assert within.class_names == beside.class_names == ("x", "y")
    np.testing.assert_array_equal(within.x_train, beside.x_train)
    assert [int(image.max()) % 2 for image in within.x_train] == within.y_train.tolist()
    with pytest.raises(DataError, match=r"the table of labels none\.csv is absent"):
        load(tmp_path / f"beside.{suffix}", labels="none.csv")


def test_odd_members_fail_it_or_are_named(tmp_path):
    path = pack(tmp_path / "set.tar.gz", files() | {"a/half.jpg": truncated_jpeg(), "b/empty.png": b""})
    with tarfile.open(tmp_path / "more.tar", "w") as archive:
        archive.add(tmp_path / "unpacked", "")
        for name, kind in (
            ("c/link.png", tarfile.SYMTYPE),
            ("../up.png", tarfile.REGTYPE),
            ("a/0.png", tarfile.REGTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    with pytest.raises(
        DataError, match=r"2 of 17 files cannot be used: a/half.jpg is damaged .*, b/empty.png is empty;"
    ):
        load(path)
    data = load(tmp_path / "more.tar", on_bad="skip")

    assert len(data.x_train) + len(data.x_test) == 15
    assert [note.removeprefix("left out: ").split(" ")[0] for note in data.notes] == [
        "../up.png",
        "a/0.png",
        "a/half.jpg",
        "b/empty.png",
        "c/link.png",
    ]


def test_nothing_is_written_but_the_cache(tmp_path, monkeypatch):
    path = pack(tmp_path / "set.tar.gz", files())
    before = sorted(tmp_path.rglob("*"))
    load(path)

    assert sorted(tmp_path.rglob("*")) == before


def test_it_is_read_once_and_again_where_the_file_changed(tmp_path, monkeypatch):
    path = pack(tmp_path / "set.tar.gz", files())
    load(path)
    monkeypatch.setattr("harness.data.archive.members", lambda path: pytest.fail("read again"))
    load(path)
    os.utime(path, ns=(0, 1))

    with pytest.raises(pytest.fail.Exception, match="read again"):
        load(path)


def test_absent_archives_and_folders_in_their_place_are_told(tmp_path):
    with pytest.raises(DataError, match=r"the archive nothing\.zip is absent"):
        load("nothing.zip")
    with pytest.raises(DataError, match="is no file; a folder of images is read as `folder`"):
        load(tmp_path)
    (tmp_path / "x.zip").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"x\.zip: cannot be read as an archive"):
        load(tmp_path / "x.zip")


def test_the_first_members_of_the_real_archive_are_images():
    home = os.environ.get("HARNESS_DATA_HOME")
    if not home or not (Path(home) / CIFAR).is_file():
        pytest.skip(f"needs {CIFAR}: set HARNESS_DATA_HOME to a folder with it")
    found = (member for member in members(Path(home) / CIFAR) if not member.folder)
    first = [next(found) for _ in range(3)]

    assert first[0].name == "train/airplane/0000.jpg"
    assert decode(first[-1].read()).image.size == (32, 32)
