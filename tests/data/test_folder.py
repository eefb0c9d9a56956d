import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from harness.data import image_files
from harness.data.folder import Folder, walk
from harness.errors import DataError
from tests.data.image_folders import LEVELS, bomb, encoded, files, plain, truncated_jpeg, turned_by_exif, write


@pytest.fixture(autouse=True)
def _own_cache_folder(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def load(root, **options):
    return Folder(path=str(root), **({"size": 8} | options)).load(None)


def shades(data):
    """The class's name by its grey level, for both parts."""
    pairs = [*zip(data.x_train, data.y_train, strict=True), *zip(data.x_test, data.y_test, strict=True)]
    return sorted((data.class_names[label], int(image.max())) for image, label in pairs)


EXPECTED = sorted((name, level + i) for name, level in LEVELS.items() for i in range(5))


def test_sub_folders_are_classes_and_the_split_is_always_the_same(tmp_path):
    root = write(tmp_path / "set", files())
    info, data = Folder(path=str(root), size=8).info(None), load(root)

    assert info[:6] == ("set", 12, 3, 3, (8, 8), None)
    assert shades(data) == EXPECTED
    assert data.x_train.shape == (12, 8, 8)
    assert sorted(data.y_test.tolist()) == [0, 1, 2]
    other = write(tmp_path / "elsewhere" / "copy", dict(reversed(files().items())))
    np.testing.assert_array_equal(load(other).x_test, data.x_test)


def test_it_is_found_in_the_data_home(tmp_path):
    write(tmp_path / "home" / "set", files())
    data = Folder(path="set", size=8, name="mine").load(tmp_path / "home")

    assert data.name == "mine"
    assert Folder(path="set", size=8).info(tmp_path / "home").name == "set"


def test_train_and_test_folders_are_the_split(tmp_path):
    contents = {f"train/{name}": raw for name, raw in files().items()}
    root = write(tmp_path, contents | {"test/b/x.png": plain(7), "val/a/y.png": plain(9)})
    data = load(root)

    assert (len(data.x_train), len(data.x_test)) == (16, 1)
    assert data.class_names[data.y_test[0]] == "b"
    assert data.notes == ("validation images are taken as training images",)


def test_a_table_gives_classes_and_split(tmp_path):
    root = write(tmp_path / "set", {f"{i}.png": plain(10 * i) for i in range(5)})
    table = "file,label,split\n0.png,x,train\n1.png,y,train\n2.png,x,test\n3.png,y,test\n"
    (root / "labels.csv").write_text(table)
    data = load(root, labels="labels.csv")

    assert data.x_train.max(axis=(1, 2)).tolist() == [0, 10]
    assert data.x_test.max(axis=(1, 2)).tolist() == [20, 30]
    assert data.y_test.tolist() == [0, 1]
    assert data.notes == ("1 images have no row in labels.csv and were left out",)
    # Beside the folder, and another table is another dataset.
    (root / "labels.csv").rename(tmp_path / "outside.csv")
    (tmp_path / "outside.csv").write_text(table.replace("1.png,y", "1.png,x").replace("0.png,x", "0.png,y"))
    assert load(root, labels=str(tmp_path / "outside.csv")).y_train.tolist() == [1, 0]


def test_a_table_that_is_absent_or_a_pipe_is_one_line(tmp_path):
    root = write(tmp_path / "set", files())
    with pytest.raises(DataError, match=r"the table of labels none\.csv is absent"):
        load(root, labels="none.csv")
    os.mkfifo(root / "pipe.csv")
    with pytest.raises(DataError, match=r"pipe\.csv: cannot be read: not a regular file; correct `labels`"):
        load(root, labels="pipe.csv")


def test_colour_is_kept_made_grey_or_found_out(tmp_path):
    root = write(tmp_path, files())
    assert load(root).x_train.shape == (12, 8, 8)
    assert load(root, colour="rgb").x_train.shape == (12, 8, 8, 3)
    write(root, {"a/red.png": encoded(Image.new("RGB", (8, 8), (255, 0, 0)))})

    assert load(root).x_train.shape == (13, 8, 8, 3)
    assert load(root, colour="grey").x_train.shape == (13, 8, 8)


def test_mixed_sizes_become_one(tmp_path):
    sizes = {f"{name}/{i}.png": plain(50, (3 + 7 * i, 20 - i)) for name in "ab" for i in range(4)}
    data = load(write(tmp_path, sizes), size=[6, 10])

    assert data.x_train.shape[1:] == (6, 10)
    assert set(data.x_train.ravel().tolist()) == {50}


ODD = {
    "a/empty.png": (b"", "is empty"),
    "a/text.png": (b"no image\n", "is no image of a known format"),
    "a/notes.txt": (b"notes", "is no image by its name"),
    "b/half.jpg": (truncated_jpeg(), "is damaged (image file is truncated"),
    "b/bomb.png": (bomb(), "pixels"),
    "stray.png": (plain(1), "lies in no class folder"),
}


def test_files_that_cannot_be_used_fail_it_and_the_first_are_named(tmp_path):
    root = write(tmp_path, files() | {name: raw for name, (raw, _) in ODD.items()})
    with pytest.raises(DataError) as caught:
        load(root)
    message = str(caught.value)

    assert (
        f"{root}: 6 of 21 files cannot be used: a/empty.png is empty, a/notes.txt is no image by its name, " in message
    )
    assert message.endswith(" and 3 more; repair or remove them, or leave them out with `on_bad: skip`")
    assert "\n" not in message


def test_skipped_files_are_named_one_by_one(tmp_path):
    root = write(tmp_path, files() | {name: raw for name, (raw, _) in ODD.items()})
    info, data = Folder(path=str(root), size=8, on_bad="skip").info(None), load(root, on_bad="skip")

    assert shades(data) == EXPECTED
    assert info.notes == data.notes
    assert len(data.notes) == len(ODD)
    for note, (name, (_, reason)) in zip(data.notes, sorted(ODD.items()), strict=True):
        assert note.startswith(f"left out: {name} ")
        assert reason in note
    # Later processes map the copy and say the same.
    assert load(root, on_bad="skip").notes == data.notes


def test_only_so_many_notes(tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "NAMED_ODD", 2)
    root = write(tmp_path, files() | {f"a/bad{i}.png": b"" for i in range(5)})

    assert load(root, on_bad="skip").notes[-1] == "left out: 3 more files"


def test_what_was_changed_is_told(tmp_path):
    contents = {f"a/turned{i}.png": turned_by_exif() for i in range(5)}
    contents["b/cmyk.tif"] = encoded(Image.new("CMYK", (8, 8)), "TIFF")
    data = load(write(tmp_path, files() | contents))

    assert data.notes == (
        "1 images: CMYK turned into RGB: b/cmyk.tif",
        "5 images: turned upright as EXIF says: a/turned0.png, a/turned1.png, a/turned2.png, ...",
    )


def test_links_are_followed_only_inside(tmp_path):
    outside = write(tmp_path / "outside", {"secret.png": plain(99), "x.png": plain(98)})
    root = write(tmp_path / "set", files())
    (root / "a" / "in.png").symlink_to(root / "b" / "1.png")
    (root / "a" / "out.png").symlink_to(outside / "secret.png")
    (root / "a" / "up.png").symlink_to("../../outside/x.png")
    (root / "a" / "nothing.png").symlink_to("nowhere")
    (root / "b" / "circle").symlink_to(root)
    (root / "b" / "folder").symlink_to(outside)
    os.mkfifo(root / "c" / "pipe.png")
    data = load(root, on_bad="skip")

    assert shades(data) == sorted([*EXPECTED, ("a", LEVELS["b"] + 1)])
    reasons = dict(note.removeprefix("left out: ").split(" ", 1) for note in data.notes)
    assert reasons["a/out.png"] == reasons["a/up.png"] == "is a link that leads out of the folder"
    assert reasons["b/folder"] == "is a link that leads out of the folder"
    assert reasons["b/circle"] == "is a link to a folder"
    assert reasons["c/pipe.png"] == "is no regular file"
    assert "No such file" in reasons["a/nothing.png"]
    with pytest.raises(DataError, match=r"a/out\.png is a link that leads out"):
        load(root)


def test_names_that_are_no_utf8_are_read_and_shown(tmp_path):
    root = write(tmp_path, files())
    folder = os.fsencode(root) + b"/caf\xe9"
    os.mkdir(folder)
    for i in range(5):
        with open(folder + b"/\xff%d.png" % i, "wb") as stream:
            stream.write(plain(240))
    with open(folder + b"/\xfe.png", "wb"):
        pass
    data = load(root, on_bad="skip")

    assert "caf\\xe9" in data.class_names
    assert data.notes == ("left out: caf\\xe9/\\xfe.png is empty",)
    assert sum(level == 240 for _, level in shades(data)) == 5
    for text in (*data.class_names, *data.notes):
        text.encode()


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({}, "no image lies in a class folder"),
        ({"a/1.png": plain(1)}, "1 usable images in 1 class; expected at least two classes"),
        ({"a/1.png": plain(1), "a/2.png": plain(1)}, "2 usable images in 1 class"),
        ({"a/1.png": plain(1), "b/1.png": plain(1)}, "no training image of '[ab]'; add some"),
        ({"a/1.png": plain(1), "b/1.png": b""}, "1 usable images in 1 class"),
        ({"a/1.png": b"", "b/1.png": b""}, "0 usable images in no class"),
        ({"train/a/1.png": plain(1), "train/b/1.png": plain(1), "test/c/1.png": plain(1)}, "no training image of 'c'"),
    ],
)
def test_what_is_no_dataset_is_one_line(tmp_path, contents, message):
    (tmp_path / "set").mkdir()
    with pytest.raises(DataError, match=message) as caught:
        load(write(tmp_path / "set", contents), on_bad="skip")

    assert str(tmp_path / "set") in str(caught.value)


