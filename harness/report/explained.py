"""Tables of how easily features are explained: each representation, and handcrafted against learned."""

from __future__ import annotations

import pandas as pd

from harness.analysis.explanation import ORIGINS, differences, explained
from harness.analysis.frames import complete
from harness.analysis.intervals import t_interval
from harness.analysis.rules import RULES, judge

MEASURES = (
    "explained_r2",
    "surrogate_fidelity",
    "faithfulness",
    "features_needed",
    "disentanglement",
    "completeness",
    "informativeness",
    "explained_r2_shuffled",
)


def representations(trials: pd.DataFrame) -> pd.DataFrame:
    """One row for each explained pipeline and training size: means over seeds of every measure.

    Returns
    -------
    DataFrame
        `dataset`, `n_train`, `origin` (`explanation.ORIGINS`: handcrafted and learned features first, then pixels and
        the controls), `pipeline`, `classifier`, `n_features`, `seeds`, `accuracy`; each of `MEASURES`, and after it
        `..._half_width` of its 95% t interval. Empty where nothing was explained.
    """
    rows = explained(complete(trials))
    made = []
    for key, group in rows.groupby(["dataset", "n_train", "feature_origin", "pipeline", "classifier"], sort=True):
        dataset, n_train, origin, pipeline, classifier = key
        row = {
            "dataset": dataset, "n_train": n_train, "origin": origin, "pipeline": pipeline, "classifier": classifier,
            "n_features": group["n_features"].median(), "seeds": group["seed"].nunique(),
            "accuracy": group["accuracy"].mean(),
        }  # fmt: skip
        for measure in MEASURES:
            interval = t_interval(group.groupby("seed")[measure].mean().to_numpy())
            row |= {measure: interval.value, f"{measure}_half_width": interval.half_width}
        made.append(row)
    table = pd.DataFrame(made)
    if table.empty:
        return table
    rank = table["origin"].map({origin: place for place, origin in enumerate(ORIGINS)})
    ordered = table.assign(rank=rank).sort_values(["dataset", "n_train", "rank", "pipeline"], kind="stable")
    return ordered.drop(columns="rank").reset_index(drop=True)


def contrasts(trials: pd.DataFrame) -> pd.DataFrame:
    """One row for each contrast of row 5: handcrafted against learned, and untrained against trained.

    Returns
    -------
    DataFrame
        `dataset`, `n_train`, `rule`, `first`, `second` (their means), `effect` (difference, or ratio where `unit` is
        `times`), `low`, `high`, `unit`, `verdict`, `seeds`, `first_pipelines`, `second_pipelines`.
    """
    columns = ["dataset", "n_train", "rule", "first", "second", "effect", "low", "high", "unit", "verdict", "seeds"]
    rows = [
        (
            found.dataset,
            found.n_train,
            found.rule,
            found.first,
            found.second,
            *found.effect,
            RULES[found.rule].unit,
            judge(RULES[found.rule], found.effect),
            found.seeds,
            " / ".join(found.first_pipelines),
            " / ".join(found.second_pipelines),
        )
        for found in differences(complete(trials))
    ]
    return pd.DataFrame(rows, columns=[*columns, "first_pipelines", "second_pipelines"])
