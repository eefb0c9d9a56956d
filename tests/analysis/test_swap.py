from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from harness.analysis import swap
from harness.analysis.claims import claims
from harness.analysis.entries import Entries
from harness.analysis.frames import complete
from harness.analysis.rules import RULES, Verdict, judge
from harness.analysis.verdicts import Claim, Part
from tests.synthetic import fail
from tests.synthetic_claims import swap_rows

PARTS = ("swap", "choice", "no_choice", "transfer")


def row_4(trials: pd.DataFrame) -> Claim:
    return claims(trials)[3]


def parts(claim: Claim) -> dict[str, Part]:
    return {part.rule: part for part in claim.parts}


@pytest.mark.parametrize(
    ("effect", "spread", "verdicts", "verdict"),
    [
        (0.04, 0.06, ["supported"] * 4, "supported"),
        (-0.05, 0.0, ["refuted"] * 4, "refuted"),
        (0.04, 0.0, ["supported", "refuted", "supported", "supported"], "mixed"),
    ],
)
def test_row_4_follows_the_planted_truth(
    effect: float, spread: float, verdicts: list[Verdict], verdict: Verdict
) -> None:
    claim = row_4(swap_rows(1, effect, spread=spread, n_test=20_000))
    found = parts(claim)
    assert [found[name].verdict for name in PARTS] == verdicts
    assert claim.verdict == verdict
    assert not found["transfer"].decides
    assert found["choice"].effect.value == pytest.approx(spread * 4 / 5, abs=0.005)
    assert all(found[name].effect.value == pytest.approx(effect, abs=0.01) for name in ("swap", "no_choice"))


def test_row_4_judges_image_by_image_where_rows_allow_it() -> None:
    claim = row_4(swap_rows(2, 0.05, spread=0.06, n_test=1000, correct=True, seeds=3))
    assert [part.verdict for part in claim.parts] == ["supported"] * 4
    assert all("crossed" in part.method for part in claim.parts)


def test_row_4_is_seldom_decided_at_the_threshold() -> None:
    """All true effects are exactly the thresholds: what is definite is false."""
    false = dict.fromkeys(PARTS, 0)
    for seed in range(50):
        trials = complete(swap_rows(seed, 0.0, n_test=10_000, seed_noise=0.002))
        found = {
            "swap": swap.swapped(trials)[0].effect,
            "choice": swap.choices(trials)[0].effect,
            "no_choice": swap.without_choice(trials)[0].effect,
        }
        for rule, effect in found.items():
            false[rule] += judge(RULES[rule], effect.interval) != "mixed"
    assert max(false.values()) <= 6


def test_choices_that_are_all_alike_are_not_called_a_choice_that_matters() -> None:
    verdicts = []
    for seed in range(20):
        (choice,) = swap.choices(complete(swap_rows(seed, spread=0.0, n_hand=12, n_test=1000, classifiers=("SVC",))))
        verdicts.append(judge(RULES["choice"], choice.effect.interval))
        # The naive best of twelve is always above their mean.
        assert choice.by_classifier[0].spread[4] > choice.effect.two
    assert "supported" not in verdicts


def test_row_4_is_not_measured_without_rows_or_with_one_seed() -> None:
    nothing = row_4(swap_rows(0).iloc[:0])
    assert (nothing.verdict, nothing.parts) == ("not measured", ())
    assert row_4(swap_rows(0, 0.05, seeds=1)).verdict == "not measured"


def test_the_swap_is_what_other_code_gives() -> None:
    trials = complete(swap_rows(4, 0.01, n_test=1000))
    (found,) = swap.swapped(trials)
    wanted = []
    for _, rows in trials[trials["classifier"] != ""].groupby("classifier"):
        best = {}
        for origin, of in rows.groupby("feature_origin"):
            table = of.pivot(index="pipeline", columns="seed", values=["accuracy_half_a", "accuracy_half_b"])
            half_a, half_b = table["accuracy_half_a"], table["accuracy_half_b"]
            best[origin] = (half_b.loc[half_a.mean(axis=1).idxmax()] + half_a.loc[half_b.mean(axis=1).idxmax()]) / 2
        wanted.append(best["learned"] - best["hand"])
    assert found.effect.interval.value == pytest.approx(np.mean(wanted))
    table = swap.swaps(trials)
    mean = table[(table["features"] == "learned") & (table["minus"] == "hand")].set_index("classifier")["difference"]
    assert mean.loc["mean"] == pytest.approx(mean.drop("mean").mean())
    assert set(table["features"] + " " + table["minus"]) == {
        "learned hand", "transferred hand", "learned transferred",
    }  # fmt: skip


