"""Performance profiles: on which share of problems a solver is within a factor of the best one; failures count."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from harness.analysis.frames import ok
from harness.analysis.intervals import Floats
from harness.analysis.ranks import FAILURES, given_to_all
from harness.analysis.timing import CELL, comparable, one_per_seed
from harness.errors import MisuseError

TARGET = 0.95


class Profile(NamedTuple):
    """Performance profiles of some solvers over the same problems.

    Attributes
    ----------
    ratios
        A row for each problem, a column for each solver: its cost over the smallest there; infinite where it failed.
    left_out
        Problems that were not given to all of the solvers, and are not in `ratios`.
    solvers_left_out
        Solvers that were given fewer than half of the problems.
    """

    ratios: pd.DataFrame
    left_out: int
    solvers_left_out: tuple[str, ...]

    def within(self, factor: float) -> pd.Series:
        """Share of the problems on which each solver costs at most so many times what the best one does."""
        return (self.ratios <= factor).mean()

    def steps(self, solver: str) -> tuple[Floats, Floats]:
        """The profile of one solver: the factors at which it rises, ascending, and the shares from there on."""
        values = self.ratios[solver].to_numpy(dtype=float)
        factors, count = np.unique(values[np.isfinite(values)], return_counts=True)
        return factors, np.cumsum(count) / len(values)


def profile(costs: pd.DataFrame) -> Profile:
    """Dolan and Moré's performance profile (2002, doi:10.1007/s101070100263).

    A solver that failed on a problem, or was stopped by a limit, has an infinite ratio there: it is never dropped.
    Where all failed all ratios are infinite, and nobody's profile reaches 1. A profile at 1 is how often a solver is
    the fastest; its height far right is how often it succeeds. The order of two solvers of which neither is the
    fastest may change with the others that are compared (Gould and Scott 2016, doi:10.1145/2950048).

    Parameters
    ----------
    costs : DataFrame
        One row for each problem that a solver was given: `problem`, `solver`, `cost` (above 0, less is better),
        `censored` (whether it failed; the cost does not matter then).

    Raises
    ------
    MisuseError
        If a solver has two rows for a problem, or a cost that is no positive number and is not censored.
    """
    if costs.duplicated(["problem", "solver"]).any():
        raise MisuseError("performance profile: a solver has several costs for one problem; give one")
    censored = costs["censored"].astype(bool)
    if not (costs.loc[~censored, "cost"] > 0).all():
        raise MisuseError("performance profile: a cost is not above 0; mark what failed as censored")
    values = costs["cost"].astype(float).where(~censored, np.inf)
    table = costs.assign(cost=values).pivot(index="problem", columns="solver", values="cost")
    rows, columns = given_to_all(table.notna())
    kept = table.loc[rows, columns]
    least = kept.min(axis=1)
    ratios = kept.div(least.where(np.isfinite(least), 1.0), axis=0)
    gone = tuple(sorted(str(name) for name in set(table.columns) - set(columns)))
    return Profile(ratios, len(table) - len(rows), gone)


def to_target(trials: pd.DataFrame, share: float = TARGET) -> pd.DataFrame:
    """What training costs that reaches a share of the best accuracy, as `profile` takes it.

    Parameters
    ----------
    trials : DataFrame
        As `frames.complete` gives it.
    share : float
        Of the highest mean accuracy over seeds that any pipeline has on that dataset at that size.

    Returns
    -------
    DataFrame
        `problem` ("dataset n_train seed"), `solver` (label), `cost` (`train_s`, seconds), `censored` (it failed, ran
        into a limit, or stayed below the target), `family`. Times of one machine; one that was disturbed is the median
        of its cell's others. Skipped and interrupted trials were not tried and are no rows.
    """
    rows = comparable(trials).rows
    run = one_per_seed(rows[rows["status"] == "ok"])
    run = run.assign(cost=run["train_s"].fillna(run.groupby(CELL)["train_s"].transform("median")))
    where = ["dataset", "n_train"]
    means = ok(trials).groupby([*where, "label"])["accuracy"].mean()
    best = means.groupby(where).max().rename("best")
    run = run.join(best, on=where)
    run = run.assign(censored=~(run["accuracy"] >= share * run["best"]))
    run = run[(run["cost"] > 0) | run["censored"]]
    failed = rows[rows["status"].isin(FAILURES)].assign(cost=np.nan, censored=True)
    # One that failed and succeeded when repeated has succeeded.
    both = pd.concat([run, failed]).drop_duplicates([*where, "seed", "label"])
    problem = both["dataset"] + " " + both["n_train"].astype(str) + " " + both["seed"].astype(str)
    named = both.assign(problem=problem, solver=both["label"])
    return named[["problem", "solver", "cost", "censored", "family"]].reset_index(drop=True)


def table(costs: pd.DataFrame) -> pd.DataFrame:
    """For each solver the share of problems it solves, fastest, within 2 and within 10 times the fastest.

    Returns
    -------
    DataFrame
        `solver`, `problems`, `fastest`, `within_2`, `within_10`, `solved`, most often fastest first.
    """
    found = profile(costs)
    made = pd.DataFrame(
        {
            "solver": found.ratios.columns.astype(str),
            "problems": len(found.ratios),
            "fastest": found.within(1).to_numpy(dtype=float),
            "within_2": found.within(2).to_numpy(dtype=float),
            "within_10": found.within(10).to_numpy(dtype=float),
            "solved": np.isfinite(found.ratios).mean().to_numpy(dtype=float),
        }
    )
    order = ["fastest", "within_2", "within_10", "solver"]
    return made.sort_values(order, ascending=[False, False, False, True], ignore_index=True)