def test_a_class_without_usable_images_is_none(tmp_path):
    data = load(write(tmp_path, files() | {"d/1.png": b""}), on_bad="skip")

    assert data.class_names == ("a", "b", "c")
    (tmp_path / "e").mkdir()
    assert "e is empty, no class" in load(tmp_path, on_bad="skip").notes


def test_absent_folders_and_files_in_their_place_are_told(tmp_path):
    (tmp_path / "file.zip").write_bytes(b"")
    with pytest.raises(DataError, match="the dataset folder nothing is absent"):
        load("nothing")
    with pytest.raises(DataError, match=r"file\.zip is no folder; an archive is read as `archive`"):
        load(tmp_path / "file.zip")


def test_it_is_read_once_and_again_where_anything_changed(tmp_path, monkeypatch):
    root = write(tmp_path / "set", files())
    reads = []
    original = image_files.gather
    monkeypatch.setattr(image_files, "gather", lambda *args: reads.append(1) or original(*args))
    load(root)
    load(root)
    load(root, name="another name")
    assert len(reads) == 1

    (root / "a" / "0.png").write_bytes(plain(LEVELS["a"] + 9))
    assert ("a", LEVELS["a"] + 9) in shades(load(root))
    (root / "a" / "0.png").rename(root / "b" / "9.png")
    assert ("b", LEVELS["a"] + 9) in shades(load(root))
    (root / "b" / "9.png").unlink()
    assert len(shades(load(root))) == 14
    assert len(reads) == 4
    load(root, size=4)
    assert len(reads) == 5


def test_a_file_that_vanishes_while_it_is_read_is_told(tmp_path, monkeypatch):
    root = write(tmp_path / "set", files())
    original = image_files.decode

    def decode(raw):
        (root / "c" / "4.png").unlink(missing_ok=True)
        return original(raw)

    monkeypatch.setattr(image_files, "decode", decode)
    with pytest.raises(DataError, match=r"1 of 15 files cannot be used: c/4\.png cannot be read \(No such file"):
        load(root)


def test_a_walk_is_in_order_and_passes_hidden_files_over(tmp_path):
    write(tmp_path, {"b/2.png": b"1", "b/10.png": b"", "a.png": b"", ".git/x.png": b"", "b/.y.png": b""})
    found = walk(tmp_path)

    assert [file.name for file in found.files] == ["a.png", "b/10.png", "b/2.png"]
    assert found.folders == ["b"]


def test_nothing_of_pillow_is_imported_by_name_alone():
    code = "import sys, harness.data, harness.registry; print('PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
