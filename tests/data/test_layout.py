import pytest

from harness.data.layout import by_folder, by_table, resolve_parts
from harness.errors import DataError


def labels(listing):
    return {entry.name: (entry.label, entry.part) for entry in listing.entries}


def test_a_folder_is_a_class_however_deep():
    listing = by_folder(["cat/1.png", "cat/more/2.JPG", "dog/3"], [], "x")

    assert labels(listing) == {"cat/1.png": ("cat", None), "cat/more/2.JPG": ("cat", None), "dog/3": ("dog", None)}
    assert not listing.odd
    assert not listing.notes


def test_parts_are_folders_around_the_classes():
    listing = by_folder(["Train/cat/1.png", "test/cat/1.png", "validation/dog/2.png"], [], "x")

    assert list(labels(listing).values()) == [("cat", "train"), ("cat", "test"), ("dog", "val")]


@pytest.mark.parametrize("parts", ["", "train/"])
def test_folders_around_everything_are_passed_over(parts):
    names = [f"set/images/{parts}cat/1.png", f"set/images/{parts}dog/2.png", "set/README.txt", "LICENSE"]
    listing = by_folder(names, [], "x")

    assert [label for label, _ in labels(listing).values()] == ["cat", "dog"]
    assert not listing.odd


def test_a_class_may_be_called_train():
    listing = by_folder(["train/1.png", "car/1.png"], [], "x")

    assert [label for label, _ in labels(listing).values()] == ["car", "train"]


def test_a_class_beside_train_and_test_is_a_mistake():
    with pytest.raises(DataError, match="x: beside test and train there are extra; move them away"):
        by_folder(["train/cat/1.png", "test/cat/1.png", "extra/cat/2.png"], [], "x")


def test_what_has_no_class_or_is_no_image_is_named():
    names = ["cat/1.png", "dog/notes.txt", "dog/2.png", "stray.jpg", "readme.md", ".hidden/3.png", "cat/Thumbs.db"]
    listing = by_folder(names, [], "x")

    assert list(labels(listing)) == ["cat/1.png", "dog/2.png"]
    assert [tuple(one) for one in listing.odd] == [
        ("dog/notes.txt", "is no image by its name"),
        ("stray.jpg", "lies in no class folder"),
    ]


def test_empty_class_folders_are_told():
    listing = by_folder(["a/1.png", "b/1.png"], ["a", "b", "c", "b/deeper", ".git"], "x")

    assert listing.notes == ["c is empty, no class"]
    listing = by_folder(["train/a/1.png", "train/b/1.png"], ["train", "train/a", "train/c"], "x")
    assert listing.notes == ["train/c is empty, no class"]


@pytest.mark.parametrize("names", [[], ["1.png", "2.png"], ["readme.txt"], ["train/1.png", "test/2.png"]])
def test_without_class_folders_the_layout_is_explained(names):
    # Files right in train/ and test/ are of the classes `train` and `test` to nobody.
    with pytest.raises(DataError, match=r"x: no image lies in a class folder; expected CLASS/IMAGE, or train/"):
        by_folder(names, [], "x")


def test_labels_that_differ_in_spelling_are_told():
    listing = by_folder(["café/1.png", "cafe\u0301/2.png", "Cat/1.png", "cat/1.png", "caf\udce9/1.png"], [], "x")

    assert sorted({entry.label for entry in listing.entries}) == ["Cat", "caf\\xe9", "café", "cat"]
    assert "'café' is spelt in several ways, with other spaces or Unicode signs; taken as one" in listing.notes
    assert "'Cat' and 'cat' differ only in case; taken as 2 classes" in listing.notes


def test_a_table_gives_labels():
    table = b"\xef\xbb\xbffile,extra,label\r\nb.png,1, dog \r\n./sub/a.png,2,cat\r\nb.png,1, dog \r\n"
    listing = by_table(table, {"b.png", "sub/a.png", "c.png", "labels.csv"}, "labels.csv")

    assert labels(listing) == {"b.png": ("dog", None), "sub/a.png": ("cat", None)}
    assert not listing.odd
    assert "1 images have no row in labels.csv and were left out" in listing.notes


def test_a_table_can_split():
    listing = by_table(b"file,label,split\na,x,train\nb,y, Test\n", {"a", "b"}, "t")

    assert labels(listing) == {"a": ("x", "train"), "b": ("y", "test")}


def test_rows_that_cannot_be_used_are_named():
    table = b"file,label\n../out.png,x\n/etc/passwd,x\nabsent.png,x\nnone.png,\ntwo.png,x\ntwo.png,y\ngood.png,x\n"
    listing = by_table(table, {"none.png", "two.png", "good.png"}, "t.csv")

    assert list(labels(listing)) == ["good.png"]
    assert [tuple(one) for one in listing.odd] == [
        ("../out.png", "is no path inside the folder"),
        ("/etc/passwd", "is no path inside the folder"),
        ("absent.png", "is absent, though t.csv names it"),
        ("none.png", "has no label"),
        ("two.png", "has two rows that differ, 'x' and 'y'"),
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"", "expected the columns file and label"),
        (b"name,class\na,b\n", r"its first line is \['name', 'class'\]"),
        (b"file,label\n", "it has no rows"),
        (b"file,label,split\na,b,sideways\n", r"t.csv:2: the split is 'sideways'"),
        (b"file,label,split\na,b\n", "t.csv:2: the split is ''; expected train, val or test"),
        (b'file,label\n"a"b,c\n', r"t.csv:2: is no CSV"),
        (b"file,label\n\xe9,c\n", "is no UTF-8"),
    ],
)
def test_what_is_no_table_is_refused(table, message):
    with pytest.raises(DataError, match=message):
        by_table(table, {"a"}, "t.csv")


def test_validation_images_train_or_test():
    assert resolve_parts(["train", "val", "test"], "x") == (
        ["train", "train", "test"],
        ["validation images are taken as training images"],
    )
    assert resolve_parts(["train", "val"], "x") == (
        ["train", "test"],
        ["validation images are taken as test images"],
    )
    assert resolve_parts(["train", "test"], "x") == (["train", "test"], [])


@pytest.mark.parametrize("parts", [["train"], ["test"], [None]])
def test_one_part_alone_is_yet_to_be_split(parts):
    assert resolve_parts(parts * 2, "x") == ([None, None], [])


def test_tests_without_training_images_are_refused():
    with pytest.raises(DataError, match="no training images"):
        resolve_parts(["test", "val"], "x")
