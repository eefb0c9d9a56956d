"""Handcrafted against learned features under the same classifiers, and what choosing by hand is worth.

Where the best of several is compared, it is the best on one half of the test images, scored on the other, for both
sides alike (`entries.best`). Pipelines that are another without a stage (`removed`) take no part: they were made to be
worse.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import comb
from typing import NamedTuple

import numpy as np
import pandas as pd

from harness.analysis.carried import Carried, moved_choices
from harness.analysis.entries import (
    Contest,
    Effect,
    Entries,
    Row,
    Scores,
    average,
    best,
    by,
    contest,
    effect,
    entries,
    given,
    ids,
    only,
    scored,
    seeds_of,
    split,
    tried_sizes,
    weighted,
)
from harness.analysis.intervals import Floats, Interval, mean_known, t_interval

HAND, LEARNED, TRANSFERRED, NETWORK = "hand", "learned", "transferred", "end_to_end"
# In the order in which tables and figures show them; `random` and `shuffled` are controls that decide nothing.
ORIGINS = ("pixels", HAND, LEARNED, TRANSFERRED, "random", "shuffled")
# "Several": of two choices the best is half their difference above their mean whatever they are.
FEWEST_CHOICES = 3


class Swap(NamedTuple):
    """One origin of features minus another at one size, under each classifier that has both, and their mean."""

    dataset: str
    n_train: int
    tuned: bool
    one: str
    two: str
    effect: Effect
    by_classifier: dict[str, Effect]
    chosen: tuple[str, ...]
    against: tuple[str, ...]
    trial_ids: tuple[str, ...]


def swapped(trials: pd.DataFrame) -> tuple[Swap, ...]:
    """For each dataset, learned minus handcrafted features at the largest size that has both under one classifier.

    For each classifier the best pipeline with learned features against the best with handcrafted ones; the
    classifiers are averaged seed by seed. Untuned trials, tuned ones only where no untuned ones allow it.
    """
    return _swaps(scored(trials), LEARNED, HAND)


def swaps(trials: pd.DataFrame) -> pd.DataFrame:
    """The differences of `swapped` and `transferred` under each classifier, at every size.

    Returns
    -------
    DataFrame
        `dataset`, `n_train`, `tuned`, `features` and `minus` (origins), `classifier` (`mean` for their mean),
        `accuracy` and `minus_accuracy` (of the best, mean over the seeds that have both), `difference` with `low` and
        `high`, `seeds`, `interval` (how it was made).
    """
    rows = scored(trials)
    lines = []
    for one, two in ((LEARNED, HAND), (TRANSFERRED, HAND), (LEARNED, TRANSFERRED)):
        for swap in _swaps(rows, one, two, every_size=True):
            for name, found in {**swap.by_classifier, "mean": swap.effect}.items():
                place = (swap.dataset, swap.n_train, "yes" if swap.tuned else "", one, two, name)
                lines.append((*place, found.one, found.two, *found.interval, found.seeds, found.method))
    columns = ["dataset", "n_train", "tuned", "features", "minus", "classifier", "accuracy", "minus_accuracy"]
    return pd.DataFrame(lines, columns=[*columns, "difference", "low", "high", "seeds", "interval"])


def _features(rows: Iterable[Row], origins: Collection[str]) -> list[Row]:
    """The rows of whole pipelines of features of these origins and a classifier."""
    return [row for row in rows if row.classifier and not row.removed and row.feature_origin in origins]


def _networks(rows: Iterable[Row]) -> list[Row]:
    """The rows of networks on raw pixels, trained jointly."""
    joint = ("joint", "")
    return [row for row in rows if row.feature_origin == NETWORK and row.scheme in joint and not row.removed]


def _swaps(rows: Sequence[Row], one: str, two: str, *, every_size: bool = False) -> tuple[Swap, ...]:
    """One origin minus another by dataset: at the largest size that has both, or at every size, tuned ones too."""
    found: dict[object, Swap] = {}
    for dataset, tuned, n_train, group in tried_sizes(_features(rows, (one, two))):
        key = (dataset, tuned, n_train) if every_size else dataset
        swap = None if key in found else _swap((dataset, n_train, tuned, one, two), group)
        if swap is not None:
            found[key] = swap
    return tuple(found.values())


def _swap(of: tuple[str, int, bool, str, str], rows: Sequence[Row]) -> Swap | None:
    _, _, _, one, two = of
    seeds = seeds_of(rows)
    sides = {key: entries(part, seeds) for key, part in split(rows, ["classifier", "feature_origin"]).items()}
    contests: dict[str, Contest] = {}
    chosen: list[str] = []
    against: list[str] = []
    used: list[tuple[str, ...]] = []
    n_test = float("inf")
    for classifier in sorted({key[0] for key in sides}):
        first, second = sides.get((classifier, one)), sides.get((classifier, two))
        if first is None or second is None:
            continue
        best_first, best_second = best(first), best(second)
        both = contest(best_first, best_second)
        if both.seeds:
            contests[classifier] = both
            chosen += best_first.chosen
            against += best_second.chosen
            used += [first.trial_ids, second.trial_ids]
            n_test = min(n_test, first.n_test, second.n_test)
    if not contests:
        return None
    by_classifier = {name: effect(each, n_test) for name, each in contests.items()}
    mean = effect(average(list(contests.values())), n_test)
    return Swap(*of, mean, by_classifier, tuple(dict.fromkeys(chosen)), tuple(dict.fromkeys(against)), ids(*used))


class Choices(NamedTuple):
    """Handcrafted features under one classifier, all tried at one size.

    `expected[k - 1]` is the accuracy to be had, on average, by the best of k of them drawn at random; `spread` are the
    least, the lower quartile, the median, the upper quartile and the highest of their accuracies (means over seeds).
    """

    classifier: str
    pipelines: tuple[str, ...]
    effect: Effect
    spread: tuple[float, float, float, float, float]
    expected: tuple[Interval, ...]


class Choice(NamedTuple):
    """What choosing among handcrafted features is worth: the best minus the mean, averaged over `by_classifier`."""

    dataset: str
    n_train: int
    tuned: bool
    tried: int
    effect: Effect
    by_classifier: tuple[Choices, ...]
    network: Interval
    trial_ids: tuple[str, ...]


def choices(trials: pd.DataFrame) -> tuple[Choice, ...]:
    """For each dataset, the best minus the mean of the handcrafted features tried under the same classifier.

    A choice is a pipeline (the column `features` leaves parameters out). At the size at which most were tried under
    one classifier, the largest of several; under the classifiers under which so many were tried there, their mean. A
    choice with too few seeds is left out (`entries.entries`), then seeds that one of the others lacks. `network` is
    the best end-to-end network on pixels at that size. Untuned trials, tuned ones only where no untuned ones allow it.
    """
    rows = scored(trials)
    best_of: dict[tuple[str, bool], tuple[int, int, dict[str, Entries]]] = {}
    for dataset, tuned, n_train, group in tried_sizes(_features(rows, (HAND,))):
        seeds = seeds_of(group)
        tried = {
            name: _comparable(of)
            for name, part in by(group, "classifier").items()
            if (of := entries(part, seeds)) is not None
        }
        most = max(len(of.names) for of in tried.values())
        if most >= max(FEWEST_CHOICES, best_of.get((dataset, tuned), (0, 0, {}))[0] + 1):
            best_of[dataset, tuned] = (most, n_train, {name: of for name, of in tried.items() if len(of.names) == most})
    found: dict[str, Choice] = {}
    for (dataset, tuned), (tried_most, n_train, of_classifier) in best_of.items():
        if dataset not in found:
            place = (dataset, n_train, tuned)
            pool = [row for row in _networks(rows) if (row.dataset, row.n_train, row.tuned) == place]
            found[dataset] = _choice(dataset, n_train, tuned, tried_most, of_classifier, pool)
    return tuple(found.values())


def _choice(
    dataset: str, n_train: int, tuned: bool, tried: int, of_classifier: Mapping[str, Entries], networks: Sequence[Row]
) -> Choice:
    contests, by_classifier = [], []
    n_test = min(of.n_test for of in of_classifier.values())
    for name, of in of_classifier.items():
        both = contest(best(of), given(_best_of(of, 1)))
        contests.append(both)
        levels = mean_known((of.half_a + of.half_b) / 2, axis=1)
        least, lower, middle, upper, highest = np.quantile(levels, [0, 0.25, 0.5, 0.75, 1]).tolist()
        curve = tuple(t_interval(_best_of(of._replace(hits={}), k).accuracy) for k in range(1, tried + 1))
        spread = (least, lower, middle, upper, highest)
        by_classifier.append(Choices(name, of.names, effect(both, n_test), spread, curve))
    network = entries(networks, seeds_of(networks), images=False)
    accuracy = t_interval(best(network).scores.accuracy if network else [])
    used = ids(*(of.trial_ids for of in of_classifier.values()))
    return Choice(
        dataset, n_train, tuned, tried, effect(average(contests), n_test), tuple(by_classifier), accuracy, used
    )


def _comparable(of: Entries) -> Entries:
    """The entries with the most seeds only, where all together have fewer than two seeds in common."""
    if int((~np.isnan(of.half_a)).all(axis=0).sum()) >= 2:
        return of
    return only(of, np.flatnonzero(of.seeds == of.seeds.max()).tolist())


def _best_of(of: Entries, k: int) -> Scores:
    """What the best of k entries scores, the mean over all choices of k of them.

    The r-th best of K on one half is the best of k drawn ones with probability C(K - r, k - 1) / C(K, k); it is
    scored on the other half, the halves are swapped and averaged. With k = 1 it is the mean of all, with k = K the
    best.
    """
    count = len(of.names)
    share = np.array([comb(count - rank, k - 1) / comb(count, k) for rank in range(1, count + 1)])

    def weights(half: Floats) -> Floats:
        given = np.zeros(count)
        given[np.argsort(-mean_known(half, axis=1), kind="stable")] = share
        return given

    return weighted(of, weights(of.half_b), weights(of.half_a))


def spread(trials: pd.DataFrame) -> pd.DataFrame:
    """How much the choice of handcrafted features changes, where most were tried.

    Returns
    -------
    DataFrame
        `dataset`, `n_train`, `tuned`, `classifier`, `tried`; `least`, `lower_quartile`, `median`, `upper_quartile`,
        `highest` (of the choices' accuracies); `mean`, `best` (chosen on other images than it is scored on), `gain`
        (best minus mean) with `low` and `high`, `seeds`, `interval` (how it was made).
    """
    lines = [
        (
            *(choice.dataset, choice.n_train, "yes" if choice.tuned else "", of.classifier, choice.tried, *of.spread),
            *(of.effect.two, of.effect.one, *of.effect.interval, of.effect.seeds, of.effect.method),
        )
        for choice in choices(trials)
        for of in choice.by_classifier
    ]
    columns = ["dataset", "n_train", "tuned", "classifier", "tried"]
    columns += ["least", "lower_quartile", "median", "upper_quartile", "highest", "mean", "best"]
    return pd.DataFrame(lines, columns=[*columns, "gain", "low", "high", "seeds", "interval"])


class NoChoice(NamedTuple):
    """The best network on raw pixels minus the best pipeline with handcrafted features.

    `tried` is how many handcrafted features there are under the classifier that has most.
    """

    dataset: str
    n_train: int
    tuned: bool
    tried: int
    effect: Effect
    networks: tuple[str, ...]
    hand: tuple[str, ...]
    trial_ids: tuple[str, ...]


def without_choice(trials: pd.DataFrame) -> tuple[NoChoice, ...]:
    """For each dataset, network minus handcrafted features (any classifier) at the largest size that has both.

    Networks are those trained end to end and jointly. Untuned trials, tuned ones only where no untuned ones allow it.
    """
    rows = scored(trials)
    found: dict[str, NoChoice] = {}
    for dataset, tuned, n_train, group in tried_sizes([*_features(rows, (HAND,)), *_networks(rows)]):
        if dataset in found:
            continue
        seeds, origins = seeds_of(group), by(group, "feature_origin")
        hand, network = (entries(origins.get(origin, []), seeds) for origin in (HAND, NETWORK))
        if hand is None or network is None:
            continue
        best_network, best_hand = best(network), best(hand)
        against = contest(best_network, best_hand)
        if against.seeds:
            under = by((row for row in origins[HAND] if row.pipeline in hand.names), "classifier")
            tried = max(len({row.pipeline for row in part}) for part in under.values())
            measured = effect(against, min(hand.n_test, network.n_test))
            used = ids(network.trial_ids, hand.trial_ids)
            found[dataset] = NoChoice(
                dataset, n_train, tuned, tried, measured, best_network.chosen, best_hand.chosen, used
            )
    return tuple(found.values())


class Transfer(NamedTuple):
    """What features are worth on another dataset than they were learned or chosen on; None where not measured.

    `learned` is transferred minus handcrafted features, `loss` learned minus transferred ones, `carried` what the
    choice of handcrafted features loses when it is made on another dataset of the run.
    """

    dataset: str
    learned: Swap | None
    loss: Swap | None
    carried: tuple[Carried, ...]


def transferred(trials: pd.DataFrame) -> tuple[Transfer, ...]:
    """For each dataset, how learned features and a choice of handcrafted ones bear being moved to it."""
    rows = scored(trials)
    learned = {swap.dataset: swap for swap in _swaps(rows, TRANSFERRED, HAND)}
    loss = {swap.dataset: swap for swap in _swaps(rows, LEARNED, TRANSFERRED)}
    carried: dict[str, list[Carried]] = {}
    for each in moved_choices(_features(rows, (HAND,))):
        carried.setdefault(each.dataset, []).append(each)
    return tuple(
        Transfer(name, learned.get(name), loss.get(name), tuple(carried.get(name, ())))
        for name in sorted({*learned, *loss, *carried})
    )


def carried(trials: pd.DataFrame) -> pd.DataFrame:
    """What a choice of handcrafted features loses on another dataset than it was made on.

    Returns
    -------
    DataFrame
        `dataset`, `source` (where the choice was made), `n_train`, `tuned`, `chosen` (pipelines), `accuracy` (of
        them) and `best` (of the choice made here), `difference` with `low` and `high`, `seeds`, `interval` (how it was
        made).
    """
    lines = [
        (
            *(each.dataset, each.source, each.n_train, "yes" if each.tuned else "", " or ".join(each.chosen)),
            *(each.effect.one, each.effect.two, *each.effect.interval, each.effect.seeds, each.effect.method),
        )
        for transfer in transferred(trials)
        for each in transfer.carried
    ]
    columns = ["dataset", "source", "n_train", "tuned", "chosen", "accuracy", "best", "difference", "low", "high"]
    return pd.DataFrame(lines, columns=[*columns, "seeds", "interval"])


def matrix(trials: pd.DataFrame) -> pd.DataFrame:
    """Every origin of features under every classifier, and networks: the best of each, at every size.

    Returns
    -------
    DataFrame
        `dataset`, `n_train`, `tuned`, `classifier` (`network` for networks on raw pixels), `origin`, `tried` (how
        many pipelines), `accuracy` (of the best, chosen on other test images than it is scored on; mean over seeds)
        with `low` and `high` (t over seeds), `seeds`, `chosen`.
    """
    rows = scored(trials)
    networks = [row._replace(classifier="network") for row in _networks(rows)]
    lines = []
    for dataset, tuned, n_train, group in tried_sizes([*_features(rows, ORIGINS), *networks]):
        for (classifier, origin), part in split(group, ["classifier", "feature_origin"]).items():
            of = entries(part, seeds_of(part), images=False)
            if of is not None:
                found = best(of)
                accuracy = t_interval(found.scores.accuracy)
                seeds = int((~np.isnan(found.scores.accuracy)).sum())
                place = (dataset, n_train, "yes" if tuned else "", classifier, origin, len(of.names))
                lines.append((*place, *accuracy, seeds, " or ".join(found.chosen)))
    columns = ["dataset", "n_train", "tuned", "classifier", "origin", "tried", "accuracy", "low", "high", "seeds"]
    return pd.DataFrame(lines, columns=[*columns, "chosen"])
