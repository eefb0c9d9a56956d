"""The reference study's table a second time, from its rows alone: pandas and SciPy, none of the package's own code.

Every number of `claims.json` is computed again, and every interval that is Student's over seeds. What the package does
for repeats, several devices, lost trials and diverged pipelines is left out here: the study has none of these.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

ROOT = Path(__file__).parents[1]
HALVES = ["accuracy_half_a", "accuracy_half_b"]
CONTAINED = {"regions", "topology", "edges", "colour"}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """The rows that ended well; an error of k images out of m is (k + 0.5) / (m + 1), which has a logarithm."""
    table = pd.read_parquet(ROOT / "results" / "reference" / "trials.parquet")
    table = table[table["status"] == "ok"]
    text = table.select_dtypes("string").fillna("")
    error = ((1 - table["accuracy"]) * table["n_test"] + 0.5) / (table["n_test"] + 1)
    return table.assign(**text, tuned=text["tuning"] != "", error=error)


def best(rows: pd.DataFrame) -> pd.Series:
    """Accuracy with each seed of the best pipeline, chosen on one half of the test images and scored on the other."""
    means = rows.groupby("pipeline")[HALVES].mean()
    scores = [
        rows[rows["pipeline"] == means[chosen_on].idxmax()].set_index("seed")[scored_on]
        for chosen_on, scored_on in (HALVES, reversed(HALVES))
    ]
    return sum(scores) / 2


def by_seed(rows: pd.DataFrame, fitted: Callable[[pd.DataFrame], float]) -> pd.Series:
    return pd.Series({seed: fitted(group) for seed, group in rows.groupby("seed")})


def slope(rows: pd.DataFrame, against: str) -> pd.Series:
    """Least-squares slope of log error with each seed."""
    return by_seed(rows, lambda one: np.polyfit(np.log(one[against].astype(float)), np.log(one["error"]), 1)[0])


def largest(rows: pd.DataFrame, column: str, needed: set[str]) -> pd.DataFrame:
    """The rows of the largest size at which the column has all of these values."""
    sizes = [n_train for n_train, group in rows.groupby("n_train") if needed <= set(group[column])]
    return rows[rows["n_train"] == max(sizes)]


def classified(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["classifier"] != "") & (rows["removed"] == "")]


# Each gives the values with each seed, whose mean is the effect.


def little(rows: pd.DataFrame) -> pd.Series:
    return -apart(rows, min)


def massive(rows: pd.DataFrame) -> pd.Series:
    return apart(rows, max)


def apart(rows: pd.DataFrame, which: Callable[[set[int]], int]) -> pd.Series:
    rows = rows[rows["contends"]]
    deep, traditional = (rows[rows["family"] == family] for family in ("deep", "traditional"))
    n_train = which(set(deep["n_train"]) & set(traditional["n_train"]))
    return best(deep[deep["n_train"] == n_train]) - best(traditional[traditional["n_train"] == n_train])


def stops(rows: pd.DataFrame) -> pd.Series:
    rows = rows[rows["contends"] & (rows["family"] == "traditional")]
    sizes = sorted(set(rows["n_train"]))
    doublings = [size for size in sizes if 4 * size >= sizes[-1]]
    sizes = doublings if len(doublings) >= 3 else sizes[-3:]
    means = rows[rows["n_train"] == sizes[-1]].groupby("pipeline")[HALVES].mean()
    found = []
    for chosen_on, scored_on in (HALVES, reversed(HALVES)):
        chosen = rows[(rows["pipeline"] == means[chosen_on].idxmax()) & rows["n_train"].isin(sizes)]
        images = chosen["n_test"] / 2
        error = ((1 - chosen[scored_on]) * images + 0.5) / (images + 1)
        found.append(slope(chosen.assign(error=error), "n_train"))
    return sum(found) / 2


def weights(rows: pd.DataFrame) -> pd.Series:
    rows = rows[(rows["series"] != "") & (rows["family"] == "deep")]
    return -slope(rows[rows["n_train"] == rows["n_train"].max()], "n_parameters")


def joint(rows: pd.DataFrame) -> pd.Series:
    staged = rows[rows["scheme"].isin(["frozen", "stagewise", "transferred"]) & ~rows["tuned"]]
    rows = rows[rows["architecture"].isin(staged["architecture"]) & ~rows["tuned"]]
    rows = largest(rows, "scheme", {"frozen", "stagewise", "joint"})
    is_joint = rows["scheme"] == "joint"
    return best(rows[is_joint]) - best(rows[~is_joint])


def stage(rows: pd.DataFrame) -> pd.Series:
    rows = rows[rows["ablation"] != ""]
    rows = rows[rows["n_train"] == rows["n_train"].max()]
    accuracy = rows.assign(mean=rows[HALVES].mean(axis=1)).pivot(index="seed", columns="removed", values="mean")
    return accuracy[""] - accuracy.drop(columns="").mean(axis=1)


def swap(rows: pd.DataFrame, one: str = "learned") -> pd.Series:
    rows = classified(rows[~rows["tuned"]])
    rows = rows[rows["feature_origin"].isin([one, "hand"])]
    rows = largest(rows, "feature_origin", {one, "hand"})
    found = []
    for _, group in rows.groupby("classifier"):
        sides = dict(list(group.groupby("feature_origin")))
        if {one, "hand"} <= set(sides):
            found.append(best(sides[one]) - best(sides["hand"]))
    return sum(found) / len(found)


def transfer(rows: pd.DataFrame) -> pd.Series:
    return swap(rows, "transferred")


def choice(rows: pd.DataFrame) -> pd.Series:
    rows = classified(rows[~rows["tuned"] & (rows["feature_origin"] == "hand")])
    tried = rows.groupby(["n_train", "classifier"])["pipeline"].nunique()
    most = max(n_train for n_train, _ in tried[tried == tried.max()].index)
    found = []
    for classifier in tried[most][tried[most] == tried.max()].index:
        group = rows[(rows["n_train"] == most) & (rows["classifier"] == classifier)]
        found.append(best(group) - group.groupby("seed")[HALVES].mean().mean(axis=1))
    return sum(found) / len(found)


def no_choice(rows: pd.DataFrame) -> pd.Series:
    rows = rows[~rows["tuned"] & (rows["removed"] == "")]
    networks = rows[(rows["feature_origin"] == "end_to_end") & (rows["scheme"] == "joint")]
    hand = classified(rows[rows["feature_origin"] == "hand"])
    n_train = max(set(networks["n_train"]) & set(hand["n_train"]))
    return best(networks[networks["n_train"] == n_train]) - best(hand[hand["n_train"] == n_train])


def explained(rows: pd.DataFrame, values: pd.Series, one: str, other: str, match: pd.Series) -> pd.Series:
    """One origin of features minus the other under what they have in common, means over pipelines, then over these."""
    contained = rows["features"].map(lambda text: bool(CONTAINED & set(text.split(" > "))))
    known = pd.DataFrame({"origin": rows["feature_origin"], "seed": rows["seed"], "match": match, "value": values})
    known = known[values.notna() & ~contained & known["origin"].isin([one, other]) & rows["explained_r2"].notna()]
    sides = known.groupby(["match", "seed", "origin"])["value"].mean().unstack().dropna()
    return (sides[one] - sides[other]).groupby("seed").mean()


def nameable(rows: pd.DataFrame) -> pd.Series:
    return explained(rows, rows["explained_r2"], "hand", "learned", rows["classifier"])


def surrogate(rows: pd.DataFrame) -> pd.Series:
    return explained(rows, rows["surrogate_fidelity"], "hand", "learned", rows["classifier"])


def faithful(rows: pd.DataFrame) -> pd.Series:
    area = rows["insertion_area"] + rows["deletion_area"]
    return explained(rows, area, "hand", "learned", rows["classifier"])


def sparse(rows: pd.DataFrame) -> pd.Series:
    return explained(rows, np.log(rows["features_needed"].astype(float)), "learned", "hand", rows["classifier"])


def disentangled(rows: pd.DataFrame) -> pd.Series:
    return explained(rows, rows["disentanglement"], "hand", "learned", rows["classifier"])


def trained(rows: pd.DataFrame) -> pd.Series:
    rows = rows[rows["features"].map(lambda text: "embedding" in text.split(" > "))]
    layer = rows["classifier"] + rows["n_features"].astype(str)
    return explained(rows, rows["explained_r2"], "random", "learned", layer)


OF_ONE_DATASET = {
    of.__name__: of
    for of in (
        *(little, massive, stops, weights, joint, stage, swap, choice, no_choice, transfer),
        *(nameable, surrogate, faithful, sparse, disentangled, trained),
    )
}


def cost(rows: pd.DataFrame, column: str) -> float:
    """Log of deep over traditional at the cheapest way of each to the accuracy that both reach; mean over the halves.

    Times of disturbed trials do not count where the same pipeline and size has others.
    """
    rows = rows[rows["contends"] & (rows["device"] == "cpu") & rows["family"].isin(["traditional", "deep"])]
    cell = ["family", "pipeline", "n_train"]
    valid = rows["timing_valid"].astype("boolean").fillna(True).astype(bool)
    counts = valid | ~valid.groupby([rows[name] for name in cell]).transform("any")
    seconds = (rows["train_s"] + rows["tune_s"].fillna(0)).where(counts)
    ways = rows.assign(train_s=seconds).groupby(cell)[[*HALVES, "train_s", "peak_bytes"]].mean()
    ratios = []
    for half in HALVES:
        target = ways[half].groupby("family").max().min()
        error = np.sqrt(target * (1 - target) / (rows["n_test"].iloc[0] / 2))
        near = ways[ways[half] >= target - error]
        paid = {family: near.loc[near.loc[[family], "train_s"].idxmin(), column] for family in ("deep", "traditional")}
        ratios.append(np.log(paid["deep"] / paid["traditional"]))
    return float(np.mean(ratios))


def parts() -> list[Any]:
    claims = json.loads((ROOT / "reports" / "reference" / "claims.json").read_text())
    measured = [part for claim in claims for part in claim["parts"] if part["effect"] is not None]
    return [pytest.param(part, id=f"{part['rule']}-{part['dataset'] or 'all'}") for part in measured]


@pytest.mark.parametrize("part", parts())
def test_an_effect_of_the_table_is_what_its_rows_give(part: dict[str, Any], rows: pd.DataFrame) -> None:
    rule = part["rule"]
    if part["dataset"] is None:
        column = {"time": "train_s", "memory": "peak_bytes"}[rule]
        expected = np.exp(np.mean([cost(of_dataset, column) for _, of_dataset in rows.groupby("dataset")]))
        assert part["effect"] == pytest.approx(expected, rel=1e-9)
        return
    rows = rows[rows["dataset"] == part["dataset"]]
    values = OF_ONE_DATASET[rule](rows)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    there = [values.mean(), low, high]
    if part["unit"] == "times":
        there = list(np.exp(there))
    # Halves of an odd number of images differ by one, and rows 3 and 4 weigh images, not halves, alike.
    assert part["effect"] == pytest.approx(there[0], abs=1e-4 if rows["n_test"].iloc[0] % 2 else 1e-9)
    if part["method"].removeprefix("paired ").startswith("t over"):
        assert [part["low"], part["high"]] == pytest.approx(there[1:], abs=1e-9)
    else:
        # Over seeds and test images together: rarely narrower than over the seeds alone.
        assert part["low"] <= part["effect"] <= part["high"]


def test_the_verdicts_are_what_intervals_and_thresholds_say() -> None:
    claims = json.loads((ROOT / "reports" / "reference" / "claims.json").read_text())
    for claim in claims:
        said = []
        for part in claim["parts"]:
            if part["low"] is None:
                expected = "not measured"
            elif part["low"] > part["threshold"] or (part["low"] == part["threshold"] and "least" in part["statement"]):
                expected = "supported"
            else:
                expected = "refuted" if part["high"] < part["threshold"] else "mixed"
            assert part["verdict"] == expected, part["statement"]
            said += [expected] if part["decides"] else []
        one = said[0] if len(set(said)) == 1 else "mixed"
        assert claim["verdict"] == ("not measured" if "not measured" in said else one)