def test_the_best_of_k_is_the_mean_over_all_ways_of_drawing_k() -> None:
    half_a, half_b = np.random.default_rng(0).random((2, 6, 3))
    of = Entries(tuple("abcdef"), half_a, half_b, {}, 100.0, ())
    for k in range(1, 7):
        wanted = []
        for drawn in map(list, itertools.combinations(range(6), k)):
            on_a, on_b = (drawn[int(half[drawn].mean(axis=1).argmax())] for half in (half_a, half_b))
            wanted.append((half_b[on_a] + half_a[on_b]) / 2)
        assert swap._best_of(of, k).accuracy == pytest.approx(np.mean(wanted, axis=0))


def test_the_classifier_and_the_size_with_most_choices_tell_what_choosing_is_worth() -> None:
    trials = swap_rows(0, spread=0.05, sizes=(100, 1000))
    slow = (trials["n_train"] == 1000) & trials["pipeline"].isin(["hand0/0", "hand1/1"])
    (choice,) = swap.choices(complete(fail(trials, slow, "timeout", "slow")))
    assert (choice.n_train, choice.tried, len(choice.by_classifier)) == (1000, 5, 1)
    every = (trials["n_train"] == 1000) & trials["pipeline"].str.startswith("hand0")
    (choice,) = swap.choices(complete(fail(trials, every, "timeout", "slow")))
    assert (choice.n_train, choice.tried, len(choice.by_classifier)) == (100, 5, 3)
    table = swap.spread(complete(trials))
    assert (table["tried"] == 5).all()
    assert (table["highest"] - table["least"]).to_numpy() == pytest.approx(0.05, abs=0.02)
    assert choice.by_classifier[0].expected[0].value == pytest.approx(choice.by_classifier[0].effect.two)
    assert choice.by_classifier[0].expected[-1].value == pytest.approx(choice.by_classifier[0].effect.one)
    two = row_4(trials[~trials["pipeline"].str.contains("hand[2-9]")])
    assert "choice" not in parts(two)
    assert any("fewer than 3" in remark for remark in two.remarks)


def test_controls_and_pipelines_without_a_stage_change_no_verdict() -> None:
    trials = swap_rows(0, 0.0)
    worse = trials[trials["feature_origin"] == "hand"].assign(removed="pca", accuracy=0.2)
    worse = worse.assign(accuracy_half_a=0.2, accuracy_half_b=0.2, features=worse["features"] + "x", trial_id="w")
    worse["pipeline"] += "/without-pca"
    plain = row_4(trials[~trials["feature_origin"].isin(["random", "shuffled"])])
    more = row_4(pd.concat([trials, worse], ignore_index=True))
    assert plain.parts == more.parts
    origins = set(swap.matrix(complete(trials))["origin"])
    assert origins == {"hand", "learned", "transferred", "random", "shuffled", "end_to_end"}


def test_failures_are_named_and_do_not_stop_the_others() -> None:
    trials = swap_rows(0, 0.05, spread=0.06)
    claim = row_4(fail(trials, trials["pipeline"] == "hand0/2", "timeout", "slow"))
    assert claim.verdict == "supported"
    assert any("timeout: hand0/2 (mnist, 1,000 images: 5 of 5)" in remark for remark in claim.remarks)


def test_untuned_rows_decide_unless_there_are_only_tuned_ones() -> None:
    plain, tuned = swap_rows(0, 0.05, spread=0.06), swap_rows(1, -0.05, spread=0.0).assign(tuning="trials=3")
    tuned["pipeline"] += "/tuned"
    assert row_4(pd.concat([plain, tuned], ignore_index=True)).verdict == "supported"
    only = row_4(tuned)
    assert parts(only)["swap"].verdict == parts(only)["no_choice"].verdict == "refuted"
    assert any("tuned" in remark for remark in only.remarks)


def test_a_choice_made_on_another_dataset_loses_what_is_lacking_there() -> None:
    one = swap_rows(0, spread=0.05, datasets=("mnist",))
    other = swap_rows(1, spread=0.05, datasets=("cifar10",))
    # On the other dataset another feature is the best one.
    turned = {"hand0": "hand3", "hand3": "hand0"}
    other["pipeline"] = [
        turned.get(name, name) + rest
        for name, rest in zip(other["pipeline"].str[:5], other["pipeline"].str[5:], strict=True)
    ]
    trials = pd.concat([one, other], ignore_index=True)
    table = swap.carried(complete(trials)).set_index("dataset")
    assert table.loc["mnist", "source"] == "cifar10"
    assert sorted(table.loc["mnist", "chosen"].split(" or ")) == ["hand3/0", "hand3/1", "hand3/2"]
    assert table.loc["mnist", "difference"] == pytest.approx(-0.05, abs=0.01)
    assert table.loc["cifar10", "difference"] == pytest.approx(-0.05, abs=0.01)
    assert sum("minus the best chosen here" in remark for remark in row_4(trials).remarks) == 2
    (transfer,) = swap.transferred(complete(one))
    assert transfer.carried == ()
    assert transfer.loss is not None
    assert transfer.loss.effect.interval.value == pytest.approx(0, abs=0.02)
