"""Performance profiles of a few problems that can be checked by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from harness.analysis import profiles
from harness.analysis.frames import complete
from harness.errors import MisuseError
from tests import synthetic

INF = math.inf


def costs(table: dict[str, list[float]]) -> pd.DataFrame:
    """Costs of each solver by problem: inf failed, NaN was not tried."""
    tidy = (
        pd.DataFrame(table).rename_axis("problem").reset_index().melt("problem", var_name="solver", value_name="cost")
    )
    tidy = tidy.dropna()
    failed = np.isinf(tidy["cost"])
    # What a failed one is said to have cost must not matter.
    return tidy.assign(censored=failed, cost=tidy["cost"].where(~failed, 0.001))


def test_ratios_and_steps_by_hand() -> None:
    found = profiles.profile(costs({"a": [1, 10, INF, INF], "b": [2, 5, 7, INF]}))
    assert found.ratios["a"].tolist() == [1, 2, INF, INF]
    assert found.ratios["b"].tolist() == [2, 1, 1, INF]
    assert dict(found.within(1)) == {"a": 0.25, "b": 0.5}
    assert dict(found.within(2)) == {"a": 0.5, "b": 0.75}
    # A problem that nobody solves counts: neither profile reaches 1.
    assert dict(found.within(1e9)) == {"a": 0.5, "b": 0.75}
    factors, shares = found.steps("b")
    assert (factors.tolist(), shares.tolist()) == ([1, 2], [0.5, 0.75])


def test_a_problem_not_given_to_all_is_left_out_and_counted() -> None:
    nan = math.nan
    found = profiles.profile(costs({"a": [1, 2, 3], "b": [2, nan, 3], "seldom": [0.1, nan, nan]}))
    assert found.ratios.columns.tolist() == ["a", "b"]
    assert found.ratios["b"].tolist() == [2, 1]
    assert (found.left_out, found.solvers_left_out) == (1, ("seldom",))


def test_costs_that_cannot_be_compared_are_refused() -> None:
    good = costs({"a": [1.0], "b": [2.0]})
    with pytest.raises(MisuseError, match="several costs"):
        profiles.profile(pd.concat([good, good]))
    for bad in (0.0, math.nan):
        with pytest.raises(MisuseError, match="above 0"):
            profiles.profile(good.assign(cost=bad))


def test_seconds_to_95_percent_of_the_best_accuracy() -> None:
    planted = {
        "quick": synthetic.Planted("traditional", lambda n: 0.08, lambda n: 1.0),
        "slow": synthetic.Planted("deep", lambda n: 0.05, lambda n: 8.0),
        "poor": synthetic.Planted("traditional", lambda n: 0.30, lambda n: 0.1),
    }
    trials = synthetic.trials(planted, sizes=(100, 300), seeds=3, noise=0.0)
    last = (trials["pipeline"] == "slow") & (trials["n_train"] == 300)
    trials = synthetic.fail(trials, last & (trials["seed"] > 0), "timeout", "over its time limit of 9 s")
    trials.loc[last & (trials["seed"] == 0), "timing_valid"] = True
    tidy = profiles.to_target(complete(trials))
    assert len(tidy) == 18
    assert tidy.groupby("solver")["censored"].sum().to_dict() == {"poor": 6, "quick": 0, "slow": 2}
    table = profiles.table(tidy).set_index("solver")
    assert table["problems"].eq(6).all()
    assert table.loc["quick", ["fastest", "solved"]].tolist() == [1, 1]
    assert table.loc["slow", ["fastest", "within_2", "within_10", "solved"]].tolist() == pytest.approx(
        [0, 0, 4 / 6, 4 / 6]
    )
    assert table.loc["poor", "solved"] == 0


def test_a_disturbed_time_is_its_cells_median() -> None:
    trials = synthetic.trials({"a": synthetic.LIKE_MNIST["hog-svm"]}, sizes=(100,), seeds=3, noise=0.0)
    trials["timing_valid"] = [False, True, True]
    trials["train_s"] = [99.0, 1.0, 3.0]
    tidy = profiles.to_target(complete(trials))
    assert tidy["cost"].tolist() == [2, 1, 3]


def test_a_run_without_a_good_trial_has_no_profiles() -> None:
    trials = synthetic.trials({"a": synthetic.LIKE_MNIST["hog-svm"]}, sizes=(100,), seeds=2)
    failed = complete(synthetic.fail(trials, trials["seed"] >= 0, "oom", "out of memory"))
    assert profiles.table(profiles.to_target(failed))["solved"].tolist() == [0]
    assert profiles.table(profiles.to_target(failed.head(0))).empty
