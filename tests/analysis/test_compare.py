from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.analysis.compare import CELL, compare_runs
from harness.analysis.paired import holm
from tests import synthetic

TWO = {name: synthetic.LIKE_MNIST[name] for name in ("hog-svm", "cnn")}


@pytest.fixture
def a() -> pd.DataFrame:
    return synthetic.trials(TWO, sizes=(100, 1000), seeds=5).assign(timing_valid=True)


def changed(a: pd.DataFrame, column: str, factor: float, noise: float = 0.01, **where: Any) -> pd.DataFrame:
    """Run B: as A, but one column of some rows changed by a factor with noise."""
    random = np.random.default_rng(1)
    b = a.copy()
    rows = pd.Series(True, index=a.index)
    for name, value in where.items():
        rows &= a[name] == value
    b.loc[rows, column] *= factor * np.exp(noise * random.standard_normal(int(rows.sum())))
    return b


def verdicts(table: pd.DataFrame, metric: str) -> dict[tuple[str, int], str]:
    part = table[table["metric"] == metric]
    return {(row["pipeline"], row["n_train"]): row["verdict"] for row in part.to_dict("records")}


def test_a_run_does_not_differ_from_itself(a: pd.DataFrame) -> None:
    table = compare_runs(a, a).table
    assert set(table["verdict"]) == {"no difference"}
    assert set(table["metric"]) == {"accuracy", "training time", "prediction time", "peak memory"}
    assert len(table) == 16
    assert table["change"].isin((0, 1)).all()


def test_a_slower_cell_is_worse_and_only_that_one(a: pd.DataFrame) -> None:
    b = changed(a, "train_s", 1.3, pipeline="cnn", n_train=1000)
    table = compare_runs(a, b).table
    found = verdicts(table, "training time")
    assert found.pop(("cnn", 1000)) == "worse"
    assert set(found.values()) == {"no difference"}
    row = table[(table["verdict"] == "worse")].iloc[0]
    logs = np.log(b["train_s"] / a["train_s"])[(a["pipeline"] == "cnn") & (a["n_train"] == 1000)]
    expected = stats.ttest_rel(logs, np.zeros(5))
    assert row["change"] == pytest.approx(math.exp(logs.mean()))
    assert row["p"] == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx((math.exp(interval.low), math.exp(interval.high)))
    assert row["pairs"] == 5


def test_faster_smaller_and_more_accurate_are_better(a: pd.DataFrame) -> None:
    b = changed(changed(a, "train_s", 0.5), "peak_bytes", 0.7, 0.001)
    b["accuracy"] = (b["accuracy"] + 0.05 + 0.001 * np.random.default_rng(0).standard_normal(len(b))).clip(upper=1)
    table = compare_runs(a, b).table
    for metric in ("accuracy", "training time", "peak memory"):
        assert set(verdicts(table, metric).values()) == {"better"}


def test_p_values_are_corrected_over_the_cells_of_a_metric(a: pd.DataFrame) -> None:
    table = compare_runs(a, changed(a, "train_s", 1.02, 0.02)).table
    times = table[table["metric"] == "training time"]
    assert times["p_holm"].tolist() == pytest.approx(holm(times["p"].tolist()))
    assert (times["p_holm"] >= times["p"]).all()


def test_seeds_that_agree_by_chance_prove_nothing(a: pd.DataFrame) -> None:
    two = a[a["seed"] < 2]
    b = two.assign(accuracy=two["accuracy"] + 3e-4)
    assert set(verdicts(compare_runs(two, b).table, "accuracy").values()) == {"no difference"}


def test_one_seed_is_judged_by_the_test_images_and_its_times_by_repeats(a: pd.DataFrame) -> None:
    one = a[a["seed"] == 0]
    table = compare_runs(one, one.assign(accuracy=one["accuracy"] - 0.2)).table
    assert set(verdicts(table, "accuracy").values()) == {"worse"}
    assert set(verdicts(table, "training time").values()) == {"incomparable"}
    assert "binomial" in table["paired_by"].iloc[0]
    runs = [
        pd.concat([one.assign(repeat=repeat, train_s=one["train_s"] * factor * (1 + 0.01 * (repeat % 2 + shift)))
                   for repeat in range(4)]) for factor, shift in ((1.0, 0.0), (1.5, 0.3))
    ]  # fmt: skip
    table = compare_runs(*runs).table
    assert set(verdicts(table, "training time").values()) == {"worse"}
    assert set(table.loc[table["metric"] == "training time", "paired_by"]) == {"repeats"}
    assert set(table.loc[table["metric"] == "accuracy", "pairs"]) == {1}


