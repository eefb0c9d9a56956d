from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from harness.analysis.claims import claims
from harness.report import tables
from tests import synthetic


@pytest.fixture
def trials() -> pd.DataFrame:
    made = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 300), seeds=3, devices=("cpu", "gpu"))
    on_gpu = made["device"] == "gpu"
    made = synthetic.fail(made, on_gpu & (made["family"] == "traditional"), "skipped", "runs on the CPU only", "")
    slow = (made["pipeline"] == "cnn") & (made["n_train"] == 300) & ~on_gpu & (made["seed"] == 0)
    return synthetic.fail(made, slow, "timeout", "over 60 s; raise limits.time")


def test_summary_has_means_of_the_completed_seeds_and_counts_the_planned(trials: pd.DataFrame) -> None:
    table = tables.summary(trials).set_index(["pipeline", "n_train", "device"])
    cell = table.loc[("cnn", 300, "cpu")]
    kept = trials[(trials["pipeline"] == "cnn") & (trials["n_train"] == 300) & (trials["device"] == "cpu")].iloc[1:]
    assert (cell["planned"], cell["seeds"]) == (3, 2)
    assert cell["accuracy"] == pytest.approx(kept["accuracy"].mean())
    # t with one degree of freedom: 12.706.
    assert cell["accuracy_half_width"] == pytest.approx(12.7062 * kept["accuracy"].std() / math.sqrt(2), rel=1e-4)
    assert cell["peak_mib"] == pytest.approx(683)
    assert cell["n_parameters"] == 421_642


def test_summary_keeps_what_never_completed(trials: pd.DataFrame) -> None:
    cell = tables.summary(trials).set_index(["pipeline", "n_train", "device"]).loc[("hog-svm", 100, "gpu")]
    assert cell["seeds"] == 0
    assert np.isnan(cell["accuracy"])


def test_every_trial_is_counted_once(trials: pd.DataFrame) -> None:
    counts = tables.statuses(trials).set_index("pipeline")
    assert counts.loc["all"].sum() == len(trials)
    assert dict(counts.loc["cnn"]) == {"ok": 11, "timeout": 1, "skipped": 0}
    assert counts.loc["hog-svm", "skipped"] == 6


def test_failures_say_why_and_skipped_are_grouped(trials: pd.DataFrame) -> None:
    (failure,) = tables.failures(trials).to_dict("records")
    assert (failure["pipeline"], failure["status"], failure["phase"]) == ("cnn", "timeout", "fit")
    assert failure["message"] == "over 60 s; raise limits.time"
    assert tables.skipped(trials).to_dict("records") == [
        {"reason": "runs on the CPU only", "pipeline": "hog-svm", "device": "gpu", "trials": 6},
        {"reason": "runs on the CPU only", "pipeline": "pixels-rf", "device": "gpu", "trials": 6},
    ]


def test_interrupted_trials_stand_last(trials: pd.DataFrame) -> None:
    waiting = (trials["pipeline"] == "cnn") & (trials["n_train"] == 100)
    listed = tables.failures(synthetic.fail(trials, waiting, "interrupted", "not run yet"))
    assert list(listed["status"]) == ["timeout"] + ["interrupted"] * 6


def test_text_is_aligned_and_in_one_line_a_row(trials: pd.DataFrame) -> None:
    lines = tables.as_text(tables.summary(trials)).splitlines()
    assert lines[0].split()[:3] == ["dataset", "pipeline", "family"]
    assert len({line.rindex("cpu") for line in lines if "cnn" in line and "cpu" in line}) == 1
    assert "421,642" in lines[1]
    assert "nan" not in "".join(lines)
    failures = tables.failures(trials).assign(message="two\nlines")
    assert len(tables.as_text(failures).splitlines()) == 2


def test_text_of_an_empty_table_is_its_head() -> None:
    assert tables.as_text(tables.failures(pd.DataFrame())).startswith("status  dataset")


def test_latex_is_a_booktabs_table_with_everything_escaped(trials: pd.DataFrame) -> None:
    latex = tables.as_latex(tables.failures(trials).assign(message="100% of $x_1$ & \\input{y}"))
    assert r"\toprule" in latex
    assert r"n\_train" in latex
    assert r"100\% of \$x\_1\$ \& \textbackslash input\{y\}" in latex


def test_claims_json_names_the_trials_and_has_null_for_the_unknown(trials: pd.DataFrame) -> None:
    judged = claims(trials[trials["seed"] == 1])
    rows = json.loads(tables.claims_json(judged))
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 5]
    time = rows[0]["parts"][0]
    assert time["effect"] > 0
    assert time["low"] is None
    assert set(time["trial_ids"]) <= set(trials["trial_id"])


def test_claims_table_has_every_row(trials: pd.DataFrame) -> None:
    table = tables.claims(claims(trials))
    assert set(table["row"]) == {1, 2, 3, 4, 5}
    assert (table.loc[table["row"] == 4, "verdict"] == "not measured").all()


def test_tables_do_without_matplotlib() -> None:
    code = "import sys, harness.report.tables; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
