from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from harness.analysis.claims import claims
from harness.analysis.curves import over_seeds
from harness.analysis.families import compare
from harness.analysis.frames import TIMES, complete, ok
from harness.analysis.hardware import cost_to_target, gpu_speed_up
from harness.analysis.improvement import last_slope
from harness.analysis.timing import comparable, one_per_seed, repeats_of, undisturbed
from tests import synthetic


def repeated(times: int = 3, **changes: Any) -> pd.DataFrame:
    """Each trial measured several times, all but the first up to 2% slower."""
    once = synthetic.trials(synthetic.LIKE_MNIST, **{"sizes": (100, 1000), "seeds": 3} | changes)
    copies = []
    for repeat in range(times):
        copy = once.assign(repeat=repeat, trial_id=once["trial_id"] + f"-{repeat}")
        copy["train_s"] *= 1 + 0.01 * repeat
        copies.append(copy)
    return pd.concat(copies, ignore_index=True)


def test_repeats_are_one_row_with_the_median_time_and_the_same_accuracy() -> None:
    frame = complete(repeated())
    single = one_per_seed(frame)
    once = complete(synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 1000), seeds=3))
    assert len(single) == len(once)
    assert single["accuracy"].tolist() == once["accuracy"].tolist()
    assert single["train_s"].tolist() == pytest.approx((once["train_s"] * 1.01).tolist())


def test_rows_that_were_not_repeated_stay_as_they_are() -> None:
    frame = complete(synthetic.trials(synthetic.LIKE_MNIST, sizes=(100,), seeds=2))
    assert one_per_seed(frame) is frame


def test_no_statistic_takes_repeats_for_seeds() -> None:
    once, thrice = (complete(frame) for frame in (synthetic.trials(synthetic.LIKE_MNIST, seeds=3),
                                                  repeated(3, sizes=(100, 300, 1000, 3000, 10_000))))  # fmt: skip
    pd.testing.assert_frame_equal(over_seeds(once, "accuracy"), over_seeds(thrice, "accuracy"))
    first, second = compare(once, "mnist"), compare(thrice, "mnist")
    assert first is not None
    assert second is not None
    assert [point.difference for point in first.points] == [point.difference for point in second.points]
    assert last_slope(once, "mnist").slope == last_slope(thrice, "mnist").slope  # type: ignore[union-attr]
    costs = cost_to_target(thrice)
    assert costs is not None
    assert costs.seeds == 3
    assert costs.seconds.low == pytest.approx(cost_to_target(once).seconds.low)  # type: ignore[union-attr]


def test_claims_name_every_repeat() -> None:
    trials = repeated(2)
    named = {trial for claim in claims(trials) for trial in claim.trial_ids}
    assert any(trial.endswith("-1") for trial in named)
    assert named <= set(trials["trial_id"])
    assert len(repeats_of(complete(trials))) == len(trials)


def test_disturbed_times_are_left_out_where_the_cell_has_others() -> None:
    frame = complete(synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 300), seeds=3))
    frame["timing_valid"] = True
    some = (frame["pipeline"] == "cnn") & (frame["n_train"] == 100) & (frame["seed"] > 0)
    whole = (frame["pipeline"] == "mlp") & (frame["n_train"] == 300)
    frame.loc[some | whole, "timing_valid"] = False
    masked, marked = undisturbed(frame)
    assert masked.loc[some, list(TIMES)].isna().all(axis=None)
    assert masked.loc[some, "accuracy"].notna().all()
    assert masked.loc[whole, "train_s"].notna().all()
    assert marked.equals(whole)
    times = comparable(frame)
    assert (times.disturbed, times.unchecked) == (2, 0)
    assert len(times.caveats) == 2


def test_unchecked_times_are_used_and_said_to_be_unchecked() -> None:
    frame = complete(synthetic.trials(synthetic.LIKE_MNIST, sizes=(100,), seeds=2))
    times = comparable(frame)
    assert times.rows is frame
    assert times.caveats == ("times of 8 trials were not checked for disturbance",)


def two_machines() -> pd.DataFrame:
    """The second machine is ten times as fast, and has run fewer trials."""
    first = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 1000), seeds=3)
    second = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 1000), seeds=2).assign(machine="fast")
    second["trial_id"] += "-fast"
    second["train_s"] /= 10
    return pd.concat([first, second], ignore_index=True)


def test_times_of_two_machines_are_never_mixed() -> None:
    trials = complete(two_machines())
    times = comparable(trials)
    assert (times.machine, times.elsewhere) == ("bench", 16)
    assert set(ok(times.rows)["machine"]) == {"bench"}
    assert "16 trials of other machines are left out" in times.caveats[0]
    alone = complete(synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 1000), seeds=3))
    both, one = cost_to_target(trials), cost_to_target(alone)
    assert both is not None
    assert one is not None
    assert both.seconds == one.seconds
    assert any("other machines" in caveat for caveat in both.caveats)
    assert any("other machines" in remark for remark in claims(trials)[0].remarks)


def test_accuracies_of_machines_are_not_further_seeds() -> None:
    curve = over_seeds(complete(two_machines()), "accuracy")
    assert set(curve["seeds"]) == {3}
    alone = over_seeds(complete(synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 1000), seeds=3)), "accuracy")
    assert curve["low"].tolist() == pytest.approx(alone["low"].tolist())


def test_a_gpu_is_compared_with_the_cpu_of_its_own_machine() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 1000), seeds=3, devices=("cpu", "gpu"))
    apart = trials.copy()
    apart.loc[apart["device"] == "gpu", "machine"] = "with-gpu"
    assert gpu_speed_up(complete(apart), "deep") is None
    assert "of one machine" in claims(apart)[0].parts[2].detail
    slow = trials[trials["device"] == "cpu"].assign(machine="slow", train_s=1e6)
    found = gpu_speed_up(complete(pd.concat([trials, slow], ignore_index=True)), "deep")
    assert found is not None
    assert found.train.value == pytest.approx(8, rel=0.05)


def test_cost_to_target_uses_undisturbed_seconds_and_every_accuracy() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, seeds=4).assign(timing_valid=True)
    truth = cost_to_target(complete(trials))
    wrong = (trials["seed"] == 0) & (trials["family"] == "deep")
    trials.loc[wrong, "train_s"] *= 50
    trials.loc[wrong, "timing_valid"] = False
    found = cost_to_target(complete(trials))
    assert truth is not None
    assert found is not None
    assert found.seconds.value == pytest.approx(truth.seconds.value, rel=0.05)
    assert found.seconds.known
    assert [entry.target for entry in found.reached] == [entry.target for entry in truth.reached]
    assert "disturbed trials are left out" in " ".join(found.caveats)


def test_seconds_that_nobody_measured_make_no_cost() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, seeds=2)
    trials.loc[trials["family"] == "deep", "train_s"] = math.nan
    assert cost_to_target(complete(trials)) is None
