"""Truths planted in explained trials must come out as verdicts of row 5."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from harness.analysis.claim_explanation import explainable
from harness.analysis.explanation import CONTAINED, difference, differences, explained
from harness.analysis.frames import complete
from harness.analysis.rules import Verdict
from harness.analysis.verdicts import Claim
from harness.registry import BUILT_IN
from harness.report.explained import contrasts, representations
from tests.synthetic import LIKE_MNIST, trials
from tests.synthetic_explain import explain_rows


def row_5(rows: pd.DataFrame) -> Claim:
    return explainable(complete(rows))


@pytest.mark.parametrize(("easier", "verdict"), [(1.0, "supported"), (-1.0, "refuted")])
def test_row_5_follows_the_planted_truth(easier: float, verdict: Verdict) -> None:
    claim = row_5(explain_rows(0, easier=easier))
    assert claim.verdict == verdict
    assert {part.verdict for part in claim.parts if part.rule != "trained"} == {verdict}


def test_row_5_is_mixed_where_measures_disagree_or_cannot_tell() -> None:
    disagree = row_5(explain_rows(0, easier={"explained_r2": 2.0, "surrogate_fidelity": -2.0}))
    found = {part.rule: part.verdict for part in disagree.parts}
    assert (found["nameable"], found["surrogate"]) == ("supported", "refuted")
    assert disagree.verdict == "mixed"


def test_alike_features_are_rarely_called_different() -> None:
    datasets = tuple(map(str, range(60)))
    rows = explained(complete(explain_rows(0, easier=0.0, seeds=4, datasets=datasets)))
    verdicts = [difference(rows, dataset, "nameable") for dataset in datasets]
    false = [made for made in verdicts if made is not None and (made.effect.low > 0 or made.effect.high < 0)]
    assert None not in verdicts
    # 3 are expected; 9 or more have a chance of 0.4%.
    assert len(false) < 9


@pytest.mark.parametrize(("trained", "verdict"), [(1.0, "supported"), (-1.0, "refuted")])
def test_what_training_does_is_told_beside_the_row(trained: float, verdict: Verdict) -> None:
    claim = row_5(explain_rows(1, trained=trained))
    part = next(part for part in claim.parts if part.rule == "trained")
    assert part.verdict == verdict
    assert not part.decides
    assert "R2 of 0." in part.detail


def test_effects_are_those_planted_and_ratios_stand_on_logarithms() -> None:
    found = {each.rule: each for each in differences(complete(explain_rows(0, noise=0.01)))}
    assert found["nameable"].effect.value == pytest.approx(0.1, abs=0.005)
    assert found["faithful"].effect.value == pytest.approx(0.1, abs=0.005)
    assert found["sparse"].effect.value == pytest.approx(math.exp(0.7), rel=0.02)
    assert found["sparse"].first == pytest.approx(math.exp(4), rel=0.02)
    assert found["nameable"].first_pipelines == ("hog", "lbp", "zernike")
    # A random projection is no untrained network.
    assert found["trained"].first_pipelines == ("untrained",)


def test_sides_are_compared_under_the_same_classifier_only() -> None:
    rows = explain_rows(0)
    rows.loc[rows["feature_origin"] == "learned", "classifier"] = "SVC"
    claim = row_5(rows)
    assert claim.verdict == "not measured"
    assert "under the same classifier" in claim.sentence


def test_the_largest_size_that_has_both_sides_counts() -> None:
    large = explain_rows(1, easier=-1.0).assign(n_train=10_000)
    half = large[large["feature_origin"] == "hand"]
    assert {each.n_train for each in differences(complete(pd.concat([explain_rows(0), half])))} == {3000}
    assert {each.n_train for each in differences(complete(pd.concat([explain_rows(0), large])))} == {10_000}


def test_a_pipeline_that_lost_a_seed_takes_that_seed_from_all() -> None:
    rows = explain_rows(0)
    rows.loc[(rows["pipeline"] == "lbp") & (rows["seed"] == 2), "status"] = "failed"
    found = difference(explained(complete(rows)), "mnist", "nameable")
    assert found is not None
    assert found.seeds == 4
    assert "lbp" in found.first_pipelines
    rows.loc[(rows["pipeline"] == "lbp") & (rows["seed"] > 0), "status"] = "failed"
    rest = difference(explained(complete(rows)), "mnist", "nameable")
    assert rest is not None
    assert (rest.seeds, rest.first_pipelines) == (5, ("hog", "zernike"))


def test_remarks_name_proxies_controls_and_what_was_left_out() -> None:
    rows = explain_rows(0)
    rows.loc[rows["pipeline"] == "lbp", "features"] = "regions > StandardScaler"
    claim = row_5(rows)
    assert any("no people were asked" in remark for remark in claim.remarks)
    assert any("as it must be" in remark for remark in claim.remarks)
    assert any("Left out" in remark and "lbp" in remark for remark in claim.remarks)
    assert set(CONTAINED) <= set(BUILT_IN["features"])
    distrusted = row_5(explain_rows(0, shuffled_r2=0.2))
    assert any("not to be trusted" in remark for remark in distrusted.remarks)


def test_one_seed_or_no_rows_are_not_measured() -> None:
    assert row_5(explain_rows(0, seeds=1)).verdict == "not measured"
    assert row_5(trials(LIKE_MNIST, seeds=2)).sentence == "Not measured: no pipeline was explained."
    assert row_5(pd.DataFrame()).verdict == "not measured"


def test_tables_have_a_row_for_each_representation_and_contrast() -> None:
    rows = explain_rows(0, datasets=("digits", "mnist"))
    table = representations(rows)
    assert list(table["origin"].unique()) == ["hand", "learned", "pixels", "random", "shuffled"]
    assert len(table) == 2 * 9
    hog = table[(table["pipeline"] == "hog") & (table["dataset"] == "mnist")].iloc[0]
    own = rows[(rows["pipeline"] == "hog") & (rows["dataset"] == "mnist")]
    assert hog["explained_r2"] == pytest.approx(own["explained_r2"].mean())
    assert hog["explained_r2_half_width"] > 0
    assert len(contrasts(rows)) == 2 * 6
    assert representations(pd.DataFrame()).empty
    assert contrasts(pd.DataFrame()).empty
