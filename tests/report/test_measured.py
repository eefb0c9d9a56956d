from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.analysis.trust import trust
from harness.report import measured, tables, write_report
from tests import synthetic
from tests.report.test_write import read, run


@pytest.fixture
def trials() -> pd.DataFrame:
    made = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 300), seeds=2)
    deep = made["family"] == "deep"
    made["spawn_s"], made["import_s"] = 0.02, 4.0
    made["step_s"] = np.where(deep, 0.003, np.nan)
    made["latency_p50_s"], made["latency_p99_s"], made["throughput"] = 0.001, 0.004, 12_000.0
    made["model_bytes"], made["children_peak_bytes"] = 3 * 2**20, np.nan
    made["timing_valid"], made["timing_note"] = True, None
    made["calibration_s"] = 0.006
    return made


def test_units_are_those_of_the_headings(trials: pd.DataFrame) -> None:
    serving = measured.serving(trials).iloc[0]
    assert (serving["p50_ms"], serving["p99_ms"]) == pytest.approx((1, 4))
    assert (serving["images_per_s"], serving["model_mib"]) == pytest.approx((12_000, 3))
    assert "p95_ms" not in serving
    cold = measured.cold_warm(trials).set_index("pipeline")
    assert cold.loc["cnn", "spawn_ms"].tolist() == pytest.approx([20, 20])
    assert cold.loc["cnn", "step_ms"].tolist() == pytest.approx([3, 3])
    memory = measured.memory(trials).set_index(["pipeline", "n_train"])
    assert memory.loc[("cnn", 100), "peak_mib"] == pytest.approx(681)
    assert memory.loc[("cnn", 100), "own_mib"] == pytest.approx(281)
    assert "children_mib" not in memory.columns


def test_energy_is_shown_only_where_a_counter_told_it(trials: pd.DataFrame) -> None:
    assert measured.energy(trials).empty
    counted = trials["pipeline"] == "cnn"
    trials.loc[counted, ["fit_energy_j", "energy_source"]] = [5.0, "rapl:package-0"]
    found = measured.energy(trials)
    assert set(found["pipeline"]) == {"cnn"}
    assert set(found["energy_source"]) == {"rapl:package-0"}


def test_means_are_of_undisturbed_trials_and_say_where_there_are_none(trials: pd.DataFrame) -> None:
    cnn, mlp = trials["pipeline"] == "cnn", trials["pipeline"] == "mlp"
    trials.loc[cnn & (trials["seed"] == 0) | mlp, "timing_valid"] = False
    trials.loc[cnn & (trials["seed"] == 0), ["train_s", "latency_p50_s"]] = 1e6
    found = tables.summary(trials).set_index(["pipeline", "n_train"])
    assert found.loc[("cnn", 100), "timed"] == "1 of 2"
    assert found.loc[("cnn", 100), "train_s"] < 100
    assert found.loc[("cnn", 100), "seeds"] == 2
    assert found.loc[("mlp", 100), "timed"] == "0 of 2"
    assert found.loc[("mlp", 100), "train_s"] > 0
    assert measured.serving(trials).groupby("pipeline")["disturbed"].first().to_dict()["mlp"] == "yes"


def test_summary_counts_seeds_not_repeats_and_splits_machines(trials: pd.DataFrame) -> None:
    twice = pd.concat([trials.assign(repeat=0), trials.assign(repeat=1)], ignore_index=True)
    once, again = tables.summary(trials), tables.summary(twice)
    columns = ["planned", "seeds", "accuracy", "accuracy_half_width", "train_s"]
    pd.testing.assert_frame_equal(once[columns], again[columns])
    assert set(again["timed"]) == {"4 of 4"}
    assert "machine" not in once
    other = trials.assign(machine="other", train_s=trials["train_s"] * 10)
    both = tables.summary(pd.concat([trials, other], ignore_index=True))
    assert len(both) == 2 * len(once)
    pair = both[(both["pipeline"] == "cnn") & (both["n_train"] == 100)].set_index("machine")["train_s"]
    assert pair["other"] == pytest.approx(10 * pair["bench"])


def test_the_page_says_whom_to_trust(trials: pd.DataFrame, tmp_path: Path) -> None:
    note = "other processes kept 1.00 cores busy"
    trials.loc[trials["seed"] == 0, ["timing_valid", "timing_note"]] = [False, note]
    other = trials.head(3).assign(machine="other")
    environment = {
        "machine": "bench",
        "cpu": "Model 1",
        "footprint": {"sklearn-cpu": {"import_s": 1.5, "rss_bytes": 130 * 2**20,
                                      "libraries": {"sklearn": {"import_s": 1.2, "added_bytes": 90 * 2**20}}}},
        "machines": {"bench": {"cpu": "Model 1"}, "other": {"cpu": "Model 2"}},
        "doctor": {
            "tracking": {"percent": 0.02, "low": -0.4, "high": 0.5, "fit_s": 1.0},
            "aa_test": {"pairs": 8, "fit": {"resolvable": 0.031}},
        },
    }  # fmt: skip
    both = pd.concat([trials, other], ignore_index=True)
    text = " ".join(read(write_report(run(both, environment=environment), tmp_path)).text.split())
    markdown = " ".join((tmp_path / "report.md").read_text().split())
    for shown in (text, markdown):
        assert "Of 19 completed trials 9 have valid times, 10 were disturbed." in shown
        assert "other processes kept cores busy (10)" in shown
        assert "Times of different machines are not comparable" in shown
        assert "The machines differ in cpu: bench Model 1, other Model 2." in shown
        assert "+0.02%" in shown
        assert "in 8 pairs, this machine could resolve differences of training time from 3.1% on" in shown
        assert "sklearn 90 MiB in 1.2 s" in shown
        assert "Serving" in shown
    assert "Energy Joules above idle" not in text
    assert "## Energy" not in markdown
    assert len(pd.read_csv(tmp_path / "tables" / "machines.csv")) == 2


def test_old_runs_are_said_to_be_unchecked() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100,), seeds=1)
    said = measured.sentences(trust(trials, {}), {})
    assert "None of the 4 completed trials" in said[0]
    assert "was not measured" in said[-1]
    assert set(tables.summary(trials)["timed"]) == {"not checked"}
    assert measured.footprints({}).empty
    assert measured.footprints({"footprint": {"x": 1}}).empty


def test_a_comparison_is_readable() -> None:
    from harness.analysis.compare import compare_runs
    from harness.report.comparison import as_json, as_table

    a = synthetic.trials({"cnn": synthetic.LIKE_MNIST["cnn"]}, sizes=(100,), seeds=3)
    found = compare_runs(a, a.assign(machine="other"))
    text = as_table(found)
    assert "accuracy: 1 no difference" in text
    assert "training time: 1 incomparable" in text
    assert "different machines" in text
    assert "nan" not in text
    assert '"verdict": "incomparable"' in as_json(found)
    assert "NaN" not in as_json(found)
    assert as_table(compare_runs(pd.DataFrame(), pd.DataFrame())).startswith("Neither run")
