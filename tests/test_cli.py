"""The command line as a user meets it: help, plan, whole run of the quickstart suite, every output."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("tensorflow", "keras", "jax", "torch")


def harness(*words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "harness", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, env=os.environ | variables, timeout=280, check=False)


def imported(code: str) -> set[str]:
    """Top-level packages that `code` has imported."""
    report = "; import sys; print(','.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return set(done.stdout.split("\n")[-2].split(","))


def test_help_imports_no_machine_learning_library() -> None:
    code = "import typer.testing, harness.cli; typer.testing.CliRunner().invoke(harness.cli.app, ['--help'])"
    assert not {*HEAVY, "sklearn", "pandas", "numpy", "pydantic"} & imported(code)
    assert not {*HEAVY, "sklearn", "pandas", "numpy"} & imported("import harness")


def test_check_imports_no_deep_learning_library() -> None:
    code = (
        "import typer.testing, harness.cli; r = typer.testing.CliRunner().invoke(harness.cli.app, ['check', 'mnist'])"
    )
    found = imported(code + "; assert r.exit_code == 0, r.output")
    assert "sklearn" in found
    assert not set(HEAVY) & found


def test_check_prints_the_plan(tmp_path: Path) -> None:
    words = ("check", "quickstart", "--set", "datasets=[digits, fashion_mnist]", "--set", "sizes=[50, 5000]")
    done = harness(*words, cwd=tmp_path, HARNESS_DATA_HOME=str(tmp_path), HARNESS_CACHE_DIR=str(tmp_path / "cache"))
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert re.search(r"^hog-svm +traditional +\d+ +50 ", text, re.MULTILINE)
    assert re.search(r"^cnn +deep ", text, re.MULTILINE)
    assert "dataset digits: 1,200 training and 597 test images of 8x8, 10 classes" in text
    assert f"put it at {tmp_path / 'fashion_mnist.npz'}" in text
    assert re.search(r"^skipped: \d+ trials: digits has only 1,200 training images$", text, re.MULTILINE)


@pytest.mark.parametrize("kind", ["datasets", "features", "estimators", "networks", "optimizers", "suites"])
def test_list_has_a_line_on_each(tmp_path: Path, kind: str) -> None:
    lines = harness("list", kind, cwd=tmp_path).stdout.decode().splitlines()
    assert len(lines) >= 3
    assert all(len(line.split()) > 2 for line in lines)


def test_schema_is_what_the_package_keeps(tmp_path: Path) -> None:
    printed = json.loads(harness("schema", cwd=tmp_path).stdout)
    assert printed == json.loads((ROOT / "harness/suite/schema.json").read_text())


def test_version(tmp_path: Path) -> None:
    assert harness("--version", cwd=tmp_path).stdout.decode().startswith("harness ")


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart suite's smoke run, report included."""
    folder = tmp_path_factory.mktemp("smoke")
    done = harness("run", "quickstart", "--smoke", cwd=folder)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().splitlines() == ["4 ok", "report: runs/quickstart-smoke/report/index.html"]
    return folder / "runs" / "quickstart-smoke"


class Links(HTMLParser):
    """Whatever a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [str(value) for key, value in attrs if key in ("src", "href", "srcset", "data")]


def test_the_report_is_one_file_that_loads_nothing(smoke: Path) -> None:
    page = (smoke / "report/index.html").read_text()
    links = Links()
    links.feed(page)
    assert links.found
    assert all(link.startswith(("data:", "#")) for link in links.found)
    assert "<script" not in page
    for name in ("report.md", "claims.json", "figures/accuracy.png", "figures/accuracy.svg", "tables/summary.csv"):
        assert (smoke / "report" / name).stat().st_size > 0


def test_results_in_every_format(smoke: Path) -> None:
    def ask(*words: str) -> bytes:
        done = harness("results", str(smoke), *words, cwd=smoke)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert all(name in ask().decode() for name in ("hog-svm", "pixels-rf", "mlp", "cnn"))
    assert r"\begin{tabular}" in ask("--format", "latex").decode()
    assert len(pd.read_csv(io.BytesIO(ask("--format", "csv")))) == 4
    assert len(json.loads(ask("--format", "json"))) == 4
    assert len(pd.read_parquet(io.BytesIO(ask("--format", "parquet")))) == 4
    assert len(pd.read_csv(io.BytesIO(ask("--format", "csv", "--epochs")))) == 2
    assert len(pd.read_csv(io.BytesIO(ask("--format", "csv", "--table", "epochs")))) == 2
    assert ask("--format", "csv", "--table", "explanations").startswith(b"trial_id,")
    assert ask("--failures", "--format", "csv").decode().count("\n") == 1
    harness("results", str(smoke), "--format", "csv", "--output", str(smoke / "x" / "out.csv"), cwd=smoke)
    assert len(pd.read_csv(smoke / "x" / "out.csv")) == 4


def test_a_reader_that_hangs_up_is_no_traceback(smoke: Path) -> None:
    command = f"{sys.executable} -m harness results {smoke} --format json | head -c 10"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_the_report_can_be_written_elsewhere_and_again(smoke: Path, tmp_path: Path) -> None:
    for _ in range(2):
        done = harness("report", str(smoke), "--output", str(tmp_path / "out"), cwd=tmp_path)
        assert done.stdout.decode().strip() == str(tmp_path / "out/index.html")
    assert (tmp_path / "out/index.html").read_bytes() == (smoke / "report/index.html").read_bytes()


def test_an_installed_wheel_brings_its_suites_along(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    assert (tmp_path / "site/harness/suite/schema.json").exists()
    assert (tmp_path / "site/harness/report/templates/report.html.j2").exists()
    done = harness("check", "quickstart", cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert done.returncode == 0, done.stderr
    assert b"quickstart: " in done.stdout
    where = "import harness.suite.load as l; print(l.shipped_suites()['quickstart'])"
    found = subprocess.run(
        [sys.executable, "-c", where],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(tmp_path / "site/harness/suites/quickstart.yaml")
