from __future__ import annotations

import math

import pandas as pd
import pytest

from harness.analysis.frames import complete
from harness.analysis.targets import NEVER, smallest_machine, time_to_accuracy
from harness.report.figures import targets
from tests import synthetic
from tests.synthetic import Planted

# Traditional reaches 90% at 1,000 images in 3 s and no more; deep 90% and 97%, small or quick.
PLANTED = {
    "svm": Planted("traditional", lambda n: 0.4 if n < 1000 else 0.08, lambda n: 3.0 * n / 1000, lambda n: 300.0),
    "quick": Planted("deep", lambda n: 0.4 if n < 1000 else 0.025, lambda n: 12.0 * n / 1000, lambda n: 900.0),
    "small": Planted("deep", lambda n: 0.025, lambda n: 500.0, lambda n: 200.0),
}


def planted(**changes: object) -> pd.DataFrame:
    return synthetic.trials(PLANTED, **{"sizes": (100, 1000, 10_000), "seeds": 3} | changes).assign(threads=2)  # type: ignore[arg-type]


def by_family(table: pd.DataFrame, target: float) -> pd.DataFrame:
    return table[table["target"] == target].set_index("family")


def test_each_family_has_its_cheapest_way_to_each_target_that_any_reaches() -> None:
    table = time_to_accuracy(complete(planted()))
    assert sorted(set(table["target"])) == [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97]
    rows = by_family(table, 0.9)
    assert rows["outcome"].tolist() == ["reached", "reached"]
    assert rows["pipeline"].tolist() == ["svm", "quick"]
    assert rows["n_train"].tolist() == [1000, 1000]
    assert rows["train_s"].tolist() == pytest.approx([3, 12], rel=0.05)
    assert rows["peak_mib"].tolist() == [300, 900]
    assert (rows["low"] < rows["train_s"]).all()
    assert (rows["train_s"] < rows["high"]).all()


def test_a_target_that_a_family_misses_is_told_and_never_dropped() -> None:
    late = by_family(time_to_accuracy(complete(planted())), 0.97).loc["traditional"]
    assert late["outcome"] == NEVER
    assert math.isnan(late["train_s"])
    trials = planted()
    largest = (trials["pipeline"] == "svm") & (trials["n_train"] == 10_000)
    stopped = synthetic.fail(trials, largest, "timeout", "over its time limit of 60 s").assign(total_s=61.0, load_s=1.0)
    late = by_family(time_to_accuracy(complete(stopped)), 0.97).loc["traditional"]
    assert (late["outcome"], late["above_s"], late["unfinished"]) == ("above 60 s", 60, "3 timeout")
    short = synthetic.fail(trials, largest, "oom", "over 8 GiB")
    late = by_family(time_to_accuracy(complete(short)), 0.97).loc["traditional"]
    assert (late["outcome"], late["unfinished"]) == (NEVER, "3 oom")


def test_a_trial_stopped_while_it_predicted_had_trained_in_less() -> None:
    trials = planted()
    largest = (trials["pipeline"] == "svm") & (trials["n_train"] == 10_000)
    late = synthetic.fail(trials, largest, "timeout", "over its time limit of 60 s", phase="predict")
    late = late.assign(total_s=61.0, train_s=late["train_s"].where(~largest, 20.0))
    assert by_family(time_to_accuracy(complete(late)), 0.97).loc["traditional", "outcome"] == "above 20 s"


def test_a_family_of_which_nothing_completed_has_rows() -> None:
    trials = planted()
    lost = synthetic.fail(trials, trials["family"] == "traditional", "oom", "over 8 GiB")
    rows = by_family(time_to_accuracy(complete(lost)), 0.9)
    assert rows.loc["traditional", ["outcome", "unfinished"]].tolist() == [NEVER, "9 oom"]
    assert time_to_accuracy(complete(synthetic.fail(trials, trials["seed"] >= 0, "oom", "over 8 GiB"))).empty


def test_a_target_that_only_some_draws_reach_has_no_upper_end() -> None:
    trials = planted(noise=0.0)
    trials = trials[trials["pipeline"] == "svm"]
    trials["accuracy"] = trials["seed"].map({0: 0.93, 1: 0.93, 2: 0.845})
    row = by_family(time_to_accuracy(complete(trials)), 0.9).iloc[0]
    assert row["outcome"] == "reached"
    assert math.isinf(row["high"])


def test_the_smallest_machine_has_the_least_memory_and_a_gpu_only_where_no_cpu_trial_reaches() -> None:
    trials = planted(devices=("cpu", "gpu"))
    rows = by_family(smallest_machine(complete(trials)), 0.97)
    assert rows.loc["deep", ["gpu_needed", "pipeline", "n_train", "peak_mib"]].tolist() == [
        "no", "small (cpu)", 100, 200,
    ]  # fmt: skip
    assert rows.loc["deep", ["train_s", "threads"]].tolist() == pytest.approx([500, 2], rel=0.05)
    assert rows.loc["traditional", ["outcome", "gpu_needed"]].tolist() == [NEVER, ""]
    slow = (trials["device"] == "cpu") & (trials["family"] == "deep")
    rows = by_family(smallest_machine(complete(synthetic.fail(trials, slow, "timeout", "over 60 s"))), 0.97)
    assert rows.loc["deep", ["gpu_needed", "pipeline"]].tolist() == ["yes", "small"]
    assert rows.loc["deep", "unfinished"] == "18 timeout"


def test_the_figure_marks_what_was_missed() -> None:
    facts = targets.facts(complete(planted(datasets=("a", "b"))))
    assert [panel.dataset for panel in facts.panels] == ["a", "b"]
    (panel, _) = facts.panels
    assert {line.family: line.x[-1] for line in panel.lines} == {"traditional": 0.9, "deep": 0.97}
    assert [(miss.family, miss.target) for miss in panel.missed] == [("traditional", 0.95), ("traditional", 0.97)]
    assert "arrow" in targets.caption(facts)
    left, _ = targets.draw(facts).axes
    assert sum(line.get_marker() == ">" for line in left.lines) == 2
    assert targets.facts(complete(pd.DataFrame())).panels == ()
