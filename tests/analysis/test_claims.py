"""Truths planted in synthetic runs must come out as verdicts, the unwelcome ones too."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from harness.analysis.claims import claims
from harness.analysis.intervals import Interval
from harness.analysis.rules import Verdict, above, at_least, together
from harness.analysis.verdicts import Claim
from tests import synthetic
from tests.synthetic import LIKE_MNIST, Planted, linear, power


def row(number: int, trials: pd.DataFrame) -> Claim:
    return claims(trials)[number - 1]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(1.1, 3, "supported"), (0.2, 0.9, "refuted"), (0.9, 1.1, "mixed"), (math.nan, math.nan, "not measured")],
)
def test_above(low: float, high: float, verdict: Verdict) -> None:
    assert above(Interval(1.0, low, high), 1) == verdict


def test_at_least_counts_a_tie() -> None:
    tie = Interval(0.0, 0.0, 0.0)
    assert at_least(tie, 0) == "supported"
    assert above(tie, 0) == "mixed"


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        (["supported", "supported"], "supported"),
        (["refuted", "refuted"], "refuted"),
        (["supported", "refuted"], "mixed"),
        (["supported", "mixed"], "mixed"),
        (["supported", "not measured"], "not measured"),
        ([], "not measured"),
    ],
)
def test_together(parts: list[Verdict], verdict: Verdict) -> None:
    assert together(parts) == verdict


def with_deep(seconds: float, mib: float) -> dict[str, Planted]:
    error = power(1, -0.3)
    return {
        "svm": Planted("traditional", error, lambda n: 2.0 + n / 1000, lambda n: 400.0),
        "net": Planted("deep", error, lambda n: (2.0 + n / 1000) * seconds, lambda n: 400.0 * mib),
    }


@pytest.mark.parametrize(
    ("seconds", "mib", "verdict"),
    [(10, 3, "supported"), (0.1, 0.5, "refuted"), (10, 0.5, "mixed"), (0.1, 3, "mixed")],
)
def test_row_1_follows_the_planted_costs(seconds: float, mib: float, verdict: Verdict) -> None:
    claim = row(1, synthetic.trials(with_deep(seconds, mib), n_test=40_000))
    assert claim.verdict == verdict
    assert [part.verdict for part in claim.parts][2] == "not measured"


def test_row_1_is_mixed_where_costs_are_alike() -> None:
    trials = synthetic.trials(with_deep(1, 1), noise=0.3)
    assert row(1, trials).verdict == "mixed"


def test_row_1_tells_what_the_gpu_changes_and_is_not_decided_by_it() -> None:
    trials = synthetic.trials(with_deep(10, 3), devices=("cpu", "gpu"), n_test=40_000)
    gpu = row(1, trials).parts[2]
    assert gpu.verdict == "supported"
    assert gpu.effect.value == pytest.approx(8, rel=0.1)
    assert not gpu.decides


def test_row_1_is_not_measured_with_one_seed_and_says_so() -> None:
    claim = row(1, synthetic.trials(with_deep(10, 3), seeds=1))
    assert claim.verdict == "not measured"
    assert "one seed" in claim.sentence


def test_row_2_cannot_tell_from_two_noisy_seeds_whether_a_curve_has_flattened() -> None:
    steep = {"svm": Planted("traditional", power(1, -0.3)), "net": Planted("deep", power(4, -0.5))}
    part = row(2, synthetic.trials(steep, seeds=2, noise=0.3, n_test=500)).parts[1]
    assert part.effect.low < -0.05 < part.effect.high
    assert part.verdict == "mixed"
    assert "cannot tell" in part.detail


@pytest.mark.parametrize(
    ("deep", "traditional", "verdict"), [(12, 3, "supported"), (3, 12, "refuted"), (8, 8, "mixed")]
)
def test_row_1_compares_what_the_gpu_gains_beside_the_row(deep: float, traditional: float, verdict: Verdict) -> None:
    trials = synthetic.trials(with_deep(10, 3), devices=("cpu", "gpu"), n_test=40_000, seeds=3)
    faster = trials["family"].map({"deep": deep, "traditional": traditional}) / 8
    trials["train_s"] /= faster.where(trials["device"] == "gpu", 1)
    gain = row(1, trials).parts[3]
    assert (gain.rule, gain.verdict, gain.decides) == ("gpu_gain", verdict, False)


@pytest.mark.parametrize(
    ("factor", "verdict"), [(30, "supported"), (0.1, "refuted"), (1, "mixed"), (0, "not measured")]
)
def test_row_1_compares_energy_where_a_counter_told_it(factor: float, verdict: Verdict) -> None:
    trials = synthetic.trials(with_deep(1, 3), n_test=40_000, seeds=3, sizes=(100, 1000))
    joules = 10 * trials["train_s"] * trials["family"].map({"traditional": 1, "deep": factor})
    energy = row(1, trials.assign(fit_energy_j=joules if factor else math.nan, energy_source="rapl")).parts[4]
    assert (energy.rule, energy.verdict, energy.decides) == ("energy", verdict, False)


def test_row_1_tells_an_accuracy_that_one_family_did_not_reach() -> None:
    planted = {"svm": Planted("traditional", lambda n: 0.08), "net": Planted("deep", lambda n: 0.015)}
    claim = row(1, synthetic.trials(planted, datasets=("a", "b"), seeds=2, sizes=(100, 300)))
    missed = [remark for remark in claim.remarks if "not reached within what was run" in remark]
    assert [remark.partition(":")[0] for remark in missed] == ["a, accuracy 0.98", "b, accuracy 0.98"]
    assert "(a and b)" in claim.sentence


PLATEAU = Planted("traditional", lambda n: 0.2 if n < 1000 else 0.06)
TEACHES_ROW_2 = {"svm": PLATEAU, "net": Planted("deep", power(4, -0.5))}
CONTRADICTS_ROW_2 = {"svm": Planted("traditional", power(6, -0.5)), "net": Planted("deep", lambda n: 0.1)}
UNDECIDABLE = {"svm": Planted("traditional", power(1, -0.3)), "net": Planted("deep", power(1, -0.3))}


def test_row_2_is_supported_where_it_is_true() -> None:
    claim = row(2, synthetic.trials(TEACHES_ROW_2, noise=0.005, n_test=40_000, seeds=8))
    assert [part.verdict for part in claim.parts] == ["supported"] * 3
    assert claim.verdict == "supported"
    assert "has stopped improving" in claim.sentence


def test_row_2_is_refuted_where_it_is_false() -> None:
    claim = row(2, synthetic.trials(CONTRADICTS_ROW_2))
    assert [part.verdict for part in claim.parts] == ["refuted"] * 3
    assert claim.verdict == "refuted"
    assert "keeps improving" in claim.sentence


def test_row_2_is_mixed_where_the_families_are_alike() -> None:
    claim = row(2, synthetic.trials(UNDECIDABLE, seeds=3))
    assert [claim.parts[index].verdict for index in (0, 2)] == ["mixed", "mixed"]
    assert claim.verdict == "mixed"


def test_row_2_is_mixed_where_datasets_disagree() -> None:
    one = synthetic.trials(TEACHES_ROW_2, datasets=("digits",), n_test=40_000)
    other = synthetic.trials(CONTRADICTS_ROW_2, datasets=("mnist",))
    claim = row(2, pd.concat([one, other]))
    assert claim.verdict == "mixed"
    assert {part.statement.partition(":")[0] for part in claim.parts} == {"digits", "mnist"}


def test_row_2_with_one_seed_uses_the_test_images_and_says_so() -> None:
    claim = row(2, synthetic.trials(LIKE_MNIST, seeds=1))
    assert claim.verdict != "not measured"
    assert all("binomial" in part.method and "one seed" in part.method for part in claim.parts)


@pytest.mark.parametrize(("exponent", "verdict"), [(-0.3, "supported"), (0.2, "refuted"), (0.0, "mixed")])
def test_row_2_judges_what_weights_bring_where_there_is_a_deep_series(exponent: float, verdict: Verdict) -> None:
    widths = {4: 1_000, 8: 4_000, 16: 16_000}
    deep = synthetic.grown(
        "cnn", "deep", lambda count: 0.02 * (count / 64_000) ** exponent, parameters=widths, sizes=(100, 10_000)
    )
    forest = synthetic.grown("rf", "traditional", lambda count: 0.3, parameters=widths, sizes=(100,))
    claim = row(2, pd.concat([synthetic.trials(LIKE_MNIST, sizes=(100, 1000, 10_000)), deep, forest]))
    (weights,) = [part for part in claim.parts if part.rule == "weights"]
    assert weights.verdict == verdict
    assert "cnn/width at 10,000 images" in weights.statement
    assert weights.effect.value == pytest.approx(-exponent, abs=0.05)
    assert any("rf/width at 100 images" in remark for remark in claim.remarks)
    assert claim.sentence.count("twice the weights") == 1


@pytest.mark.parametrize("keep", ["one family", "one size", "nothing completed", "no halves", "empty"])
def test_rows_1_and_2_are_not_measured_where_something_is_missing(keep: str) -> None:
    trials = synthetic.trials(LIKE_MNIST, seeds=2)
    made = {
        "one family": trials[trials["family"] == "deep"],
        "one size": trials[trials["n_train"] == 100],
        "nothing completed": synthetic.fail(trials, trials["seed"] >= 0, "crashed", "signal 9"),
        "no halves": trials.drop(columns=["accuracy_half_a", "accuracy_half_b"]),
        "empty": pd.DataFrame(),
    }[keep]
    assert row(2, made).verdict == "not measured"
    if keep != "one size":
        assert row(1, made).verdict == "not measured"


def test_rows_3_to_5_say_why_they_are_not_measured() -> None:
    for claim in claims(synthetic.trials(LIKE_MNIST))[2:]:
        assert claim.verdict == "not measured"
        assert claim.sentence.startswith("Not measured: ")


def test_the_trials_behind_a_row_are_named_once() -> None:
    trials = synthetic.trials(LIKE_MNIST)
    claim = row(2, trials)
    assert len(claim.trial_ids) == len(set(claim.trial_ids))
    assert set(claim.trial_ids) <= set(trials["trial_id"])
    assert {100, 10_000} <= set(trials[trials["trial_id"].isin(claim.trial_ids)]["n_train"])


def test_a_slow_but_better_network_that_runs_out_of_time_is_not_replaced_by_a_worse_one() -> None:
    planted = {
        "svm": Planted("traditional", power(1, -0.3), linear(0, 1e-3)),
        "good": Planted("deep", power(4, -0.6), linear(5, 1e-2)),
        "poor": Planted("deep", power(2, -0.3), linear(5, 1e-3)),
    }
    trials = synthetic.trials(planted)
    late = (trials["pipeline"] == "good") & (trials["n_train"] == 10_000) & (trials["seed"] > 2)
    massive = row(2, synthetic.fail(trials, late, "timeout", "over 60 s")).parts[2]
    assert massive.verdict == "supported"
    assert massive.effect.value == pytest.approx(0.063 - 0.016, abs=0.01)
