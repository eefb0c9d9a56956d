"""Stage by stage against end to end: one network trained both ways; and what each stage of a pipeline adds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from harness.analysis.entries import (
    Contest,
    Effect,
    Entries,
    Row,
    average,
    best,
    by,
    contest,
    effect,
    entries,
    epochs_of,
    ids,
    scored,
    seeds_of,
    split,
    tried_sizes,
)
from harness.analysis.frames import ok

JOINT = "joint"
# What a comparison needs, and what takes part where it is there.
NEEDED = ("frozen", "stagewise")
STAGED = (*NEEDED, "transferred")
SCHEMES = (*STAGED, JOINT)
# What the ways of training one network must have in common, beside the dataset, the size and the seed.
MATCHED = ["architecture", "optimizer", "backend", "device", "features"]


class Contrast(NamedTuple):
    """One network at one size: the accuracy of each scheme (mean over seeds) and joint minus the best staged one.

    `matched` is what it has in the columns `MATCHED`, `epochs` how many it was trained for, several where ways differ.
    """

    matched: tuple[str, ...]
    epochs: tuple[float, ...]
    accuracies: dict[str, float]
    chosen: tuple[str, ...]
    contest: Contest
    effect: Effect
    n_test: float
    trial_ids: tuple[str, ...]


class Gain(NamedTuple):
    """What training end to end gains on a dataset: joint minus the best staged scheme, mean over the networks."""

    dataset: str
    n_train: int
    tuned: bool
    effect: Effect
    contrasts: tuple[Contrast, ...]
    trial_ids: tuple[str, ...]


def end_to_end(trials: pd.DataFrame) -> tuple[Gain, ...]:
    """For each dataset, the gain at the largest size at which one network was trained jointly, frozen and stagewise.

    The best staged scheme is chosen for each network on one half of the test images and scored on the other, the
    halves are swapped and averaged; `transferred` takes part where it is there, although it has seen more images.
    Several networks (or optimizers, backends, devices) are averaged seed by seed. Untuned trials, tuned ones only
    where no untuned ones allow it.
    """
    found: dict[str, Gain] = {}
    for dataset, tuned, n_train, group in tried_sizes(_networks(trials)):
        if dataset in found:
            continue
        contrasts = _contrasts(group)
        if contrasts:
            n_test = min(each.n_test for each in contrasts)
            together = effect(average([each.contest for each in contrasts]), n_test)
            used = ids(*(each.trial_ids for each in contrasts))
            found[dataset] = Gain(dataset, n_train, tuned, together, contrasts, used)
    return tuple(found.values())


def schemes(trials: pd.DataFrame) -> pd.DataFrame:
    """Every network that was trained in several ways, at every size: what each scheme scores and what joint gains.

    Returns
    -------
    DataFrame
        `dataset`, `n_train`, `tuned`, `architecture`, `optimizer`, `backend`, `device`, `features`; `frozen`,
        `stagewise`, `transferred`, `joint` (accuracy, mean over seeds); `best_staged` (chosen), `gain` with `low` and
        `high`, `seeds`, `interval` (how it was made), `epochs`. Networks without joint, frozen and stagewise rows are
        absent.
    """
    lines = []
    for dataset, tuned, n_train, group in tried_sizes(_networks(trials)):
        for each in _contrasts(group):
            accuracies = (each.accuracies.get(scheme, float("nan")) for scheme in SCHEMES)
            epochs = " or ".join(f"{value:g}" for value in each.epochs)
            made = (" or ".join(each.chosen), *each.effect.interval, each.effect.seeds, each.effect.method, epochs)
            lines.append((dataset, n_train, "yes" if tuned else "", *each.matched, *accuracies, *made))
    columns = ["dataset", "n_train", "tuned", *MATCHED, *SCHEMES, "best_staged", "gain", "low", "high", "seeds"]
    return pd.DataFrame(lines, columns=[*columns, "interval", "epochs"])


def _networks(trials: pd.DataFrame) -> list[Row]:
    return [row for row in scored(trials) if row.architecture and row.scheme in SCHEMES and not row.removed]


def _contrasts(rows: Sequence[Row]) -> tuple[Contrast, ...]:
    """The networks of one size that have joint, frozen and stagewise rows with a common seed."""
    seeds = seeds_of(rows)
    found = []
    for key, group in split(rows, MATCHED).items():
        parts = by(_equally_long(group), "scheme")
        if not {JOINT, *NEEDED} <= set(parts):
            continue
        staged_rows = [row for scheme in STAGED for row in parts.get(scheme, [])]
        joint, staged = entries(parts[JOINT], seeds), entries(staged_rows, seeds)
        if joint is None or staged is None:
            continue
        best_staged = best(staged)
        against = contest(best(joint), best_staged)
        if not against.seeds:
            continue
        scheme_of = {row.pipeline: row.scheme for row in staged_rows}
        chosen_schemes = tuple(dict.fromkeys(scheme_of[name] for name in best_staged.chosen))
        accuracies = {scheme: float(np.mean([row.accuracy for row in of])) for scheme, of in parts.items()}
        n_test = min(joint.n_test, staged.n_test)
        lengths = tuple(sorted(set(epochs_of([*parts[JOINT], *staged_rows]).values())))
        contrast = (lengths, accuracies, chosen_schemes, against, effect(against, n_test), n_test)
        found.append(Contrast(key, *contrast, ids(joint.trial_ids, staged.trial_ids)))
    return tuple(found)


def _equally_long(rows: list[Row]) -> list[Row]:
    """The rows trained for the number of epochs that most have, of those that all schemes have; all rows if none."""
    epochs = epochs_of(rows)
    lengths = Counter(epochs.get(row.pipeline, float("nan")) for row in rows)
    if len(lengths) > 1:
        for length, _ in lengths.most_common():
            same = [row for row in rows if epochs.get(row.pipeline) == length]
            if {JOINT, *NEEDED} <= {row.scheme for row in same}:
                return same
    return rows


class Fall(NamedTuple):
    """What one stage adds to a pipeline at one size: accuracy of the whole minus accuracy without the stage."""

    dataset: str
    n_train: int
    tuned: bool
    pipeline: str
    family: str
    stage: str
    device: str
    contest: Contest
    effect: Effect
    n_test: float
    trial_ids: tuple[str, ...]


class Ablation(NamedTuple):
    """What a stage of the traditional pipelines adds on a dataset, mean over their stages.

    `lost` are stages that were taken away at this size, too, but whose falls have too few seeds or none.
    """

    dataset: str
    n_train: int
    tuned: bool
    effect: Effect
    falls: tuple[Fall, ...]
    lost: tuple[str, ...]
    trial_ids: tuple[str, ...]


def ablations(trials: pd.DataFrame) -> tuple[Ablation, ...]:
    """For each dataset, the mean fall over the stages of its traditional pipelines.

    At the largest size at which every stage that was taken away there has completed trials (at the largest with any
    where there is none). Seeds with all stages; stages of several pipelines count alike. Untuned trials, tuned ones
    only where there are no others.
    """
    by_place = every_fall(trials, traditional=True)
    if not by_place:
        return ()
    wanted = trials[(trials["removed"] != "") & (trials["family"] == "traditional")]
    planned: dict[tuple[str, int], set[str]] = {}
    for dataset, n_train, whole, stage in zip(
        *(wanted[name].tolist() for name in ("dataset", "n_train", "ablation", "removed")), strict=True
    ):
        planned.setdefault((dataset, n_train), set()).add(f"{whole} without {stage}")
    found: dict[str, Ablation] = {}
    for complete_only in (True, False):
        for (dataset, tuned, n_train), falls in by_place.items():
            most = max(fall.contest.seeds for fall in falls)
            kept = {f"{fall.pipeline} without {fall.stage}" for fall in falls if 2 * fall.contest.seeds >= most}
            lost = planned[dataset, n_train] - kept
            if dataset in found or (lost and complete_only):
                continue
            together = effect(average([fall.contest for fall in falls]), min(fall.n_test for fall in falls))
            used = ids(*(fall.trial_ids for fall in falls))
            found[dataset] = Ablation(dataset, n_train, tuned, together, falls, tuple(sorted(lost)), used)
    return tuple(found[dataset] for dataset in sorted(found))


def every_fall(trials: pd.DataFrame, *, traditional: bool = False) -> dict[tuple[str, bool, int], tuple[Fall, ...]]:
    """All measured falls by dataset, whether tuned, and size: untuned first, the largest size first."""
    rows = [row for row in scored(trials) if row.ablation and (row.family == "traditional" or not traditional)]
    found = {}
    for dataset, tuned, n_train, group in tried_sizes(rows):
        seeds = seeds_of(group)
        falls: list[Fall] = []
        for (name, device, _), of in split(group, ["ablation", "device", "backend"]).items():
            sides = {stage: entries(part, seeds) for stage, part in by(of, "removed").items()}
            whole = sides.pop("", None)
            if whole is None:
                continue
            for stage, without in sides.items():
                if without is not None:
                    fall = _fall((dataset, n_train, tuned, name, of[0].family, stage, device), whole, without)
                    falls += [fall] if fall.contest.seeds else []
        if falls:
            found[dataset, tuned, n_train] = tuple(falls)
    return found


def _fall(of: tuple[str, int, bool, str, str, str, str], whole: Entries, without: Entries) -> Fall:
    against = contest(best(whole), best(without))
    n_test = min(whole.n_test, without.n_test)
    return Fall(*of, against, effect(against, n_test), n_test, whole.trial_ids + without.trial_ids)


def falls(trials: pd.DataFrame) -> pd.DataFrame:
    """What each stage adds, at every size.

    Returns
    -------
    DataFrame
        `dataset`, `n_train`, `tuned`, `pipeline`, `family`, `without` (the stage), `device`, `whole` and `accuracy`
        (with all stages and without this one, mean over the seeds that have both), `fall` with `low` and `high`,
        `seeds`, `interval` (how it was made).
    """
    lines = [
        (
            *(fall.dataset, fall.n_train, "yes" if fall.tuned else "", fall.pipeline, fall.family, fall.stage),
            *(fall.device, fall.effect.one, fall.effect.two, *fall.effect.interval, fall.effect.seeds),
            fall.effect.method,
        )
        for of in every_fall(trials).values()
        for fall in of
    ]
    columns = ["dataset", "n_train", "tuned", "pipeline", "family", "without", "device", "whole", "accuracy", "fall"]
    return pd.DataFrame(lines, columns=[*columns, "low", "high", "seeds", "interval"])


def choices(trials: pd.DataFrame) -> pd.DataFrame:
    """How much of each pipeline a person chose: named stages, estimator or network, parameters set by hand.

    Returns
    -------
    DataFrame
        `family`, `pipeline`, `features`, `model`, `n_choices`; the fewest first. Pipelines that are another without
        a stage, and tuned twins, are left out.
    """
    rows = ok(trials)
    rows = rows[rows["n_choices"].notna() & (rows["removed"] == "") & (rows["tuning"] == "")]
    table = rows.drop_duplicates("pipeline")[["family", "pipeline", "features", "model", "n_choices"]]
    table = table.assign(n_choices=table["n_choices"].astype("int64"))
    return table.sort_values(["n_choices", "pipeline"], ignore_index=True)


def medians(trials: pd.DataFrame) -> dict[str, tuple[int, float, int, int]]:
    """For each family: how many pipelines, and the median, fewest and most choices that a person made for one."""
    of: dict[str, list[float]] = {}
    table = choices(trials)
    for family, number in zip(table["family"].tolist(), table["n_choices"].tolist(), strict=True):
        of.setdefault(family, []).append(number)
    return {
        name: (len(values), float(np.median(values)), int(min(values)), int(max(values)))
        for name, values in sorted(of.items())
    }


class Scheme(NamedTuple):
    """The accuracies of one scheme at several sizes, a tuple of seeds for each: what the figure draws."""

    sizes: tuple[int, ...]
    accuracies: tuple[tuple[float, ...], ...]


def by_size(trials: pd.DataFrame) -> dict[tuple[str, str], dict[str, Scheme]]:
    """For each dataset and architecture that was trained in two ways or more: its untuned accuracies by scheme.

    Optimizers, backends and devices of one seed are averaged. Tuned trials stand in where there are no others.
    """
    drawn = {}
    for (dataset, architecture), group in split(_networks(trials), ["dataset", "architecture"]).items():
        untuned = [row for row in group if not row.tuned]
        schemes = by(untuned or group, "scheme")
        if len(schemes) > 1:
            drawn[dataset, architecture] = {name: _scheme(part) for name, part in schemes.items()}
    return drawn


def _scheme(rows: Sequence[Row]) -> Scheme:
    sizes: dict[int, list[float]] = {}
    for (n_train, _), group in split(rows, ["n_train", "seed"]).items():
        sizes.setdefault(n_train, []).append(float(np.mean([row.accuracy for row in group])))
    return Scheme(tuple(sizes), tuple(tuple(values) for values in sizes.values()))
