import os
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.paths import inside, locate, shown
from harness.errors import DataError

pieces = st.sampled_from(["..", ".", "", "a", "b.png", "C:", "~", "\0", "\udce9", " ", "...", "a\\b"])
names = st.one_of(st.text(max_size=30), st.lists(pieces, max_size=6).map("/".join))


@given(names)
def test_no_name_leads_out(name):
    found = inside(name)

    if found is not None:
        assert posixpath.normpath(posixpath.join("/root", found)).startswith("/root/")
        assert not found.startswith("/")
        assert ".." not in found.split("/")
        assert "\0" not in found
        assert inside(found) == found


@given(st.lists(st.text("abc.é ", min_size=1, max_size=5).filter(lambda p: p not in (".", "..")), min_size=1))
def test_plain_names_stay_what_they_are(parts):
    name = "/".join(parts)

    assert inside(name) == name
    assert inside(f"./{name}") == name


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../a", "a/../../b", "a/..", "..", "C:/a", "c:a", "", ".", "./", "a\0"]
)
def test_names_that_lead_out_are_refused(name):
    assert inside(name) is None


def test_the_working_directory_comes_before_the_data_home(tmp_path, monkeypatch):
    home, here = tmp_path / "home", tmp_path / "here"
    for folder in (home, here):
        folder.mkdir()
    monkeypatch.chdir(here)
    (home / "x").mkdir()
    assert locate("x", home, "folder") == home / "x"

    (here / "x").mkdir()
    assert locate("x", home, "folder") == here / "x"
    assert locate(str(home / "x"), None, "folder") == home / "x"


@pytest.mark.parametrize("path", ["absent", "/absent/altogether", "~nobody-of-that-name/x", "a\0b"])
def test_what_is_absent_is_one_line(path, tmp_path):
    with pytest.raises(DataError, match=r"absent|no path") as caught:
        locate(path, tmp_path, "dataset folder")

    assert "\n" not in str(caught.value)
    assert "dataset folder" in str(caught.value)


def test_names_that_are_no_utf8_are_shown():
    assert shown(os.fsdecode(b"caf\xe9")) == "caf\\xe9"
    assert shown("café") == "café"
