"""Handcrafted features against learned ones by how easily they are explained, and both against controls."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from harness.analysis.frames import ok
from harness.analysis.intervals import Floats, Interval, t_interval
from harness.analysis.timing import one_per_seed

# What each part of row 5 compares: a column of `explained`, the origin that comes first and the other one. The lecture
# is right where first minus second is above 0 (for `sparse`, where first / second is above 1).
CONTRASTS = {
    "nameable": ("explained_r2", "hand", "learned"),
    "surrogate": ("surrogate_fidelity", "hand", "learned"),
    "faithful": ("faithfulness", "hand", "learned"),
    "sparse": ("features_needed", "learned", "hand"),
    "disentangled": ("disentanglement", "hand", "learned"),
    "trained": ("explained_r2", "random", "learned"),
}
RATIOS = ("features_needed",)
# Features that are properties of the bank themselves: of course the bank predicts them.
CONTAINED = ("regions", "topology", "edges", "colour")
ORIGINS = ("hand", "learned", "transferred", "pixels", "random", "shuffled")


class Difference(NamedTuple):
    """One contrast on one dataset at one size.

    Attributes
    ----------
    rule
        Its name in `CONTRASTS` and in `rules.RULES`.
    effect
        First minus second, or first / second, with its t interval over seeds.
    first, second
        Means of the two sides (geometric ones of `RATIOS`).
    first_pipelines, second_pipelines
        What was averaged on either side.
    seeds
        How many seeds have all of them.
    """

    rule: str
    dataset: str
    n_train: int
    effect: Interval
    first: float
    second: float
    first_pipelines: tuple[str, ...]
    second_pipelines: tuple[str, ...]
    seeds: int
    trial_ids: tuple[str, ...]


def explained(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that were explained, one for each pipeline and seed.

    Parameters
    ----------
    trials : DataFrame
        As `frames.complete` gives them.

    Returns
    -------
    DataFrame
        With `faithfulness`, the sum of `insertion_area` and `deletion_area`, each already relative to random order; and
        `contained`, whether a handcrafted feature is itself a property of the bank.
    """
    rows = one_per_seed(ok(trials))
    rows = rows[rows["feature_origin"].isin(ORIGINS) & rows[["explained_r2", "surrogate_fidelity"]].notna().any(axis=1)]
    parts = rows["features"].map(lambda text: set(text.split(" > ")))
    return rows.assign(
        faithfulness=rows["insertion_area"] + rows["deletion_area"],
        contained=[
            origin == "hand" and bool(of & set(CONTAINED))
            for origin, of in zip(rows["feature_origin"], parts, strict=True)
        ],
        network=["embedding" in of for of in parts],
    )


def difference(rows: pd.DataFrame, dataset: str, rule: str) -> Difference | None:
    """One contrast at the largest training size that has both sides.

    Sides are compared under the same classifier, and where it is about training (`trained`), at the same number of
    features, that is the same layer. Each side is the mean over its pipelines; a pipeline that completed fewer than
    half as many seeds as the most complete one is left out, then each seed that lacks one. The interval is a t interval
    over the seeds' differences; a seed draws training images, test images and initialisation, but not which
    representations there are: it says nothing of others.

    Parameters
    ----------
    rows : DataFrame
        From `explained`.

    Returns
    -------
    Difference or None
        None where no size has both sides.
    """
    measure, one, other = CONTRASTS[rule]
    values = rows[measure].to_numpy(dtype=float)
    found = (rows["dataset"] == dataset).to_numpy() & ~rows["contained"].to_numpy(dtype=bool) & ~np.isnan(values)
    found &= rows["feature_origin"].isin((one, other)).to_numpy()
    match = rows["classifier"].to_numpy()
    if rule == "trained":
        found &= rows["network"].to_numpy(dtype=bool)
        widths = rows["n_features"].to_numpy()
        match = np.array([f"{name} of {width}" for name, width in zip(match, widths, strict=True)], dtype=object)
    if measure in RATIOS:
        values = np.log(np.maximum(values, 1))
    columns = [rows[name].to_numpy()[found] for name in ("feature_origin", "pipeline", "seed", "trial_id")]
    cells = [_Cell(*cell) for cell in zip(match[found], *columns, values[found], strict=True)]
    sizes = rows["n_train"].to_numpy()[found]
    for n_train in sorted({int(size) for size in sizes}, reverse=True):
        made = _at([cell for cell, size in zip(cells, sizes, strict=True) if size == n_train], measure, one, other)
        if made is not None:
            return Difference(rule, dataset, n_train, *made)
    return None


class _Cell(NamedTuple):
    """One value; `match` is what both sides must have in common."""

    match: str
    origin: str
    pipeline: str
    seed: int
    trial_id: str
    value: float


_Sides = tuple[Interval, float, float, tuple[str, ...], tuple[str, ...], int, tuple[str, ...]]


def _at(cells: list[_Cell], measure: str, one: str, other: str) -> _Sides | None:
    # Python's own containers: a simulated study has a few dozen rows, and pandas takes most of its time to begin.
    seeds_of: dict[tuple[str, str, str], dict[int, list[float]]] = {}
    for cell in cells:
        of = seeds_of.setdefault((cell.match, cell.origin, cell.pipeline), {})
        of.setdefault(int(cell.seed), []).append(float(cell.value))
    most = max(map(len, seeds_of.values()), default=0)
    seeds_of = {key: of for key, of in seeds_of.items() if 2 * len(of) >= most}
    both = {match for match, origin, _ in seeds_of if origin == one}
    both &= {match for match, origin, _ in seeds_of if origin == other}
    seeds_of = {key: of for key, of in seeds_of.items() if key[0] in both}
    seeds = sorted(set.intersection(*map(set, seeds_of.values()))) if seeds_of else []
    if not seeds:
        return None

    def side(origin: str) -> Floats:
        """Mean over the pipelines of each classifier, then over the classifiers; of each seed."""
        means = [
            np.mean(
                [[np.mean(of[seed]) for seed in seeds] for key, of in seeds_of.items() if key[:2] == (match, origin)],
                axis=0,
            )
            for match in sorted(both)
        ]
        return np.asarray(np.mean(means, axis=0))

    first, second = side(one), side(other)
    effect, means = t_interval(first - second), (float(first.mean()), float(second.mean()))
    if measure in RATIOS:
        effect, means = effect.map(np.exp), (float(np.exp(means[0])), float(np.exp(means[1])))
    names = [tuple(sorted({pipeline for _, of, pipeline in seeds_of if of == origin})) for origin in (one, other)]
    used = tuple(
        cell.trial_id for cell in cells if cell.seed in seeds and (cell.match, cell.origin, cell.pipeline) in seeds_of
    )
    return effect, *means, names[0], names[1], len(seeds), used


def differences(trials: pd.DataFrame) -> tuple[Difference, ...]:
    """Every contrast of every dataset that has rows for it, from `complete` trials."""
    rows = explained(trials)
    made = [difference(rows, dataset, rule) for dataset in sorted(set(rows["dataset"])) for rule in CONTRASTS]
    return tuple(each for each in made if each is not None)
