"""The figure and the table of tuning."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.report import measured
from harness.report.figures import tuning
from tests import synthetic

PLANTED = {"svm": synthetic.Planted("traditional", lambda n: 0.1), "cnn": synthetic.Planted("deep", lambda n: 0.2)}


@pytest.fixture
def run() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Each pipeline as it is and tuned, a tenth of its error less; three settings tried, each better."""
    own = synthetic.trials(PLANTED, sizes=(100, 300), seeds=3, noise=0.0)
    searched = own.assign(
        pipeline=own["pipeline"] + "/tuned", trial_id=own["trial_id"] + "t", accuracy=own["accuracy"] + 0.01,
        tuning="trials=3, holdout=0.2", tuning_candidates=3, tuning_score=0.95, tune_s=7.0,
    )  # fmt: skip
    trials = pd.concat([own.assign(tuning=None), searched], ignore_index=True)
    lines = [
        {
            "trial_id": row.trial_id, "dataset": row.dataset, "pipeline": row.pipeline, "n_train": row.n_train,
            "seed": row.seed, "candidate": number, "score": score, "best": best, "seconds": 2.0 * (number + 1),
        }
        for row in searched.itertuples()
        for number, (score, best) in enumerate([(0.9, 0.9), (0.8, 0.9), (0.95, 0.95)])
    ]  # fmt: skip
    return trials, pd.DataFrame(lines)


def test_the_curve_is_the_best_so_far_at_the_largest_size(run: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    facts = tuning.facts(*run)
    (panel,) = facts.panels
    assert panel.n_train == 300
    assert {line.label for line in panel.by_candidate} == {"svm/tuned", "cnn/tuned"}
    assert panel.by_candidate[0].x == (1, 2, 3)
    assert panel.by_candidate[0].y == pytest.approx((0.9, 0.9, 0.95))
    assert panel.by_second[0].x == pytest.approx((2, 4, 6))
    left, right = tuning.draw(facts).axes
    assert (left.get_xlabel(), len(left.lines)) == ("settings tried", 2)
    assert right.get_xlabel().startswith("seconds of tuning")
    assert "300 images" in tuning.caption(facts)


def test_a_search_that_ended_early_ends_the_mean(run: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    trials, lines = run
    first = lines["trial_id"] == lines["trial_id"].iloc[-1]
    facts = tuning.facts(trials, lines[~(first & (lines["candidate"] == 2))])
    assert {line.label: len(line.x) for line in facts.panels[0].by_candidate} == {"svm/tuned": 3, "cnn/tuned": 2}


def test_without_tuning_there_is_nothing(run: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    trials, lines = run
    own = trials[trials["tuning"].isna()]
    assert tuning.facts(own, lines.head(0)).panels == ()
    assert "no pipeline was tuned" in tuning.caption(tuning.facts(own, lines.head(0)))
    assert measured.tuned(own).empty


def test_default_and_tuned_stand_side_by_side(run: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    found = measured.tuned(run[0]).set_index(["pipeline", "n_train"])
    assert len(found) == 4
    row = found.loc[("svm", 300)]
    assert row["gain"] == pytest.approx(0.01)
    assert row["tuned"] - row["default"] == pytest.approx(0.01)
    assert (row["tried"], row["tune_s"], row["seeds"]) == (3, 7.0, 3)
    assert row["validation"] == pytest.approx(0.95)


def test_only_seeds_that_have_both_are_compared(run: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    trials, _ = run
    trials.loc[(trials["pipeline"] == "cnn") & (trials["seed"] == 0), "status"] = "failed"
    found = measured.tuned(trials).set_index(["pipeline", "n_train"])
    assert found.loc[("cnn", 300), "seeds"] == 2
    assert found.loc[("cnn", 300), "gain"] == pytest.approx(0.01)
    trials.loc[trials["pipeline"] == "cnn", "status"] = "failed"
    assert np.isnan(measured.tuned(trials).set_index(["pipeline", "n_train"]).loc[("cnn", 300), "gain"])
