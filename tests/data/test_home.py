from pathlib import Path

from harness.data.home import cache_dir, data_home


def test_the_option_comes_before_the_environment_and_that_before_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HARNESS_DATA_HOME", str(tmp_path / "named"))
    assert data_home(Path("given")) == Path("given")
    assert data_home(None) == tmp_path / "named"

    monkeypatch.delenv("HARNESS_DATA_HOME")
    assert data_home(None) == tmp_path / "cache" / "data"


def test_an_empty_variable_counts_as_unset(monkeypatch, tmp_path):
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("HARNESS_DATA_HOME", "")

    assert data_home(None) == tmp_path / "data"


def test_without_a_variable_the_cache_is_the_users_own(monkeypatch, tmp_path):
    monkeypatch.delenv("HARNESS_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert cache_dir().name == "harness"