def test_times_of_different_machines_are_incomparable_unless_asked_for(a: pd.DataFrame) -> None:
    b = changed(a, "train_s", 0.5).assign(machine="other")
    found = compare_runs(a, b)
    assert set(verdicts(found.table, "training time").values()) == {"incomparable"}
    assert set(verdicts(found.table, "peak memory").values()) == {"incomparable"}
    assert set(verdicts(found.table, "accuracy").values()) == {"no difference"}
    assert "different machines (A bench; B other)" in found.remarks[0]
    found = compare_runs(a, b, across_machines=True)
    assert set(verdicts(found.table, "training time").values()) == {"better"}
    assert "all the same" in found.remarks[0]


def test_seeds_that_moved_between_machines_are_not_paired(a: pd.DataFrame) -> None:
    first, second = a.copy(), a.copy()
    first.loc[first["seed"] >= 3, "machine"] = "second"
    second.loc[second["seed"] == 4, "machine"] = "second"
    table = compare_runs(first, second).table
    assert set(table.loc[table["metric"] == "training time", "pairs"]) == {4}
    assert set(table.loc[table["metric"] == "accuracy", "pairs"]) == {5}


def test_disturbed_times_are_left_out_or_make_a_cell_incomparable(a: pd.DataFrame) -> None:
    b = a.copy()
    once = (b["pipeline"] == "cnn") & (b["seed"] == 0)
    all_of = (b["pipeline"] == "hog-svm") & (b["n_train"] == 100)
    b.loc[once | all_of, "train_s"] *= 100
    b.loc[once | all_of, "timing_valid"] = False
    table = compare_runs(a, b).table
    found = verdicts(table, "training time")
    assert found[("cnn", 100)] == "no difference"
    assert found[("hog-svm", 100)] == "incomparable"
    assert verdicts(table, "accuracy")[("hog-svm", 100)] == "no difference"
    assert "disturbed" in " ".join(table["why"])


def test_a_machine_that_became_slower_explains_slower_trials(a: pd.DataFrame) -> None:
    a = a.assign(calibration_s=0.006)
    b = changed(a, "train_s", 1.2).assign(calibration_s=0.006 * 1.25)
    found = compare_runs(a, b)
    assert set(verdicts(found.table, "training time").values()) == {"no difference"}
    assert any("1.25 times as long in B" in remark for remark in found.remarks)
    far = compare_runs(a, changed(a, "train_s", 2.0).assign(calibration_s=0.006 * 1.25))
    assert set(verdicts(far.table, "training time").values()) == {"worse"}


def test_fates(a: pd.DataFrame) -> None:
    cnn, svm = a["pipeline"] == "cnn", a["pipeline"] == "hog-svm"
    small, large = a["n_train"] == 100, a["n_train"] == 1000
    before = synthetic.fail(a, cnn & small, "timeout", "over 60 s")
    before = synthetic.fail(before, cnn & large, "failed", "no")
    after = synthetic.fail(a, svm & small & (a["seed"] > 2), "oom", "over 1 GiB")
    after = synthetic.fail(after, cnn & large, "failed", "still no")
    table = compare_runs(before, after).table
    fates = verdicts(table, "fate")
    assert fates == {("cnn", 100): "fixed", ("cnn", 1000): "incomparable", ("hog-svm", 100): "newly failing"}
    why = dict(zip(zip(table["pipeline"], table["n_train"], strict=True), table["why"], strict=True))
    assert why[("cnn", 1000)] == "failed in both: failed: still no"
    assert "timeout: over 60 s" in why[("cnn", 100)]
    reasons = table[table["metric"] == "fate"].set_index(["pipeline", "n_train"])["why"]
    assert reasons[("hog-svm", 100)] == "2 of 5 trials that were completed in A: oom: over 1 GiB"
    assert set(verdicts(table, "accuracy")) == {("hog-svm", 100), ("hog-svm", 1000)}


def test_cells_of_one_run_only_and_skipped_ones_are_incomparable(a: pd.DataFrame) -> None:
    skipped = synthetic.fail(a, a["pipeline"] == "cnn", "skipped", "no GPU here")
    table = compare_runs(a[a["n_train"] == 100], skipped).table
    fates = table[table["metric"] == "fate"].set_index(["pipeline", "n_train"])
    assert fates["why"][("hog-svm", 1000)] == "only in B"
    assert fates["why"][("cnn", 100)] == "not run in B: skipped: no GPU here"
    assert set(fates["verdict"]) == {"incomparable"}


def test_nothing_compares_with_nothing() -> None:
    found = compare_runs(pd.DataFrame(), pd.DataFrame())
    assert list(found.table.columns[: len(CELL)]) == CELL
    assert len(found.table) == 0
    assert found.remarks == ()
