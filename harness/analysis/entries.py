"""What pipelines scored on one dataset at one size; the best of several, and differences, with their intervals.

The best of several is never chosen on the test images that it is scored on (`families.cross_fit`): otherwise the side
that enters more pipelines would win by that alone. Where it is uncertain which is best, intervals are wider (`effect`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.analysis.crossed import crossed
from harness.analysis.families import cross_fit
from harness.analysis.frames import ok
from harness.analysis.intervals import NOTHING, Floats, Interval, in_order, mean_known, newcombe, t_interval
from harness.analysis.timing import TRIAL, one_per_seed
from harness.hits import unpack

MOST_NAMED = 6


class Row(NamedTuple):
    """What is compared of an ok trial: columns of the trials table, and whether it was tuned."""

    trial_id: str
    dataset: str
    pipeline: str
    family: str
    n_train: int
    seed: int
    device: str
    backend: str
    optimizer: str
    architecture: str
    scheme: str
    features: str
    classifier: str
    feature_origin: str
    ablation: str
    removed: str
    epochs: float
    accuracy: float
    accuracy_half_a: float
    accuracy_half_b: float
    n_test: float
    correct: str
    tuned: bool


def scored(trials: pd.DataFrame) -> list[Row]:
    """The ok trials of a `complete` frame with both half accuracies, one for each seed.

    Not those of a pipeline that diverged at that size with any seed: the seeds that survived would flatter it. Plain
    rows, for a table of text columns takes many times as long to be cut into pieces.
    """
    diverged = set(_columns(trials[trials["status"] == "diverged"], ["dataset", "pipeline", "n_train"]))
    made = _rows(trials)
    if len({tuple(getattr(row, name) for name in TRIAL) for row in made}) < len(made):
        made = _rows(one_per_seed(ok(trials)))
    return [row for row in made if (row.dataset, row.pipeline, row.n_train) not in diverged]


def _columns(trials: pd.DataFrame, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    return zip(*(trials[name].tolist() for name in names), strict=True)


def _rows(trials: pd.DataFrame) -> list[Row]:
    every = zip(trials["status"].tolist(), _columns(trials, [*Row._fields[:-1], "tuning"]), strict=True)
    good = [Row._make((*values[:-1], values[-1] != "")) for status, values in every if status == "ok"]
    # A comparison with NaN is false.
    return [row for row in good if row.accuracy_half_a >= 0 and row.accuracy_half_b >= 0 and row.n_test >= 2]


def split(rows: Iterable[Row], keys: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    """The rows by what they have in these columns, keys in order."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(getattr(row, key) for key in keys), []).append(row)
    return dict(sorted(groups.items()))


def by(rows: Iterable[Row], key: str) -> dict[str, list[Row]]:
    """The rows by what they have in one column of text, in order."""
    return {value: group for (value,), group in split(rows, [key]).items()}


def seeds_of(rows: Iterable[Row]) -> list[int]:
    """All seeds, ascending."""
    return sorted({row.seed for row in rows})


def epochs_of(rows: Iterable[Row]) -> dict[str, float]:
    """For how many epochs each pipeline was trained, the most of its seeds; without those of which it is not known."""
    most: dict[str, float] = {}
    for row in rows:
        if row.epochs > most.get(row.pipeline, 0):
            most[row.pipeline] = row.epochs
    return most


