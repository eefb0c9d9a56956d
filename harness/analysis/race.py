"""The optimizers' race: how soon each reaches a target accuracy, default and tuned, and how much its rate matters."""

from __future__ import annotations

import json
import math
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from harness.analysis.censoring import kaplan_meier
from harness.analysis.frames import complete, complete_epochs, complete_tuning
from harness.analysis.intervals import Interval, t_interval
from harness.analysis.profiles import Profile, profile
from harness.analysis.timing import comparable
from harness.suite.plan import TUNED

# Set before the race was run; each at most halves the error that the one before it leaves.
TARGETS = (0.5, 0.8, 0.9, 0.95)
# Two points of accuracy: what a learning rate may cost and still do.
WITHIN = 0.02
RATE = "optimizer.learning_rate"
PROBLEM = ["dataset", "network", "n_train"]
ENTRANT = ["optimizer", "setting"]
# A run that one of these ended would have gone on; all others that missed a target would not have reached it.
CUT_OFF = ("timeout",)
NOT_RUN = ("skipped", "interrupted")
Measure: TypeAlias = Literal["epochs", "seconds"]


def _entrants(trials: pd.DataFrame) -> pd.DataFrame:
    """The runs of networks that were trained with two optimizers or more: one row each, repeats left out.

    `network` is the pipeline's name before the optimizer, `optimizer` what the suite calls it, `setting` whether it is
    `default` or `tuned`, `timed` whether its times may be compared.
    """
    frame = complete(trials)
    times = comparable(frame).rows
    known = set(times.loc[(times["status"] != "ok") | times["fit_s"].notna(), "trial_id"])
    # Networks of a series or an ablation differ in more than the optimizer.
    deep = frame[(frame["family"] == "deep") & (frame["optimizer"] != "") & ~frame["status"].isin(NOT_RUN)]
    deep = deep[(deep["series"] == "") & (deep["ablation"] == "")]
    # The label has the device or backend behind the pipeline's name, where there are several.
    names = [
        (base + label.removeprefix(pipeline), chosen.removesuffix(f"/{TUNED}").removesuffix(TUNED) or optimizer)
        for pipeline, label, optimizer in zip(deep["pipeline"], deep["label"], deep["optimizer"], strict=True)
        for base, _, chosen in (pipeline.partition("/"),)
    ]
    deep = deep.assign(
        network=[network for network, _ in names],
        optimizer=[optimizer for _, optimizer in names],
        setting=np.where(deep["tuning"] != "", "tuned", "default"),
        timed=deep["trial_id"].isin(known),
    )
    deep = deep.sort_values("repeat", kind="stable").drop_duplicates([*PROBLEM, *ENTRANT, "seed"])
    several = deep.groupby(PROBLEM)["optimizer"].transform("nunique") > 1
    return deep[several].sort_values([*PROBLEM, *ENTRANT, "seed"], kind="stable")


def runs(trials: pd.DataFrame, epochs: pd.DataFrame) -> pd.DataFrame:
    """When each run reached each of `TARGETS`, or how long it is known not to have.

    A target is reached with the first epoch after which the accuracy is at or above it: on the validation part of the
    training images where there is one, else on the training images themselves; never on the test set. A run that did
    not reach it is censored. One that a time limit cut off, where it was then; one that diverged, failed or stopped
    early would not have gone on, and is censored at the longest that any run of its network was watched.

    Parameters
    ----------
    trials, epochs : DataFrame
        Of `harness.load_results`.

    Returns
    -------
    DataFrame
        `dataset`, `network`, `n_train`, `metric`, `target`, `optimizer`, `setting`, `seed`, `learning_rate`,
        `tune_s`, `epochs`, `seconds` (since the fit began; NaN where the trial's times are disturbed), `censored`.
        Targets that no run of a network reached are left out, but for the lowest.
    """
    entrants, history = _entrants(trials), complete_epochs(epochs)
    history = history[history["trial_id"].isin(entrants["trial_id"]) & (history["epoch"] > 0)]
    history = history.sort_values(["trial_id", "epoch"])
    rows: list[dict[str, Any]] = []
    for key, group in entrants.groupby(PROBLEM, sort=True):
        own = history[history["trial_id"].isin(group["trial_id"])]
        if own.empty:
            continue
        metric = "val_accuracy" if own["val_accuracy"].notna().any() else "accuracy"
        longest = own[["epoch", "seconds"]].max()
        of_run = dict(list(own.groupby("trial_id")))
        best = own[metric].max()
        for target in [each for each in TARGETS if each <= best] or TARGETS[:1]:
            for run in group.to_dict("records"):
                lines = of_run.get(run["trial_id"], own.head(0))
                reached = lines[lines[metric] >= target]
                if len(reached):
                    when, seconds = reached[["epoch", "seconds"]].iloc[0]
                else:
                    when, seconds = _watched(lines, str(run["status"]), longest)
                rows.append(
                    dict(zip(PROBLEM, key, strict=True))
                    | {"metric": metric, "target": target}
                    | {name: run[name] for name in (*ENTRANT, "seed", "learning_rate", "tune_s")}
                    | {"epochs": float(when), "seconds": float(seconds) if run["timed"] else math.nan}
                    | {"censored": not len(reached)}
                )
    return pd.DataFrame(rows, columns=[*PROBLEM, "metric", "target", *ENTRANT, "seed", "learning_rate", "tune_s",
                                       "epochs", "seconds", "censored"])  # fmt: skip


