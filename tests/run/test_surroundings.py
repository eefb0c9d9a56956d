from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import RunFolderError
from harness.run.surroundings import DIAGNOSIS, Surroundings, diagnosis, read_environment

HERE = {"machine": "here", "cpu": "One"}


def test_every_machine_of_a_run_is_kept_from_session_to_session(tmp_path: Path) -> None:
    path = tmp_path / "run" / "environment.json"
    first = Surroundings(path, HERE)
    first.saw({"machine": "here"}, {})
    first.saw({"machine": "far"}, {"far": {"cpu": "Two"}})
    first.saw({"machine": None}, {})
    first.end({"sklearn-cpu": {"import_s": 1.0}}, {})
    again = Surroundings(path, HERE)
    again.saw({"machine": "far"}, {"far": {"cpu": "Three"}})
    assert read_environment(path)["machines"] == {"here": HERE, "far": {"cpu": "Two"}}


def test_what_the_doctor_found_here_goes_into_the_run(tmp_path: Path) -> None:
    found = {"tracking": {"percent": 0.1}, "aa_test": None, "environment": {"machine": "here"}}
    (tmp_path / DIAGNOSIS).write_text(json.dumps(found))
    Surroundings(tmp_path / "run" / "environment.json", HERE)
    assert read_environment(tmp_path / "run" / "environment.json")["doctor"] == {"tracking": {"percent": 0.1}}
    assert diagnosis(tmp_path, "another") == {}
    assert diagnosis(tmp_path / "nowhere", "here") == {}
    (tmp_path / DIAGNOSIS).write_text("{")
    assert diagnosis(tmp_path, "here") == {}


@pytest.mark.parametrize("text", ["[1]", "{", "[" * 100_000, '{"a": ' * 30 + "1" + "}" * 30, '{"a": "\\ud800"}'])
def test_a_damaged_file_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "environment.json"
    path.write_text(text)
    with pytest.raises(RunFolderError, match="cannot be read") as told:
        read_environment(path)
    assert "\n" not in str(told.value)
    assert Surroundings(path, HERE).values["machines"] == {}