class Entries(NamedTuple):
    """Several pipelines with the same seeds; NaN where a seed was not measured, `hits` texts by (entry, seed)."""

    names: tuple[str, ...]
    half_a: Floats
    half_b: Floats
    hits: dict[tuple[int, int], tuple[str, ...]]
    n_test: float
    trial_ids: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether all that was measured says which images were right."""
        return bool(self.hits) and all("" not in texts for texts in self.hits.values())

    @property
    def seeds(self) -> NDArray[np.intp]:
        """How many seeds each entry has, shape (entries,)."""
        return np.asarray((~np.isnan(self.half_a)).sum(axis=1), dtype=np.intp)


def entries(rows: Sequence[Row], seeds: Sequence[int], *, images: bool = True) -> Entries | None:
    """Gather rows, an entry for each pipeline; None if there are none.

    Rows of one pipeline and seed (several devices or backends) are averaged. An entry with fewer than half the seeds of
    the most complete one is left out: it could win by a lucky seed.

    Parameters
    ----------
    rows
        Of one dataset and size.
    seeds
        The columns, whether measured or not.
    images
        Whether to keep which images were right.
    """
    if not rows:
        return None
    measured: dict[str, dict[int, list[Row]]] = {}
    for row in rows:
        measured.setdefault(row.pipeline, {}).setdefault(row.seed, []).append(row)
    most = max(len(found) for found in measured.values())
    names = tuple(name for name in sorted(measured) if 2 * len(measured[name]) >= most)
    half_a, half_b = np.full((2, len(names), len(seeds)), np.nan)
    hits = {}
    for place, name in enumerate(names):
        for column, seed in enumerate(seeds):
            found = measured[name].get(seed)
            if found:
                half_a[place, column] = sum(row.accuracy_half_a for row in found) / len(found)
                half_b[place, column] = sum(row.accuracy_half_b for row in found) / len(found)
                if images:
                    hits[place, column] = tuple(row.correct for row in found)
    used = tuple(row.trial_id for row in rows if row.pipeline in names)
    return Entries(names, half_a, half_b, hits, float(np.median([row.n_test for row in rows])), used)


def only(of: Entries, kept: Sequence[int]) -> Entries:
    """The entries at these positions."""
    row_of = {entry: row for row, entry in enumerate(kept)}
    hits = {(row_of[entry], seed): texts for (entry, seed), texts in of.hits.items() if entry in row_of}
    names = tuple(of.names[entry] for entry in kept)
    return of._replace(names=names, half_a=of.half_a[list(kept)], half_b=of.half_b[list(kept)], hits=hits)


class Scores(NamedTuple):
    """Accuracy with each seed, and the share of right answers for every seed and image where that is known."""

    accuracy: Floats
    hits: Floats | None

    @property
    def mean(self) -> float:
        """Mean over the seeds measured."""
        return float(mean_known(self.accuracy, axis=0))


def weighted(of: Entries, on_a: Floats, on_b: Floats) -> Scores:
    """The mean of entries by weights of shape (entries,), one set for each half of the test images (even, odd)."""

    def mean(weights: Floats, half: Floats) -> Floats:
        return np.asarray(weights @ np.where(weights[:, None] == 0, 0.0, half))

    accuracy = (mean(on_a, of.half_a) + mean(on_b, of.half_b)) / 2
    return Scores(accuracy, _hits(of, on_a, on_b, ~np.isnan(accuracy)) if of.complete else None)


def _hits(of: Entries, on_a: Floats, on_b: Floats, known: NDArray[np.bool_]) -> Floats | None:
    """The weighted mean of right answers, shape (seeds, images); None where a row's text is not of its test images."""
    images = round(of.n_test)
    hits = np.full((len(known), images), np.nan)
    hits[known] = 0
    for entry in np.flatnonzero((on_a != 0) | (on_b != 0)):
        for seed in np.flatnonzero(known):
            texts = of.hits[int(entry), int(seed)]
            try:
                right = np.mean([unpack(text, images) for text in texts], axis=0)
            except ValueError:
                return None
            hits[seed, 0::2] += on_a[entry] * right[0::2]
            hits[seed, 1::2] += on_b[entry] * right[1::2]
    return hits


class Best(NamedTuple):
    """The best of several entries.

    Attributes
    ----------
    scores
        Chosen on one half of the test images and scored on the other: what somebody gets who chooses by so many
        images. On average never more than the truly best entry has, for the choice can be wrong.
    generous
        Chosen and scored on the same images: on average never less than the truly best entry has.
    chosen
        Which it was, on half a and on half b.
    """

    scores: Scores
    generous: Scores
    chosen: tuple[str, ...]


def best(of: Entries) -> Best:
    """The best entry; where both halves choose the same, `generous` is no other than `scores`."""
    fit = cross_fit(of.half_a, of.half_b, in_order(of.half_a.shape[1]))
    on_a, on_b = int(fit.chosen_on_a[0]), int(fit.chosen_on_b[0])
    one_hot = np.eye(len(of.names))
    scores = weighted(of, one_hot[on_b], one_hot[on_a])
    if on_a == on_b:
        return Best(scores, scores, (of.names[on_a],))
    levels = np.nan_to_num(mean_known((of.half_a + of.half_b) / 2, axis=1), nan=-1.0)
    highest = one_hot[int(np.argmax(levels))]
    return Best(scores, weighted(of, highest, highest), (of.names[on_a], of.names[on_b]))


def given(scores: Scores) -> Best:
    """What was not chosen among several."""
    return Best(scores, scores, ())


class Pair(NamedTuple):
    """Two accuracies for each seed, and their difference on every image where that is known."""

    one: Floats
    two: Floats
    hits: Floats | None

    @property
    def seeds(self) -> int:
        """How many seeds have both."""
        return int((~np.isnan(self.one - self.two)).sum())

    @property
    def n_images(self) -> int:
        """Test images of which each is known; 0 where none is."""
        return 0 if self.hits is None else int(self.hits.shape[1])


def _pair(one: Scores, two: Scores) -> Pair:
    if one.hits is None or two.hits is None or one.hits.shape != two.hits.shape:
        return Pair(one.accuracy, two.accuracy, None)
    return Pair(one.accuracy, two.accuracy, one.hits - two.hits)


class Contest(NamedTuple):
    """One best against another: `fair` to both; and to the favour of the second (`low`) and of the first (`high`)."""

    fair: Pair
    low: Pair
    high: Pair

    @property
    def seeds(self) -> int:
        """How many seeds have both sides."""
        return self.fair.seeds


def contest(one: Best, two: Best) -> Contest:
    """Put two sides against each other."""
    fair = _pair(one.scores, two.scores)
    low = fair if two.generous is two.scores else _pair(one.scores, two.generous)
    return Contest(fair, low, fair if one.generous is one.scores else _pair(one.generous, two.scores))