def _watched(lines: pd.DataFrame, status: str, longest: pd.Series) -> tuple[float, float]:
    """Epochs and seconds in which a run is known not to have reached a target."""
    own = lines[["epoch", "seconds"]].max().fillna(0.0)
    to_the_end = status == "ok" and own["epoch"] >= longest["epoch"]
    end = own if status in CUT_OFF or to_the_end else longest
    return float(end["epoch"]), float(end["seconds"])


def targets(trials: pd.DataFrame, epochs: pd.DataFrame) -> pd.DataFrame:
    """Epochs and seconds to each target: medians over the seeds by Kaplan and Meier, with 95% intervals.

    Returns
    -------
    DataFrame
        `dataset`, `network`, `n_train`, `metric`, `target`, `optimizer`, `setting`, `runs`, `reached`, `epochs`,
        `epochs_low`, `epochs_high`, `seconds`, `seconds_low`, `seconds_high` (infinite beyond what was watched, NaN
        where it cannot be told), `learning_rate` (geometric mean), `tune_s` (mean; in no other time).
    """
    keys = [*PROBLEM, "metric", "target", *ENTRANT]
    rows = []
    for key, group in runs(trials, epochs).groupby(keys, sort=True):
        row: dict[str, Any] = dict(zip(keys, key, strict=True))
        row |= {"runs": len(group), "reached": int((~group["censored"]).sum())}
        for measure in ("epochs", "seconds"):
            found = kaplan_meier(group[measure].to_numpy(), group["censored"].to_numpy())
            row |= {measure: found.value, f"{measure}_low": found.low, f"{measure}_high": found.high}
        rates = group["learning_rate"].dropna()
        row["learning_rate"] = float(np.exp(np.log(rates).mean())) if len(rates) else math.nan
        row["tune_s"] = group["tune_s"].mean()
        rows.append(row)
    columns = [*keys, "runs", "reached"]
    columns += [f"{measure}{end}" for measure in ("epochs", "seconds") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=[*columns, "learning_rate", "tune_s"])


def profiles(trials: pd.DataFrame, epochs: pd.DataFrame, measure: Measure = "epochs") -> dict[str, Profile]:
    """Dolan and Moré's profiles of the optimizers, `default` and `tuned` apart; a target missed is a failure.

    A problem is one target on one network, dataset, size and seed.
    """
    found = runs(trials, epochs).dropna(subset=[measure])
    found = found[(found[measure] > 0) | found["censored"]]
    made = {}
    for setting, group in found.groupby("setting", sort=True):
        names = group[[*PROBLEM, "target", "seed"]].astype(str).agg("/".join, axis=1)
        costs = pd.DataFrame(
            {"problem": names, "solver": group["optimizer"], "cost": group[measure], "censored": group["censored"]}
        )
        made[str(setting)] = profile(costs)
    return made


def scores(trials: pd.DataFrame, epochs: pd.DataFrame, measure: Measure = "epochs") -> pd.DataFrame:
    """The profiles at three factors: `setting`, `optimizer`, `problems`, `fastest`, `within_2`, `within_4`, `solved`.

    Shares of the problems on which an optimizer took no more than 1, 2, 4 times what the fastest took, and on which it
    reached the target at all.
    """
    rows = []
    for setting, found in profiles(trials, epochs, measure).items():
        shares = pd.DataFrame(
            {
                "problems": len(found.ratios),
                "fastest": found.within(1.0),
                "within_2": found.within(2.0),
                "within_4": found.within(4.0),
                "solved": np.isfinite(found.ratios).mean(),
            }
        )
        rows.append(shares.rename_axis("optimizer").reset_index().assign(setting=setting))
    columns = ["setting", "optimizer", "problems", "fastest", "within_2", "within_4", "solved"]
    return pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)


class Width(NamedTuple):
    """How far the learning rate may be from the best one: in powers of ten, and whether it may be farther still."""

    decades: float
    open: bool


def width(rates: ArrayLike, reached: ArrayLike, within: float = WITHIN) -> Width:
    """Powers of ten around the best learning rate in which the score stays within so much of the best.

    Between two tried rates the score is taken as a straight line against the logarithm of the rate. Where it has not
    fallen so far at the lowest or highest rate tried, the width ends there and is a lower bound: `open`.

    Parameters
    ----------
    rates, reached : array-like of float, shape (tried,)
        Learning rates above 0 and their scores, in any order.
    """
    order = np.argsort(np.asarray(rates, dtype=float), kind="stable")
    x, y = np.log10(np.asarray(rates, dtype=float)[order]), np.asarray(reached, dtype=float)[order]
    best = int(np.argmax(y))
    least = y[best] - within
    ends, is_open = [], False
    for step in (-1, 1):
        at = best
        while 0 <= at + step < len(y) and y[at + step] >= least:
            at += step
        beyond = at + step
        if 0 <= beyond < len(y):
            share = (y[at] - least) / (y[at] - y[beyond])
            ends.append(x[at] + share * (x[beyond] - x[at]))
        else:
            ends.append(x[at])
            is_open = True
    return Width(float(ends[1] - ends[0]), is_open)


