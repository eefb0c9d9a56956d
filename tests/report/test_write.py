from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from harness.report import write_report
from harness.report.page import effect, environment_rows, escape_markdown
from harness.report.text import number
from tests import synthetic


class Run(NamedTuple):
    """What the report reads of harness.results.Results."""

    trials: pd.DataFrame
    epochs: pd.DataFrame
    tuning: pd.DataFrame
    environment: dict[str, Any]
    name: str
    explanations: pd.DataFrame = pd.DataFrame()


def run(trials: pd.DataFrame, **changes: Any) -> Run:
    environment = {"cpu": "Model 1", "ram_bytes": 8 * 2**30, "gpu": [], "versions": {"numpy": "2.4.6"}}
    return Run(
        trials,
        synthetic.epochs(trials) if "train_s" in trials else pd.DataFrame(),
        pd.DataFrame(),
        environment,
        "run-1",
    )._replace(**changes)


@pytest.fixture(scope="module")
def small() -> pd.DataFrame:
    return synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 1000, 10_000), seeds=2)


class Outline(HTMLParser):
    """Tags, the addresses they load, and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Outline:
    return Outline(path.read_text(encoding="utf-8"))


def test_a_report_has_all_its_parts(small: pd.DataFrame, tmp_path: Path) -> None:
    index = write_report(run(small), tmp_path / "new" / "report")
    out = tmp_path / "new" / "report"
    assert index == out / "index.html"
    drawn = {"accuracy", "cost", "crossover", "pareto", "targets", "learning-curves", "budget", "ranks", "profiles"}
    kinds = {f"{name}.{kind}" for name in drawn for kind in ("png", "svg")}
    assert {path.name for path in (out / "figures").iterdir()} == kinds
    assert len(json.loads((out / "claims.json").read_text())) == 5
    summary = pd.read_csv(out / "tables" / "summary.csv")
    assert len(summary) == 12
    markdown = (out / "report.md").read_text()
    assert set(re.findall(r"\(figures/([\w-]+)\.png\)", markdown)) == drawn
    outline = read(index)
    assert outline.tags.count("img") == len(drawn)
    assert "not measured" in outline.text
    assert "8.0 GiB" in outline.text


def test_the_page_stands_alone_and_runs_nothing(small: pd.DataFrame, tmp_path: Path) -> None:
    page = write_report(run(small), tmp_path).read_text(encoding="utf-8")
    outline = Outline(page)
    assert not {"script", "link", "iframe", "object"} & set(outline.tags)
    assert outline.loads
    assert all(load.startswith("data:image/svg+xml;base64,") for load in outline.loads)
    assert "@import" not in page
    assert "url(" not in page


def test_two_writes_are_the_same_byte_for_byte(small: pd.DataFrame, tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        write_report(run(small), tmp_path / name)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        contents.append({str(path.relative_to(tmp_path / name)): path.read_bytes() for path in files})
    assert contents[0] == contents[1]
    assert not [name for name in contents[0] if name.startswith(".")]


NASTY = "<script>alert(1)</script>|`*_$\\x^2$"


def test_whatever_a_suite_says_is_shown_and_not_run(tmp_path: Path) -> None:
    planted = {NASTY: synthetic.LIKE_MNIST["hog-svm"], f"{NASTY}/a": synthetic.LIKE_MNIST["cnn"]}
    trials = synthetic.trials(planted, sizes=(100, 1000), seeds=2, datasets=(NASTY,))
    trials["suite"] = NASTY
    lost = (trials["n_train"] == 1000) & (trials["seed"] == 1) & (trials["family"] == "deep")
    trials = synthetic.fail(trials, lost, "failed", f"{NASTY}\nsecond line")
    index = write_report(run(trials, name=NASTY, environment={NASTY: NASTY, "list": [NASTY]}), tmp_path)
    outline = read(index)
    assert "script" not in outline.tags
    assert NASTY in outline.text
    for svg in (tmp_path / "figures").glob("*.svg"):
        assert "<script" not in svg.read_text(encoding="utf-8")
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "<script" not in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("| failed")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [11]


def degenerate(name: str) -> pd.DataFrame:
    trials = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 1000), seeds=2)
    measured = ["accuracy", "accuracy_half_a", "accuracy_half_b", "train_s", "predict_s", "peak_bytes", "n_test"]
    return {
        "no trials": pd.DataFrame(),
        "nothing completed": synthetic.fail(trials, trials["seed"] >= 0, "crashed", "signal 9"),
        "all skipped": synthetic.fail(trials, trials["seed"] >= 0, "skipped", "no GPU"),
        "one trial": trials.head(1),
        "one family": trials[trials["family"] == "traditional"],
        "nothing measured": trials.drop(columns=measured),
        "accuracy only": trials.drop(columns=measured[1:]),
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "no trials",
        "nothing completed",
        "all skipped",
        "one trial",
        "one family",
        "nothing measured",
        "accuracy only",
    ],
)
def test_poor_runs_have_a_report_too(name: str, tmp_path: Path) -> None:
    trials = degenerate(name)
    index = write_report(run(trials, epochs=pd.DataFrame(), environment={}), tmp_path)
    outline = read(index)
    assert "nan" not in outline.text
    assert "inf" not in re.findall(r"\w+", outline.text)
    assert all(claim["verdict"] == "not measured" for claim in json.loads((tmp_path / "claims.json").read_text()))


def test_reasons_of_failures_and_skips_are_on_the_page(small: pd.DataFrame, tmp_path: Path) -> None:
    trials = synthetic.fail(small, small["pipeline"] == "mlp", "skipped", "no GPU here")
    trials = synthetic.fail(trials, trials["pipeline"] == "pixels-rf", "oom", "over 8 GiB; raise limits.memory")
    text = read(write_report(run(trials), tmp_path)).text
    assert text.count("over 8 GiB; raise limits.memory") == 6
    assert text.count("no GPU here") == 1
    assert "0 of 2" in text


def test_a_long_list_of_failures_is_cut_on_the_page_and_whole_in_the_table(tmp_path: Path) -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, sizes=range(100, 152), seeds=1)
    trials = synthetic.fail(trials, trials["n_train"] > 100, "failed", "why not")
    assert read(write_report(run(trials), tmp_path)).text.count("why not") == 200
    assert "4 more are in tables/failures.csv" in read(tmp_path / "index.html").text.replace("\n", " ")
    assert len(pd.read_csv(tmp_path / "tables" / "failures.csv")) == 204


def test_a_figure_that_can_no_longer_be_drawn_is_removed(small: pd.DataFrame, tmp_path: Path) -> None:
    write_report(run(small), tmp_path)
    write_report(run(small[small["family"] == "deep"]), tmp_path)
    assert not (tmp_path / "figures" / "crossover.png").exists()
    assert (tmp_path / "figures" / "accuracy.png").exists()


def test_the_report_of_a_report_is_the_same_from_csv(small: pd.DataFrame, tmp_path: Path) -> None:
    small.to_csv(tmp_path / "trials.csv", index=False)
    again = pd.read_csv(tmp_path / "trials.csv", dtype={"trial_id": str})
    first = write_report(run(small, epochs=pd.DataFrame()), tmp_path / "a").read_bytes()
    assert write_report(run(again, epochs=pd.DataFrame()), tmp_path / "b").read_bytes() == first


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.08991, "0.0899"), (12.04, "12.0"), (1234.5, "1,234"), (0, "0"), (float("nan"), ""), (-0.5, "\u22120.500")],
)
def test_number(value: float, text: str) -> None:
    assert number(value) == text


def test_effects_are_in_the_units_people_read() -> None:
    from harness.analysis.intervals import Interval
    from harness.analysis.verdicts import Part

    def shown(unit: Any, *interval: float) -> str:
        return effect(Part("time", "", "", "mixed", Interval(*interval), unit, 1, "", ""))

    assert shown("times", 10.98, 10.78, 11.2) == "11.0 times (95% 10.8 to 11.2)"
    assert shown("points", 0.153, 0.148, 0.158) == "+15.30 percentage points (95% +14.80 to +15.80)"
    assert shown("slope", -0.2, float("nan"), float("nan")) == "\u22120.200 (no interval)"


def test_environment_is_flat_and_in_units() -> None:
    rows = environment_rows(
        {"ram_bytes": 2**30, "gpu": [], "driver": None, "versions": {"keras": "3"}, "blas": [{"a": 1}]}
    )
    assert rows == (
        ("ram", "1.0 GiB"),
        ("gpu", "none"),
        ("driver", "none"),
        ("versions: keras", "3"),
        ("blas", '{"a": 1}'),
    )


def test_escape_markdown_keeps_a_cell_a_cell() -> None:
    assert escape_markdown("a|b\n<i> *x*") == "a\\|b &lt;i&gt; \\*x\\*"
