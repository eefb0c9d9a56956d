"""A run's tables can be read where its images are not, and changed images do not mix with old rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.base import DatasetInfo
from harness.errors import RunFolderError
from harness.results import load_results
from harness.run.datasets import recall, remember
from harness.run.executor import InProcessExecutor
from harness.run.folder import RunFolder
from harness.run.progress import ProgressDisplay
from harness.run.runner import run_suite
from harness.suite.load import load_suite, on_images

INFO = DatasetInfo("mine", 80, 20, 2, (8, 8), notes=("one was left out",), version="a1")


def test_what_is_remembered_is_recalled(tmp_path: Path) -> None:
    path = tmp_path / "datasets.json"
    assert recall(path) == {}
    remember(path, {"mine": INFO}, set())
    assert recall(path) == {"mine": INFO._replace(notes=())}
    remember(path, {"other": INFO._replace(name="other")}, {"mine"})
    assert recall(path).keys() == {"mine", "other"}


@pytest.mark.parametrize("changed", [{"version": "b2"}, {"n_train": 81}])
def test_images_that_changed_are_refused_where_there_are_rows_of_them(tmp_path: Path, changed: dict[str, str]) -> None:
    path = tmp_path / "datasets.json"
    remember(path, {"mine": INFO}, set())
    with pytest.raises(RunFolderError, match="images of mine have changed"):
        remember(path, {"mine": INFO._replace(**changed)}, {"mine"})
    remember(path, {"mine": INFO._replace(**changed)}, set())
    assert recall(path)["mine"] == INFO._replace(notes=(), **changed)


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": {"name": "a"}}', "[" * 100_000])
def test_a_damaged_file_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "datasets.json"
    path.write_text(text)
    with pytest.raises(RunFolderError, match=r"datasets\.json: damaged"):
        recall(path)


def test_a_run_on_a_folder_is_read_when_the_folder_is_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    images = tmp_path / "images"
    for number, name in enumerate(("dark", "light")):
        (images / name).mkdir(parents=True)
        for index in range(40):
            pixels = random.integers(100 * number, 100 * number + 120, (16, 16), dtype=np.uint8)
            Image.fromarray(pixels).save(images / name / f"{index}.png")
    (images / "light" / "broken.png").write_bytes(b"")
    loaded = load_suite("quickstart", on_images("quickstart", images))
    folder = RunFolder(tmp_path / "run")
    one = load_suite("quickstart", [*on_images("quickstart", images), "sizes=[10]", "seeds=1"])
    assert loaded.suite.suite == "quickstart-images"

    def run() -> None:
        from harness.suite.plan import parse_only

        run_suite(
            one, folder, lambda: InProcessExecutor(None), home=None, only=[parse_only("pixels-rf")],
            progress=ProgressDisplay(),
        )  # fmt: skip

    run()
    assert "broken.png" in capsys.readouterr().err
    shutil.move(images, tmp_path / "elsewhere")
    row = load_results(folder.path).trials.set_index("pipeline").loc["pixels-rf"]
    assert (row["dataset"], row["status"]) == ("images", "ok")
    assert row["accuracy"] > 0.9
    shutil.move(tmp_path / "elsewhere", images)
    run()
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(images / "light" / "0.png")
    with pytest.raises(RunFolderError, match="images of images have changed"):
        run()