def tried(trials: pd.DataFrame, tuning: pd.DataFrame) -> pd.DataFrame:
    """Every learning rate that tuning tried for the optimizers of a network.

    Returns
    -------
    DataFrame
        `dataset`, `network`, `n_train`, `optimizer`, `seed`, `learning_rate`, `score` (accuracy on held-out training
        images; 0 where the setting failed, as a network that diverged), `default` (whether it is the suite's own),
        `others` (what else was searched).
    """
    entrants = _entrants(trials)
    searched = entrants[entrants["setting"] == "tuned"].set_index("trial_id")
    at_first = entrants[entrants["setting"] == "default"].set_index([*PROBLEM, "optimizer", "seed"])["learning_rate"]
    lines = complete_tuning(tuning)
    lines = lines[lines["trial_id"].isin(searched.index)].drop(columns=["dataset", "n_train", "seed"])
    lines = lines.join(searched[[*PROBLEM, "optimizer", "seed"]], on="trial_id")
    lines = lines.join(at_first.rename("own_rate"), on=[*PROBLEM, "optimizer", "seed"])
    params = [json.loads(text) if text else {} for text in lines["params"]]
    lines["default"] = lines["candidate"] == 0
    own = lines["own_rate"].where(lines["default"])
    lines["learning_rate"] = [each.get(RATE, math.nan) for each in params]
    lines["learning_rate"] = lines["learning_rate"].astype(float).fillna(own)
    lines["score"] = lines["score"].fillna(0.0)
    lines["others"] = [", ".join(sorted(set(each) - {RATE})) for each in params]
    # Optimizers whose rate was not searched say nothing of it.
    keys = [*PROBLEM, "optimizer"]
    rates = lines.groupby(keys)["learning_rate"].transform("nunique")
    columns = [*keys, "seed", "learning_rate", "score", "default", "others"]
    return lines.loc[rates > 1, columns].reset_index(drop=True)


def sensitivity(trials: pd.DataFrame, tuning: pd.DataFrame) -> pd.DataFrame:
    """How much the learning rate matters to each optimizer, from what tuning tried; means over seeds, 95% intervals.

    Returns
    -------
    DataFrame
        `dataset`, `network`, `n_train`, `optimizer`, `seeds`, `tried` (learning rates, all seeds), `best_rate`
        (geometric mean), then with `_low` and `_high`: `best` (score), `decades` (see `width`), `spread` (best less
        worst score), `short` (best less the default's score); `open` (share of seeds whose width is a lower bound),
        `default_rate`, `others` (what was searched besides: then these scores are not of the rate alone).
    """
    rows = []
    keys = [*PROBLEM, "optimizer"]
    for key, group in tried(trials, tuning).groupby(keys, sort=True):
        seeds = [_of_seed(rows_of) for _, rows_of in group.groupby("seed", sort=True)]
        widths = [each[3] for each in seeds]
        measured = {
            "best": t_interval([each[1] for each in seeds]),
            "decades": t_interval([each.decades for each in widths]),
            "spread": t_interval([each[1] - each[2] for each in seeds]),
            "short": t_interval([each[1] - each[4] for each in seeds]),
        }
        row: dict[str, Any] = dict(zip(keys, key, strict=True))
        row |= {"seeds": len(seeds), "tried": int(group["learning_rate"].notna().sum())}
        row["best_rate"] = float(np.exp(np.mean(np.log([each[0] for each in seeds]))))
        for name, interval in measured.items():
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), interval, strict=True))
        row["open"] = float(np.mean([each.open for each in widths]))
        row["default_rate"] = group.loc[group["default"], "learning_rate"].mean()
        row["others"] = ", ".join(sorted({name for text in group["others"] for name in text.split(", ") if name}))
        rows.append(row)
    ends = [f"{name}{end}" for name in ("best", "decades", "spread", "short") for end in ("", "_low", "_high")]
    columns = [*keys, "seeds", "tried", "best_rate", *ends, "open", "default_rate", "others"]
    return pd.DataFrame(rows, columns=columns)


def _of_seed(rows: pd.DataFrame) -> tuple[float, float, float, Width, float]:
    """Best rate, best and worst score, width, and the default's score, of what one seed tried."""
    known = rows.dropna(subset=["learning_rate"])
    best = known.iloc[int(known["score"].to_numpy().argmax())]
    default = rows.loc[rows["default"], "score"]
    return (
        float(best["learning_rate"]),
        float(best["score"]),
        float(known["score"].min()),
        width(known["learning_rate"].to_numpy(), known["score"].to_numpy()),
        float(default.iloc[0]) if len(default) else math.nan,
    )


def interval(row: pd.Series, name: str) -> Interval:
    """One of the intervals of a row of these tables."""
    return Interval(float(row[name]), float(row[f"{name}_low"]), float(row[f"{name}_high"]))
