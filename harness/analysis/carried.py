"""What a choice of handcrafted features loses when it is made on another dataset than it serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from harness.analysis.entries import (
    Effect,
    Row,
    average,
    best,
    by,
    contest,
    effect,
    entries,
    given,
    ids,
    only,
    seeds_of,
    tried_sizes,
    weighted,
)
from harness.analysis.intervals import mean_known


class Carried(NamedTuple):
    """The handcrafted features that were best on `source`, minus those that are best on `dataset` itself."""

    dataset: str
    source: str
    n_train: int
    tuned: bool
    effect: Effect
    chosen: tuple[str, ...]
    trial_ids: tuple[str, ...]


def moved_choices(rows: Sequence[Row]) -> tuple[Carried, ...]:
    """For each dataset and other dataset: at the largest size of either that has the same features and classifier.

    Among the features that both have under a classifier, the one with the highest mean accuracy on the other dataset,
    minus the best here; the mean over the classifiers that have two such features.

    Parameters
    ----------
    rows
        `entries.scored` rows of handcrafted features. Untuned ones decide, tuned ones only where there are no others.
    """
    largest: dict[tuple[str, bool], tuple[int, dict[str, list[Row]]]] = {}
    for dataset, tuned, n_train, group in tried_sizes(rows):
        largest.setdefault((dataset, tuned), (n_train, by(group, "classifier")))
    found: dict[tuple[str, str], Carried] = {}
    for (dataset, tuned), (n_train, here) in largest.items():
        for (source, source_tuned), (_, there) in largest.items():
            if source != dataset and source_tuned == tuned and (dataset, source) not in found:
                made = _carry(here, there)
                if made is not None:
                    found[dataset, source] = Carried(dataset, source, n_train, tuned, *made)
    return tuple(found[key] for key in sorted(found))


def _carry(
    here: Mapping[str, list[Row]], there: Mapping[str, list[Row]]
) -> tuple[Effect, tuple[str, ...], tuple[str, ...]] | None:
    contests, chosen, used, n_test = [], [], [], float("inf")
    for name in sorted(set(here) & set(there)):
        of, at_source = (entries(rows, seeds_of(rows)) for rows in (here[name], there[name]))
        if of is None or at_source is None:
            continue
        both = [pipeline for pipeline in at_source.names if pipeline in of.names]
        if len(both) < 2:
            continue
        of = only(of, [of.names.index(pipeline) for pipeline in both])
        at_source = only(at_source, [at_source.names.index(pipeline) for pipeline in both])
        pick = int(np.argmax(mean_known((at_source.half_a + at_source.half_b) / 2, axis=1)))
        weights = np.eye(len(both))[pick]
        contests.append(contest(given(weighted(of, weights, weights)), best(of)))
        chosen.append(both[pick])
        used += [of.trial_ids, at_source.trial_ids]
        n_test = min(n_test, of.n_test)
    if not any(each.seeds for each in contests):
        return None
    return effect(average(contests), n_test), tuple(dict.fromkeys(chosen)), ids(*used)
