"""How long trials will take and how much memory they will need, from those that are done.

A trial's cost is the sum of its parts, and each follows a law of its own in its own amount of work
(`harness.run.law`): features in the training images, a network's training in its gradient steps, a support vector
machine's in a power of the images, loading and evaluating in none. Where no trial of a pipeline was seen, the trials
that are most like it are asked (`harness.run.work.kinds`); where none of those was seen either, nothing is said.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from harness.data.base import DatasetInfo
from harness.run.columns import PHASES
from harness.run.law import Curve, Prior
from harness.run.work import Amounts, Kind, amounts, kinds, priors
from harness.suite.model import Part
from harness.suite.plan import Trial

# Fates whose time is what the trial takes; one that was stopped at its limit takes at least that.
TIMED = ("ok", "diverged", "timeout")
# Parts of a cost that are bytes; the others are seconds.
BYTES = ("base", "added")
# No time or memory that anybody measured is larger, in seconds or bytes.
LARGEST = 1e15
SAME_SIZE, OTHER_SIZES, UNKNOWN = "same size", "other sizes", "unknown"


class Costs:
    """What was seen of one kind of trial: a curve for each part of the cost."""

    def __init__(self, relation: str, beliefs: Mapping[str, Prior]) -> None:
        self.relation = relation
        self.curves = {part: Curve(prior) for part, prior in beliefs.items()}

    @property
    def seen(self) -> bool:
        """Whether there was any row."""
        return any(curve.rows for curve in self.curves.values())

    def learn(self, work: Amounts, parts: Mapping[str, float]) -> None:
        """Take in the parts of one row's cost."""
        for part, value in parts.items():
            self.curves[part].learn(amount(part, work), value)

    def expected(self, work: Amounts) -> dict[str, float]:
        """What each part is expected to cost, of those seen."""
        return {part: curve.at(amount(part, work)) for part, curve in self.curves.items() if curve.rows}


class Point(NamedTuple):
    """Planned trials of one kind that are expected to cost the same."""

    work: Amounts
    limit: float


class Group:
    """Trials of one pipeline on one dataset and device: whom to ask about them, and how many are left."""

    def __init__(self, costs: tuple[Costs, ...]) -> None:
        self.costs = costs
        """Their own first, then those of trials like them, the most similar first."""
        self.left: Counter[Point] = Counter()
        self.total: tuple[float, int] | None = None
        """What `add_up` said; None where that may have changed."""

    def asked(self) -> Costs | None:
        """Who knows best; None where nobody knows."""
        return next((costs for costs in self.costs if costs.seen), None)

    def expected(self, work: Amounts) -> dict[str, float]:
        """What each part of a trial is expected to cost; empty where nobody knows."""
        costs = self.asked()
        return costs.expected(work) if costs else {}

    def seconds(self, work: Amounts) -> float | None:
        """Expected wall time of a trial."""
        times = [value for part, value in self.expected(work).items() if part not in BYTES]
        return math.fsum(times) if times else None

    def memory(self, work: Amounts) -> int | None:
        """Expected peak memory of a trial in bytes."""
        sizes = [value for part, value in self.expected(work).items() if part in BYTES]
        return round(math.fsum(sizes)) if sizes else None

    def add_up(self) -> tuple[float, int]:
        """Seconds of the trials that are left, none counted beyond its limit; and how many are unknown."""
        # What others say changes with every row of theirs; what is known here only with a row from here.
        if self.total is None or not self.costs[0].seen:
            times = [(self.seconds(point.work), point.limit, count) for point, count in self.left.items()]
            known = math.fsum(count * min(seconds, limit) for seconds, limit, count in times if seconds is not None)
            self.total = known, sum(count for seconds, _, count in times if seconds is None)
        return self.total


