from __future__ import annotations

import math

import pandas as pd
import pytest

from harness.analysis import budget
from harness.analysis.frames import complete
from tests import synthetic
from tests.synthetic import Planted

# Error and seconds at 100 and 1,000 images: deep is better from 20 s on, when it can afford 1,000.
PLANTED = {
    "svm": Planted("traditional", lambda n: 0.2 if n < 1000 else 0.1, lambda n: n / 100),
    "net": Planted("deep", lambda n: 0.3 if n < 1000 else 0.05, lambda n: n / 50),
}


def trials(**more: float) -> pd.DataFrame:
    return complete(synthetic.trials(PLANTED, sizes=(100, 1000), noise=0.001, **more))  # type: ignore[arg-type]


def test_each_budget_buys_the_best_pair_that_it_affords() -> None:
    found = budget.compare(trials(), "mnist")
    assert found is not None
    first, last = found.points[0], found.points[-1]
    # From the dearer of the cheapest, net on 100 images, to the dearest, net on 1,000.
    assert (first.budget, last.budget) == pytest.approx((2, 20), rel=0.01)
    assert (first.traditional_chosen, first.deep_chosen) == (("svm (100)",), ("net (100)",))
    assert (last.traditional_chosen, last.deep_chosen) == (("svm (1,000)",), ("net (1,000)",))
    assert (first.traditional.value, first.deep.value) == pytest.approx((0.8, 0.7), abs=0.01)
    assert last.difference.low < 0.05 < last.difference.high
    between = [point for point in found.points if 10.2 < point.budget < 19]
    assert {point.traditional_chosen + point.deep_chosen for point in between} == {("svm (1,000)", "net (100)")}
    assert 18 < found.crossover.n_star.value < 20.1
    assert found.crossover.n_star.low <= found.crossover.n_star.value <= found.crossover.n_star.high
    assert found.crossover.crossings == (found.crossover.n_star.value,)
    assert found.crossover.probability_none < 0.1


def test_a_search_is_paid_for() -> None:
    frame = trials()
    frame["tune_s"] = frame["tune_s"].where(frame["family"] == "deep", 100.0)
    found = budget.compare(frame, "mnist")
    assert found is not None
    assert found.points[0].budget == pytest.approx(101, rel=0.01)
    assert found.points[0].deep_chosen == ("net (1,000)",)
    assert found.crossover.n_star.value == 0


def test_joules_are_compared_where_a_counter_told_them_and_on_any_device() -> None:
    frame = trials()
    assert budget.compare(frame, "mnist", "joules") is None
    counted = frame.assign(fit_energy_j=frame["train_s"] * 10, features_energy_j=math.nan)
    counted.loc[counted["family"] == "deep", "device"] = "gpu"
    found = budget.compare(counted, "mnist", "joules")
    assert found is not None
    assert (found.points[0].budget, found.points[-1].budget) == pytest.approx((20, 200), rel=0.01)
    assert budget.compare(counted, "mnist") is None
    assert [(each.dataset, each.cost) for each in budget.everything(counted)] == [("mnist", "joules")]


def test_one_seed_has_binomial_differences_and_no_bootstrap() -> None:
    found = budget.compare(trials(seeds=1), "mnist")
    assert found is not None
    assert found.points[-1].difference.known
    assert math.isnan(found.points[-1].deep.low)
    assert not found.crossover.n_star.known


def test_tables_say_what_was_bought_and_where_the_families_cross() -> None:
    found = budget.everything(trials())
    table, crossovers = budget.table(found), budget.crossovers(found)
    assert len(table) == budget.GRID
    assert table["best_deep"].iloc[-1] == "net (1,000)"
    assert crossovers[["dataset", "cost"]].values.tolist() == [["mnist", "seconds"]]
    assert budget.table(()).empty
    assert budget.crossovers(()).empty