def average(contests: Sequence[Contest]) -> Contest:
    """The mean of several contests at every seed that has all of them.

    Those with fewer than half the seeds of the most complete one are left out, or they would leave out the others'.
    """
    most = max(each.seeds for each in contests)
    kept = [each for each in contests if each.seeds and 2 * each.seeds >= most]
    if len(kept) <= 1:
        return kept[0] if kept else contests[0]
    fair = _mean([each.fair for each in kept])
    low = fair if all(each.low is each.fair for each in kept) else _mean([each.low for each in kept])
    high = fair if all(each.high is each.fair for each in kept) else _mean([each.high for each in kept])
    return Contest(fair, low, high)


def _mean(pairs: Sequence[Pair]) -> Pair:
    one, two = np.mean([each.one for each in pairs], axis=0), np.mean([each.two for each in pairs], axis=0)
    hits = [each.hits for each in pairs if each.hits is not None and each.n_images == pairs[0].n_images]
    return Pair(one, two, np.mean(np.stack(hits), axis=0) if len(hits) == len(pairs) else None)


class Effect(NamedTuple):
    """A difference of accuracies with its interval, the means of both sides, and how it was made."""

    interval: Interval
    one: float
    two: float
    seeds: int
    method: str


NO_EFFECT = Effect(NOTHING, float("nan"), float("nan"), 0, "no seed has both")


def effect(of: Contest, n_test: float) -> Effect:
    """The mean difference over the seeds that have both sides.

    The interval counts seeds and test images as drawn at random (`crossed`) where rows say which images were right.
    Elsewhere it is the wider of the t interval over seeds and the binomial one: seeds share the test images, so their
    spread leaves these out. One seed has no interval, for it says nothing of what another would give.

    Where the halves of the test images disagree on which entry is best, `fair` takes too little for the best (see
    `Best`) and would decide falsely. So the low end is that of the contest in the other side's favour and the high
    end that of the contest in its own: between them lies the difference of the truly best.
    """
    found = _effect(of.fair, n_test)
    if not found.interval.known or (of.low is of.fair and of.high is of.fair):
        return found
    low = found if of.low is of.fair else _effect(of.low, n_test)
    high = found if of.high is of.fair else _effect(of.high, n_test)
    ends = [end for end in (found.interval, low.interval, high.interval) if end.known]
    wider = Interval(found.interval.value, min(end.low for end in ends), max(end.high for end in ends))
    return found._replace(interval=wider, method=f"{found.method}; widened by doubt which is the best")


def _effect(of: Pair, n_test: float) -> Effect:
    known = ~np.isnan(of.one - of.two)
    seeds = int(known.sum())
    if seeds == 0:
        return NO_EFFECT
    one, two = float(of.one[known].mean()), float(of.two[known].mean())
    if seeds == 1:
        return Effect(Interval(one - two, float("nan"), float("nan")), one, two, 1, "one seed has no interval")
    if of.hits is not None:
        return Effect(crossed(of.hits[known]), one, two, seeds, f"crossed, {seeds} seeds and {n_test:,.0f} test images")
    over_seeds = t_interval(of.one[known] - of.two[known])
    binomial = newcombe(one, two, n_test)
    if binomial.half_width > over_seeds.half_width:
        name = f"binomial on {n_test:,.0f} test images, wider than the paired t over {seeds} seeds"
        return Effect(binomial, one, two, seeds, name)
    return Effect(over_seeds, one, two, seeds, f"paired t over {seeds} seeds")


def tried_sizes(rows: Iterable[Row]) -> Iterator[tuple[str, bool, int, list[Row]]]:
    """Rows by dataset, untuned before tuned, the largest size first."""
    groups = split(rows, ["dataset", "tuned", "n_train"])
    for dataset, tuned, n_train in sorted(groups, key=lambda key: (key[0], key[1], -key[2])):
        yield dataset, tuned, n_train, groups[dataset, tuned, n_train]


def left_out(trials: pd.DataFrame, compared: pd.Series) -> tuple[str, ...]:
    """Trials among the compared ones that did not end well, in words: a remark for each status."""
    if not ((trials["status"] != "ok") & compared).any():
        return ()
    planned: dict[tuple[Any, ...], int] = {}
    bad: dict[str, dict[tuple[Any, ...], int]] = {}
    for status, *cell in _columns(trials[compared], ["status", "dataset", "n_train", "pipeline"]):
        key = tuple(cell)
        planned[key] = planned.get(key, 0) + 1
        if status != "ok":
            of_status = bad.setdefault(status, {})
            of_status[key] = of_status.get(key, 0) + 1
    remarks = []
    for status, cells in sorted(bad.items()):
        named = [
            f"{key[2]} ({key[0]}, {key[1]:,} images: {cells[key]} of {planned[key]})"
            for key in sorted(cells)[:MOST_NAMED]
        ]
        further = [f"and {len(cells) - MOST_NAMED:,} more"] if len(cells) > MOST_NAMED else []
        remarks.append(f"without the trials that ended as {status}: {', '.join([*named, *further])}")
    return tuple(remarks)


def ids(*of: Iterable[str]) -> tuple[str, ...]:
    """Trial ids, each once."""
    return tuple(dict.fromkeys(one for each in of for one in each))
