from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.analysis import stages
from harness.analysis.claims import claims
from harness.analysis.frames import complete
from harness.analysis.rules import RULES, Verdict, judge
from harness.analysis.verdicts import Claim, Part
from tests.synthetic import fail
from tests.synthetic_claims import stage_rows


def row_3(trials: pd.DataFrame) -> Claim:
    return claims(trials)[2]


def parts(claim: Claim) -> dict[str, Part]:
    return {part.rule: part for part in claim.parts}


@pytest.mark.parametrize("correct", [False, True])
@pytest.mark.parametrize(
    ("joint", "fall", "verdicts"),
    [
        (0.03, 0.03, ["supported", "supported", "supported"]),
        (-0.03, -0.03, ["refuted", "refuted", "refuted"]),
        (0.03, -0.03, ["supported", "refuted", "mixed"]),
    ],
)
def test_row_3_follows_the_planted_truth(joint: float, fall: float, verdicts: list[Verdict], correct: bool) -> None:
    claim = row_3(stage_rows(1, joint, fall=fall, n_test=4000, correct=correct))
    found = parts(claim)
    assert [found["joint"].verdict, found["stage"].verdict, claim.verdict] == verdicts
    assert found["joint"].effect.value == pytest.approx(joint, abs=0.012)
    assert found["stage"].effect.value == pytest.approx(fall, abs=0.012)
    assert ("crossed" in found["joint"].method) == correct
    assert len(found["joint"].trial_ids) == 20


def test_row_3_is_seldom_decided_where_nothing_is_true() -> None:
    """Four staged ways that are as good as joint training, stages that add nothing: definite verdicts are false."""
    false = {"joint": 0, "stage": 0}
    for seed in range(60):
        trials = complete(stage_rows(seed, 0.0, n_test=400, correct=True, seeds=4))
        gain, ablation = stages.end_to_end(trials)[0], stages.ablations(trials)[0]
        for rule, found in (("joint", gain.effect), ("stage", ablation.effect)):
            false[rule] += judge(RULES[rule], found.interval) != "mixed"
    # At 5% more than 7 of 60 come once in 75 times.
    assert max(false.values()) <= 7


def test_row_3_is_not_measured_without_rows_or_with_one_seed() -> None:
    nothing = row_3(stage_rows(0).iloc[:0])
    assert (nothing.verdict, nothing.parts) == ("not measured", ())
    one = row_3(stage_rows(0, 0.03, seeds=1))
    assert one.verdict == "not measured"
    assert "one seed cannot tell" in one.sentence


def test_the_gain_is_what_other_code_gives() -> None:
    trials = complete(stage_rows(3, 0.01, architectures=("cnn(width=8)", "mlp(width=64)"), n_test=1000))
    (gain,) = stages.end_to_end(trials)
    wanted = []
    for _, network in trials[trials["architecture"] != ""].groupby("architecture"):
        means = network.groupby("scheme")[["accuracy_half_a", "accuracy_half_b"]].mean().drop("joint")
        per_seed = network.set_index(["scheme", "seed"])
        best_a, best_b = means["accuracy_half_a"].idxmax(), means["accuracy_half_b"].idxmax()
        staged = (per_seed.loc[best_a, "accuracy_half_b"] + per_seed.loc[best_b, "accuracy_half_a"]) / 2
        wanted.append(per_seed.loc["joint", "accuracy"] - staged)
    assert gain.effect.interval.value == pytest.approx(np.mean(wanted))
    assert len(gain.contrasts) == 2
    table = stages.schemes(trials)
    assert table["gain"].mean() == pytest.approx(np.mean(wanted))
    assert list(table["architecture"]) == ["cnn(width=8)", "mlp(width=64)"]


def test_the_largest_size_with_all_schemes_decides_and_failures_are_named() -> None:
    trials = stage_rows(0, 0.03, sizes=(100, 300, 1000))
    late = (trials["n_train"] == 1000) & (trials["scheme"] == "stagewise")
    claim = row_3(fail(trials, late, "timeout", "over 60 s"))
    assert "300 images" in parts(claim)["joint"].statement
    assert "1,000 images" in parts(claim)["stage"].statement
    assert any("timeout: cnn/stagewise (mnist, 1,000 images: 5 of 5)" in remark for remark in claim.remarks)
    missing = fail(trials, trials["scheme"] == "stagewise", "oom", "big")
    assert any("no size at which" in remark for remark in row_3(missing).remarks)
    # What was transferred is welcome, not needed.
    assert len(stages.end_to_end(complete(stage_rows(0, 0.03, transferred=False)))) == 1


def test_only_what_was_trained_equally_long_is_compared() -> None:
    trials = stage_rows(0, 0.0)
    longer = trials[trials["scheme"] == "joint"].assign(epochs=50, pipeline="cnn/long", trial_id="long")
    for half in ("accuracy", "accuracy_half_a", "accuracy_half_b"):
        longer[half] = 0.99
    (gain,) = stages.end_to_end(complete(pd.concat([trials, longer], ignore_index=True)))
    assert gain.contrasts[0].epochs == (10,)
    assert abs(gain.effect.interval.value) < 0.03
    unequal = trials.assign(epochs=trials["epochs"].where(trials["scheme"] != "stagewise", 30))
    assert any("not trained equally long" in remark for remark in row_3(unequal).remarks)


def test_untuned_rows_decide_and_tuned_ones_stand_in_the_table() -> None:
    plain, tuned = stage_rows(0, 0.03), stage_rows(1, -0.03).assign(tuning="trials=3")
    tuned["pipeline"] += "/tuned"
    both = pd.concat([plain, tuned], ignore_index=True)
    assert [gain.tuned for gain in stages.end_to_end(complete(both))] == [False]
    assert list(stages.schemes(complete(both))["tuned"]) == ["", "yes"]
    claim = row_3(tuned)
    assert claim.verdict == "refuted"
    assert any("tuned" in remark for remark in claim.remarks)


def test_the_fall_is_the_mean_over_the_stages_and_a_lost_stage_is_told() -> None:
    trials = stage_rows(2, 0.0, fall=0.02, sizes=(100, 1000), n_test=1000)
    (ablation,) = stages.ablations(complete(trials))
    table = stages.falls(complete(trials))
    assert (ablation.n_train, len(ablation.falls)) == (1000, 4)
    assert ablation.effect.interval.value == pytest.approx(table[table["n_train"] == 1000]["fall"].mean())
    slow = (trials["removed"] == "pca") & (trials["n_train"] == 1000)
    # A stage whose removal took too long: the smaller size has them all.
    (smaller,) = stages.ablations(complete(fail(trials, slow, "timeout", "slow")))
    assert (smaller.n_train, smaller.lost) == (100, ())
    everywhere = fail(trials, trials["removed"] == "pca", "timeout", "slow")
    (some,) = stages.ablations(complete(everywhere))
    assert (some.n_train, some.lost, len(some.falls)) == (1000, ("hog-svm without pca",), 3)
    assert any("hog-svm without pca" in remark for remark in row_3(everywhere).remarks)


def test_choices_are_counted_once_for_each_whole_pipeline() -> None:
    trials = stage_rows(0, sizes=(100, 1000))
    table = stages.choices(complete(trials)).set_index("pipeline")["n_choices"]
    assert dict(table) == {"cnn/frozen": 5, "cnn/joint": 5, "cnn/stagewise": 5, "cnn/transferred": 5, "hog-svm": 11}
    assert any("deep 5" in remark and "traditional 11" in remark for remark in row_3(trials).remarks)
