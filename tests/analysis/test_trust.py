from __future__ import annotations

import pandas as pd
import pytest

from harness.analysis.trust import differences, trust
from tests import synthetic


def test_machines_are_counted_with_what_disturbed_them() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 300), seeds=3)
    trials["timing_valid"], trials["timing_note"] = True, None
    trials["calibration_s"], trials["busy_others"] = 0.006, 0.05
    wrong = trials.index[:2]
    trials.loc[wrong, "timing_valid"] = False
    trials.loc[wrong, "timing_note"] = "other processes kept 1.20 cores busy; machine 2.00 times slower than usual by the calibration kernel"  # fmt: skip  # noqa: E501
    trials.loc[wrong, "busy_others"] = 1.2
    other = trials.iloc[5:8].assign(machine="other", timing_valid=pd.NA, calibration_s=float("nan"))
    found = trust(pd.concat([trials, other], ignore_index=True), {})
    first, second = found.machines
    assert (first.name, first.ok, first.valid, first.disturbed, first.unchecked) == ("bench", 24, 22, 2, 0)
    assert first.calibration == pytest.approx((0.006, 0.006, 0.006))
    assert first.busy == pytest.approx((0.05, 1.2))
    assert (second.name, second.valid, second.unchecked) == ("other", 0, 3)
    assert [count for _, count in found.reasons] == [2, 2]
    assert "other processes kept cores busy" in dict(found.reasons)


def test_what_differs_between_machines_is_named() -> None:
    one = {"machine": "a", "cpu": "X", "versions": {"numpy": "2", "keras": "3"}, "git_commit": "1", "gpu": []}
    two = one | {"machine": "b", "versions": {"numpy": "1", "keras": "3"}, "git_commit": "2", "cores": 4}
    assert differences({"a": one, "b": two}) == (
        ("versions: numpy", (("a", "2"), ("b", "1"))),
        ("cores", (("a", "none"), ("b", "4"))),
    )
    assert differences({"a": one}) == ()


def test_a_run_without_trials_has_no_machine() -> None:
    assert trust(pd.DataFrame(), {}).machines == ()