class Forecast:
    """Predicts planned trials from rows, and adds up what is left.

    Learning a row and adding up after it cost the same however many trials there are: as much as one pipeline has
    sizes.

    Parameters
    ----------
    planned
        The trials to predict, all of them still to run.
    info
        What is known of a dataset, so that one whose images have the same size and number can stand in for it.
    """

    def __init__(self, planned: Iterable[Trial], info: Callable[[Part], DatasetInfo | None] | None = None) -> None:
        self.info = info or (lambda part: None)
        self.costs: dict[Kind, Costs] = {}
        self.groups: dict[Kind, Group] = {}
        # By object: the trials of a plan share their pipelines' specifications, which are slow to write down.
        self.known: dict[tuple[object, ...], tuple[Trial, tuple[Kind, ...]]] = {}
        self.places: dict[str, tuple[Group, Point]] = {}
        # By object, too, which is kept so that no other one takes its place.
        self.shapes: dict[int, tuple[Part, tuple[int, ...] | None]] = {}
        for trial in planned:
            own, *others = self.kinds(trial)
            if own not in self.groups:
                beliefs = priors(trial)
                each = [self.costs.setdefault(kind, Costs(kind.relation, beliefs)) for kind in (own, *others)]
                self.groups[own] = Group(tuple(each))
            group, point = self.groups[own], Point(self.amounts(trial), trial.limits.time or math.inf)
            self.places[trial.id] = group, point
            group.left[point] += 1

    def learn(self, trial: Trial, row: Mapping[str, Any]) -> bool:
        """Take in the row of a finished trial, planned here or not; the latest rows of a size count.

        Rows of trials that failed, crashed or were skipped say nothing of what a trial takes, and are passed over.

        Returns
        -------
        bool
            Whether the row tells anything of a planned trial.
        """
        told = [self.costs[kind] for kind in self.kinds(trial) if kind in self.costs]
        parts = costs_of(row, trial)
        if not (told and parts):
            return False
        for costs in told:
            costs.learn(self.amounts(trial), parts)
        if group := self.group(trial):
            group.total = None
        return True

    def done(self, trial: Trial) -> None:
        """A planned trial is left no longer; one that was not planned, or is done already, changes nothing."""
        if place := self.places.pop(trial.id, None):
            group, point = place
            group.total = None
            group.left[point] -= 1
            if not group.left[point]:
                del group.left[point]

    def remaining(self) -> tuple[float, int]:
        """Seconds of all that is left and can be told, none counted beyond its time limit; and how many cannot."""
        totals = [group.add_up() for group in self.groups.values()]
        return math.fsum(seconds for seconds, _ in totals), sum(unknown for _, unknown in totals)

    def seconds(self, trial: Trial) -> float | None:
        """Expected wall time of a planned trial; None while nothing like it has finished."""
        group = self.group(trial)
        return group.seconds(self.amounts(trial)) if group else None

    def memory(self, trial: Trial) -> int | None:
        """Expected peak memory of a planned trial in bytes; None while nothing like it has told."""
        group = self.group(trial)
        return group.memory(self.amounts(trial)) if group else None

    def source(self, trial: Trial) -> str:
        """How a trial's cost is known: `same size`, `other sizes`, `another optimizer`, `another dataset`, `unknown`.

        A network that takes the same gradient steps at two numbers of images has one size in this sense.
        """
        group = self.group(trial)
        costs = group.asked() if group else None
        if group is None or costs is None:
            return UNKNOWN
        if costs is group.costs[0]:
            return SAME_SIZE if amount("fit", self.amounts(trial)) in costs.curves["fit"].recent else OTHER_SIZES
        return costs.relation

    def amounts(self, trial: Trial) -> Amounts:
        """The work of a trial on images of its dataset's shape."""
        part = trial.dataset
        if id(part) not in self.shapes:
            info = self.info(part)
            self.shapes[id(part)] = part, info.image_shape if info else None
        return amounts(trial, self.shapes[id(part)][1])

    def group(self, trial: Trial) -> Group | None:
        """The planned trials like this one in all but size, seed and repeat."""
        return self.groups.get(self.kinds(trial)[0])

    def kinds(self, trial: Trial) -> tuple[Kind, ...]:
        """See `harness.run.work.kinds`."""
        shortcut = (id(trial.spec), id(trial.dataset), trial.device, trial.backend, trial.threads)
        if shortcut not in self.known:
            # The trial is kept so that no other object gets the ids.
            self.known[shortcut] = trial, kinds(trial, self.info(trial.dataset))
        return self.known[shortcut][1]


def amount(part: str, work: Amounts) -> float:
    """The work that a part of the cost depends on."""
    match part:
        case "fit" | "tune":
            return work.training
        case "features" | "predict":
            return work.images
        case "added":
            return work.held
        case _:
            return 1.0


def costs_of(row: Mapping[str, Any], trial: Trial) -> dict[str, float]:
    """The parts of a row's cost: seconds of its phases, and bytes (`base`, `added`); empty where it says nothing.

    What a row's phases leave of its total belongs to the phase in which it ended, else is `rest`; what a network needs
    to be built and for its first step, which traces and compiles, is taken from `fit` as `start`.
    """
    parts: dict[str, float] = {}
    status, ended_in = row.get("status"), row.get("phase")
    total = number(row, "total_s")
    if status in TIMED and total:
        parts = {phase: value for phase in PHASES if (value := number(row, f"{phase}_s")) is not None}
        start = sum(number(row, key) or 0.0 for key in ("build_s", "first_step_s"))
        # Explaining stands beside the total.
        left = max(0.0, total - math.fsum(parts.values()) + parts.get("explain", 0.0))
        where = ended_in if ended_in in PHASES else "rest"
        parts[where] = parts.get(where, 0.0) + left
        if trial.spec.network is not None and "fit" in parts:
            parts["start"] = min(start, parts["fit"])
            parts["fit"] -= parts["start"]
    peak = max(number(row, key) or 0.0 for key in ("peak_bytes", *(f"{phase}_peak_bytes" for phase in PHASES)))
    if status == "oom" and trial.limits.memory:
        # It needs more than it was allowed.
        peak = max(peak, trial.limits.memory + 1.0)
    if peak and status in ("ok", "diverged", "oom"):
        base = min(number(row, "base_bytes") or 0.0, peak)
        parts |= {"base": base, "added": peak - base}
    return parts


def number(row: Mapping[str, Any], key: str) -> float | None:
    """A number that can be a measurement, neither negative nor beyond `LARGEST`; None where the row has none."""
    value = row.get(key)
    if isinstance(value, int | float) and 0 <= value <= LARGEST:
        return float(value)
    return None
