from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.analysis.extrapolation import backtest, curves, predictions, scored
from harness.analysis.frames import complete
from tests import synthetic
from tests.synthetic import Planted, power

SIZES = (100, 200, 500, 1000, 3000, 10_000, 30_000)
TRUTH = power(0.8, -0.4, 0.01)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    planted = {"svm": Planted("traditional", TRUTH), "stuck": Planted("deep", lambda n: 0.2)}
    return complete(synthetic.trials(planted, sizes=SIZES, n_test=100_000))


def test_predictions_hold_the_planted_errors_at_twice_and_ten_times_the_data(frame: pd.DataFrame) -> None:
    table = predictions(frame)
    svm = table[table["label"] == "svm"]
    assert svm["n_train"].tolist() == [60_000, 300_000]
    assert svm["error"].tolist() == pytest.approx([TRUTH(60_000), TRUTH(300_000)], rel=0.06)
    assert ((svm["low"] < [TRUTH(60_000), TRUTH(300_000)]) & (svm["high"] > [TRUTH(60_000), TRUTH(300_000)])).all()
    assert (svm["form"] != "last").all()
    assert svm["parameters"].str.startswith("a = ").all()
    assert (svm["held_out_error"] < svm["held_out_last"]).all()
    assert svm["held_out"].tolist() == ["10,000, 30,000"] * 2
    stuck = table[table["label"] == "stuck"].iloc[1]
    assert (stuck["error"], stuck["last_error"]) == pytest.approx((0.2, 0.2), abs=0.01)


def test_one_seed_gets_no_interval_and_few_sizes_the_last_value(frame: pd.DataFrame) -> None:
    one = predictions(frame[frame["seed"] == 0])
    assert one["low"].isna().all()
    few = predictions(frame[frame["n_train"] <= 500])
    assert set(few["form"]) == {"last"}
    assert predictions(frame[frame["n_train"] == 100]).empty
    assert predictions(complete(pd.DataFrame())).empty


def test_backtest_scores_what_was_measured_later_without_having_seen_it(frame: pd.DataFrame) -> None:
    table = backtest(frame)
    svm = table[table["label"] == "svm"]
    assert svm[["times", "n_train", "fitted_to", "sizes"]].values.tolist() == [
        [2, 3000, 1000, 4],
        [2, 10_000, 3000, 5],
        [2, 30_000, 10_000, 6],
        [10, 10_000, 1000, 4],
        [10, 30_000, 3000, 5],
    ]
    assert (svm["missed_points"] < svm["last_missed_points"]).all()
    assert svm["missed_points"].max() < 1
    last = svm.iloc[-1]
    measured = 1 - frame.loc[(frame["label"] == "svm") & (frame["n_train"] == 30_000), "accuracy"].mean()
    assert last["measured"] == pytest.approx(measured)
    assert last["missed_points"] == pytest.approx(100 * abs(last["predicted"] - measured))
    later = frame["n_train"] == 30_000
    other = backtest(frame.assign(accuracy=frame["accuracy"].where(~later, 0.5)))
    assert other["predicted"].tolist() == table["predicted"].tolist()


def test_scores_are_means_over_the_predictions(frame: pd.DataFrame) -> None:
    table = backtest(frame)
    score = scored(table).set_index(["times", "form"])
    ten = table[table["times"] == 10]
    assert score.loc[(10, "all"), "predictions"] == len(ten)
    assert score.loc[(10, "all"), "missed_points"] == pytest.approx(ten["missed_points"].mean())
    assert score.loc[(2, "last"), "better"] == 0
    assert score.loc[(2, "all"), "inside"] == pytest.approx((table.loc[table["times"] == 2, "inside"] == "yes").mean())
    assert scored(backtest(frame[frame["n_train"] <= 500])).empty


def test_curves_average_devices_and_keep_lost_seeds_apart() -> None:
    trials = synthetic.trials({"svm": Planted("traditional", TRUTH)}, sizes=(100, 300), seeds=2)
    lost = (trials["n_train"] == 300) & (trials["seed"] == 1)
    (curve,) = curves(complete(synthetic.fail(trials, lost, "timeout", "slow")))
    assert curve.errors.shape == (2, 2)
    assert np.isnan(curve.errors).tolist() == [[False, False], [False, True]]
    assert curve.mean[0] == pytest.approx(1 - trials.loc[trials["n_train"] == 100, "accuracy"].mean())
