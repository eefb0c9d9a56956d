"""The families at equal expense: what each scores within so many CPU seconds, or joules, of training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import pandas as pd

from harness.analysis.cheapest import Draws, Picks, Ways, as_is, drawn, means, paid, picked, ways, wider
from harness.analysis.families import (
    HALVES,
    Crossover,
    ahead_in_draws,
    contenders,
    sign_changes,
    stays_ahead_from,
)
from harness.analysis.intervals import Floats, Interval, expanded_percentile, newcombe, percentile
from harness.analysis.timing import comparable

Cost: TypeAlias = Literal["seconds", "joules"]
COSTS: tuple[Cost, ...] = get_args(Cost)
# As `cheapest.paid` names them.
COLUMNS: dict[Cost, str] = {"seconds": "train_s", "joules": "energy_j"}
GRID = 25


class Afforded(NamedTuple):
    """The best of each family within a budget, per training; `difference` is deep minus traditional, in accuracy.

    `traditional_chosen` and `deep_chosen` name pipeline and training images, as `hog-svm (1,000)`.
    """

    budget: float
    traditional: Interval
    deep: Interval
    difference: Interval
    traditional_chosen: tuple[str, ...]
    deep_chosen: tuple[str, ...]


class Budgets(NamedTuple):
    """The families on one dataset over a grid of budgets, ascending; `crossover` is in seconds or joules.

    `caveats` say what was left out of the times, or not checked.
    """

    dataset: str
    cost: Cost
    points: tuple[Afforded, ...]
    crossover: Crossover
    seeds: int
    trial_ids: tuple[str, ...]
    caveats: tuple[str, ...] = ()


def compare(trials: pd.DataFrame, dataset: str, cost: Cost = "seconds") -> Budgets | None:
    """Compare the families within equal budgets for one training.

    For each budget a family enters its best (pipeline, number of training images) pair whose mean cost over the seeds
    is within it: little data may buy an expensive pipeline, or much data a cheap one. The pair is chosen on one half of
    the test images and scored on the other, and the halves are swapped (`families.cross_fit`). Seconds are those of
    features, fit and the search of a tuned pipeline, on the CPU, undisturbed as far as there are such, of one machine
    (`timing.comparable`); joules likewise, on any device. Budgets are spaced evenly on a log scale, from the first at
    which both families can afford something to what the most expensive pair costs, whatever the seed.

    Parameters
    ----------
    trials : DataFrame
        As `frames.complete` gives it.
    dataset : str
    cost : {"seconds", "joules"}

    Returns
    -------
    Budgets or None
        None where no pair of one of the families has such a cost. Accuracies of either family have bootstrap intervals
        over seeds, in which each draw chooses anew; that of the difference is no narrower than the binomial one, which
        it is with one seed.
    """
    rows = trials[(trials["dataset"] == dataset) & trials["family"].isin(("traditional", "deep"))]
    if cost == "seconds":
        rows = rows[rows["device"] == "cpu"]
    times = comparable(rows)
    column = COLUMNS[cost]
    rows = paid(contenders(times.rows))
    rows = rows[(rows[column] > 0) & (rows["n_test"] > 0)]
    if rows["family"].nunique() < 2:
        return None
    seeds = sorted(set(rows["seed"].tolist()))
    families = [ways(rows[rows["family"] == name], seeds, [*HALVES, column]) for name in ("traditional", "deep")]
    budgets = _grid([each.measured[column] for each in families])
    here = [_within(each, column, budgets, as_is(len(seeds))) for each in families]
    redrawn = drawn(len(seeds))
    scores = [_within(each, column, budgets, redrawn)[0] for each in families]
    apart, drawn_apart = here[1][0][:, 0] - here[0][0][:, 0], scores[1] - scores[0]
    points = []
    for place, budget in enumerate(budgets):
        one, two = (float(found[0][place, 0]) for found in here)
        over_seeds = wider(two - one, drawn_apart[place, redrawn.inverse], len(seeds))
        binomial = newcombe(two, one, min(each.n_test for each in families))
        either = [
            percentile(value, score[place, redrawn.inverse]) if len(seeds) > 1 else Interval(value, math.nan, math.nan)
            for value, score in zip((one, two), scores, strict=True)
        ]
        names = [_names(each, [half[place] for half in found[1]]) for each, found in zip(families, here, strict=True)]
        difference = over_seeds if over_seeds.half_width >= binomial.half_width else binomial
        points.append(Afforded(float(budget), either[0], either[1], difference, names[0], names[1]))
    crossover = _crossover(budgets, apart, drawn_apart[:, redrawn.inverse].T, len(seeds))
    return Budgets(dataset, cost, tuple(points), crossover, len(seeds), tuple(rows["trial_id"]), times.caveats)


def _grid(costs: Sequence[Floats]) -> Floats:
    """From the dearer of the families' cheapest pairs to the dearest pair of all, each by its most expensive seed.

    Then no draw of the seeds makes a pair too dear that is there for the end of the grid.
    """
    most = [np.nanmax(each, axis=1) for each in costs]
    low, high = max(float(each.min()) for each in most), max(float(each.max()) for each in most)
    if not low < high:
        return np.array([low])
    grid = np.geomspace(low, high, GRID)
    # Rounding must not put the ends out of reach.
    grid[[0, -1]] = low * (1 + 1e-9), high * (1 + 1e-9)
    return grid


def _within(way: Ways, column: str, budgets: Floats, draws: Draws) -> tuple[Floats, list[Picks]]:
    """Score within each budget, shape (budgets, draws), NaN where nothing is within; rows chosen on either half."""
    cost = means(way.measured[column], draws)
    halves = [means(way.measured[half], draws) for half in HALVES]
    ranked = [np.where(np.isnan(half) | np.isnan(cost), -1.0, half) for half in halves]
    scores = np.full((len(budgets), cost.shape[1]), np.nan)
    chosen: list[Picks] = [np.zeros(scores.shape, dtype=np.intp) for _ in HALVES]
    for place, budget in enumerate(budgets):
        within = cost <= budget
        for half in (0, 1):
            chosen[half][place] = np.where(within, ranked[half], -1.0).argmax(axis=0)
        both = (picked(halves[1], chosen[0][place]) + picked(halves[0], chosen[1][place])) / 2
        scores[place] = np.where(within.any(axis=0), both, np.nan)
    return scores, chosen


def _names(way: Ways, chosen: Sequence[Picks]) -> tuple[str, ...]:
    pairs = dict.fromkeys(way.names[int(picks[0])] for picks in chosen)
    return tuple(f"{label} ({n_train:,})" for label, n_train in pairs)


def _crossover(budgets: Floats, apart: Floats, redrawn: Floats, n_seeds: int) -> Crossover:
    value, crossings = stays_ahead_from(budgets, apart), sign_changes(budgets, apart)
    if n_seeds < 2:
        return Crossover(Interval(value, math.nan, math.nan), crossings)
    ahead, changes = ahead_in_draws(budgets, redrawn)
    known = ~np.isnan(ahead)
    return Crossover(
        expanded_percentile(value, ahead, n_seeds),
        crossings,
        float(np.isinf(ahead[known]).mean()),
        float((changes[known] > 1).mean()),
        f"bootstrap over {n_seeds} seeds",
    )


def everything(trials: pd.DataFrame) -> tuple[Budgets, ...]:
    """`compare` on each dataset, seconds before joules; those that were not measured are absent."""
    found = [compare(trials, dataset, cost) for dataset in sorted(set(trials["dataset"])) for cost in COSTS]
    return tuple(each for each in found if each is not None)


def table(found: Sequence[Budgets]) -> pd.DataFrame:
    """Best traditional against best deep within each budget.

    Returns
    -------
    DataFrame
        `dataset`, `cost`, `budget`, `best_traditional`, `traditional_accuracy`, `best_deep`, `deep_accuracy`,
        `difference`, `low`, `high`.
    """
    rows = [
        (
            each.dataset,
            each.cost,
            point.budget,
            " / ".join(point.traditional_chosen),
            point.traditional.value,
            " / ".join(point.deep_chosen),
            point.deep.value,
            *point.difference,
        )
        for each in found
        for point in each.points
    ]
    best = ["best_traditional", "traditional_accuracy", "best_deep", "deep_accuracy"]
    return pd.DataFrame(rows, columns=["dataset", "cost", "budget", *best, "difference", "low", "high"])


def crossovers(found: Sequence[Budgets]) -> pd.DataFrame:
    """The budget from which deep stays ahead.

    Returns
    -------
    DataFrame
        `dataset`, `cost`, `budget`, `low`, `high` (0 stands for below the smallest common budget, inf for above the
        largest), `crossings` (as text), `probability_none`, `probability_several`, `method`.
    """
    rows = [
        (
            each.dataset,
            each.cost,
            *each.crossover.n_star,
            ", ".join(f"{budget:,.3g}" for budget in each.crossover.crossings),
            *each.crossover[2:],
        )
        for each in found
    ]
    names = ["budget", "low", "high", "crossings", "probability_none", "probability_several", "method"]
    return pd.DataFrame(rows, columns=["dataset", "cost", *names])
