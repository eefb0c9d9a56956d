"""What a run folder's neighbours teach: only rows of this machine that are of trials as they stand in the suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.run import history
from harness.run.folder import RunFolder
from harness.run.forecast import Forecast
from harness.run.history import beside, teach
from tests.run.forecast_cases import SUITE, earlier, planned


def told(folder: Path, text: str = SUITE) -> tuple[Forecast, history.Past]:
    forecast = Forecast(planned(text))
    return forecast, teach(forecast, planned(text), RunFolder(folder))


@pytest.mark.parametrize("table", [False, True])
def test_neighbours_teach(tmp_path: Path, table: bool) -> None:
    earlier(tmp_path / "a", 3.0, table=table)
    forecast, past = told(tmp_path / "new")
    assert past == ({tmp_path / "a": 12}, [])
    assert forecast.remaining() == (pytest.approx(6 * 3.0 + 6 * 9.0, rel=0.1), 0)
    assert not (tmp_path / "new").exists()


def test_the_folder_itself_is_no_neighbour(tmp_path: Path) -> None:
    earlier(tmp_path / "a")
    assert told(tmp_path / "a")[1] == ({}, [])


def test_where_nothing_lies_nothing_is_learned(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no folder")
    assert told(tmp_path / "new")[1] == ({}, [])
    assert told(tmp_path / "no" / "such" / "place")[1] == ({}, [])


def test_the_latest_run_counts_most(tmp_path: Path) -> None:
    for age in range(1, 8):
        earlier(tmp_path / f"old{age}", 9.0, age=100 * age)
    for age in range(3):
        earlier(tmp_path / f"new{age}", 1.0, age=age)
    forecast, past = told(tmp_path / "now")
    assert (forecast.seconds(planned()[0]) or 9) < 2
    assert list(past.rows)[:3] == [tmp_path / "new0", tmp_path / "new1", tmp_path / "new2"]


@pytest.mark.parametrize(
    "changes", [{"machine": "another"}, {"machine": None}, {"model": "KNeighborsClassifier"}, {"status": "failed"}]
)
def test_rows_that_say_nothing_of_these_trials_here_are_passed_over(tmp_path: Path, changes: dict[str, Any]) -> None:
    earlier(tmp_path / "a", **changes)
    assert told(tmp_path / "new")[1] == ({}, [])


def test_a_pipeline_that_was_changed_since_is_not_what_the_rows_are_of(tmp_path: Path) -> None:
    earlier(tmp_path / "a")
    changed = SUITE.replace("sklearn.svm.SVC", "{sklearn.svm.SVC: {C: 9}}")
    (tmp_path / "a" / "suite.yaml").write_text(changed)
    assert told(tmp_path / "new", changed)[1].rows == {tmp_path / "a": 8}


def test_of_a_shorter_recipe_a_longer_is_concluded(tmp_path: Path) -> None:
    earlier(tmp_path / "a", 2.0)
    longer = SUITE.replace("epochs: 2", "epochs: 20")
    forecast, _ = told(tmp_path / "new", longer)
    cnn = next(one for one in planned(longer) if one.pipeline == "cnn/adam")
    assert (forecast.seconds(cnn) or 0) > 10


@pytest.mark.parametrize(
    ("name", "data"),
    [("suite.yaml", b"suite: ["), ("suite.yaml", b"\xff\xfe"), ("trials.parquet", b"PAR1 is not all there is to it")],
)
def test_a_neighbour_that_cannot_be_read_is_told_in_a_line(tmp_path: Path, name: str, data: bytes) -> None:
    earlier(tmp_path / "good")
    earlier(tmp_path / "bad", table=name == "trials.parquet")
    (tmp_path / "bad" / name).write_bytes(data)
    _, past = told(tmp_path / "new")
    assert list(past.rows) == [tmp_path / "good"]
    assert len(past.unread) == 1
    assert past.unread[0].startswith(str(tmp_path / "bad" / name))
    assert "\n" not in past.unread[0]


def test_a_table_of_odd_types_is_no_traceback(tmp_path: Path) -> None:
    earlier(tmp_path / "a", table=True)
    file = tmp_path / "a" / "trials.parquet"
    frame = pd.read_parquet(file)
    odd = pd.Series([[1]] * len(frame))
    for changed in ({"model": odd, "dataset": odd, "n_train": "many"}, {"n_train": odd, "fit_s": "long"}):
        frame.assign(**changed, started_at=range(len(frame))).to_parquet(file)
        rows, (note,) = told(tmp_path / "new")[1]
        assert not rows
        assert "trials.parquet: not a readable table of a run" in note


def test_damaged_lines_of_a_journal_are_passed_over(tmp_path: Path) -> None:
    earlier(tmp_path / "a")
    file = tmp_path / "a" / "journal.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([b"garbage\n", lines[0].replace(b"svm", b"SVM"), *lines[2:], lines[1][:50]]))
    assert told(tmp_path / "new")[1] == ({tmp_path / "a": 10}, [])


def test_only_the_end_of_a_long_journal_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier(tmp_path / "a")
    size = (tmp_path / "a" / "journal.jsonl").stat().st_size
    monkeypatch.setattr(history, "TAIL_BYTES", size // 2)
    assert 4 <= told(tmp_path / "new")[1].rows[tmp_path / "a"] <= 6


def test_no_more_than_so_many_rows_and_folders_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for age in range(4):
        earlier(tmp_path / f"r{age}", age=age)
    monkeypatch.setattr(history, "FOLDERS", 3)
    assert [folder.path.name for folder in beside(RunFolder(tmp_path / "new"))] == ["r0", "r1", "r2"]
    monkeypatch.setattr(history, "ROWS", 18)
    assert told(tmp_path / "new")[1].rows == {tmp_path / "r0": 12, tmp_path / "r1": 6}


def test_a_dataset_that_is_not_here_is_no_reason_to_stop() -> None:
    assert history.about(None, {})(planned()[0].dataset.model_copy(update={"name": "no-such"})) is None
    known = history.about(None, {})(planned()[0].dataset)
    assert known is not None
    assert known.image_shape == (8, 8)
