"""What trials of this machine say of it: one pipeline against itself, and a fit with and without our tracking."""

from __future__ import annotations

import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.analysis.paired import paired, pairs_for, resolvable
from harness.data.build import dataset
from harness.errors import HarnessError
from harness.run.executor import Executor
from harness.run.forkserver import write_all
from harness.run.record import Event, Record
from harness.run.validity import judge
from harness.suite.load import parse_suite
from harness.suite.plan import Trial, expand

SUITE = """\
suite: doctor
datasets: digits
sizes: full
repeats: {repeats}
limits: {{memory: 8GiB}}
pipelines:
  forest: {{features: pixels, estimator: {{sklearn.ensemble.RandomForestClassifier: {{n_estimators: {trees}}}}}}}
"""
TREES = 500
COUNTS = (3, 5, 10, 30)
DIFFERENCES = (0.01, 0.05, 0.1)

Say = Callable[[str], None]


class Compared(NamedTuple):
    """One phase of the A/A test.

    Attributes
    ----------
    seconds
        Median of the phase.
    ratio
        Geometric mean of B / A with its 95% interval; both are the same pipeline, so that 1 is the truth.
    spread
        Standard deviation of log(B / A) over pairs.
    resolvable
        The smallest difference, as a share (0.05 is 5%), that so many pairs show with 80% chance.
    by_pairs
        That for other numbers of pairs.
    pairs_needed
        Pairs needed for a difference of 1%, 5%, 10%; None where more than 10,000.
    different
        Whether the interval excludes 1: a false alarm, which 1 test in 20 gives by chance.
    """

    seconds: float
    ratio: tuple[float, float, float]
    spread: float
    resolvable: float
    by_pairs: dict[int, float]
    pairs_needed: dict[float, int | None]
    different: bool


class SelfTest(NamedTuple):
    """The A/A test: pairs, how many of its trials were disturbed, the two phases, how memory limits were enforced."""

    pairs: int
    disturbed: int
    fit: Compared
    predict: Compared
    memory_method: str | None
    memory_limit_method: str | None


class Unwatched:
    """A watch that tells nobody."""

    def started(self, trial: Trial) -> None:
        """A trial begins."""

    def event(self, trial: Trial, event: Event) -> None:
        """A running trial reports."""

    def memory(self, trial: Trial) -> int | None:
        """Nothing is known of what it will need."""
        return None


def self_test(make: Callable[[], Executor], pairs: int, say: Say, trees: int = TREES) -> SelfTest:
    """Run one pipeline against itself, A B A B, each trial in a process of its own, and compare the two.

    One pair more is run first and left out: what the first trial finds cold, all others find warm.

    Parameters
    ----------
    make
        Makes the executor.
    pairs
        How many pairs count; at least two.
    say
        Told how far it is.
    trees
        Size of the forest that is fitted; the default takes about half a second on two cores.

    Raises
    ------
    HarnessError
        If a trial does not end well.
    """
    suite = parse_suite(SUITE.format(repeats=2 * (pairs + 1), trees=trees), "harness doctor")
    trials = expand(suite, lambda part: dataset(part).info(None).n_train)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="harness-doctor-") as folder, make() as executor:
        logs = Path(folder) / "logs"
        logs.mkdir()
        executor.prepare(trials, logs)
        for trial, record in executor.run(iter(trials), logs, Unwatched()):
            rows.append(_sound(record))
            say(f"A/A test: {len(rows)} of {len(trials)} trials, {'AB'[trial.repeat % 2]}")
    frame = pd.DataFrame(rows).sort_values("repeat", ignore_index=True)
    counted = frame[frame["repeat"] >= 2]
    disturbed = int((judge(frame)["timing_valid"][counted.index] == False).sum())  # noqa: E712  (empty is not False)
    first = rows[0]
    a, b = counted[::2], counted[1::2]
    fit, predict = (compared(a[column].to_list(), b[column].to_list()) for column in ("fit_s", "predict_s"))
    return SelfTest(pairs, disturbed, fit, predict, first.get("memory_method"), first.get("memory_limit_method"))


def _sound(record: Record) -> dict[str, Any]:
    row = record.row
    if row["status"] != "ok":
        raise HarnessError(f"a trial of the A/A test ended as {row['status']}: {row['message']}")
    return row


def compared(a: Sequence[float], b: Sequence[float]) -> Compared:
    """Compare seconds of A with those of B, pair by pair, on logarithms."""
    logs = np.log(np.asarray(b, dtype=float)) - np.log(np.asarray(a, dtype=float))
    spread = float(logs.std(ddof=1))
    found = paired(logs)
    low, high = found.difference.low, found.difference.high
    return Compared(
        statistics.median([*a, *b]),
        (math.exp(found.difference.value), math.exp(low), math.exp(high)),
        spread,
        math.expm1(found.resolvable),
        {pairs: math.expm1(resolvable(spread, pairs)) for pairs in COUNTS},
        {share: pairs_for(spread, math.log1p(share)) for share in DIFFERENCES},
        low > 0 or high < 0,
    )


class Overhead(NamedTuple):
    """What something adds to a piece of work, from pairs of runs without and with it.

    Attributes
    ----------
    seconds
        Median wall seconds without.
    wall, cpu
        For each pair, log(with / without) of wall and of CPU seconds (of all threads of this process).
    """

    seconds: float
    wall: NDArray[np.float64]
    cpu: NDArray[np.float64]


def overhead(
    without: Callable[[], object], with_: Callable[[], object], pairs: int, told: Callable[[int], None]
) -> Overhead:
    """Run the same work without and with something, A B A B, in this process.

    Parameters
    ----------
    without, with_
        The work; both must do the same each time.
    pairs
        How many pairs.
    told
        Called with the number of pairs done.
    """
    wall, cpu = np.empty((pairs, 2)), np.empty((pairs, 2))
    for pair in range(pairs):
        for side, work in enumerate((without, with_)):
            begin, own = time.perf_counter(), time.process_time()
            work()
            wall[pair, side], cpu[pair, side] = time.perf_counter() - begin, time.process_time() - own
        told(pair + 1)
    return Overhead(float(np.median(wall[:, 0])), *(np.log(times[:, 1] / times[:, 0]) for times in (wall, cpu)))


class Tracking(NamedTuple):
    """What tracking a phase costs.

    Attributes
    ----------
    fit_s
        Median seconds of the fit without tracking.
    percent, low, high
        Change of its CPU time by tracking, in percent, with the 95% interval over pairs.
    pairs
        How many.
    empty_phase_s
        Median seconds that tracking a phase takes in which nothing is done: its fixed cost, without the noise of a fit.
    """

    fit_s: float
    percent: float
    low: float
    high: float
    pairs: int
    empty_phase_s: float


def tracking_cost(pairs: int, say: Say, seconds: float = 1.0) -> Tracking:
    """Fit the same forest on one core with and without phase tracking, A B A B, in this process.

    CPU time is compared: what other processes do disturbs it far less than wall time, and tracking never sleeps.

    Parameters
    ----------
    pairs
        How many pairs; at least two.
    say
        Told how far it is.
    seconds
        About how long one fit is to take.
    """
    from harness.run.phases import phase

    fit = forest_fit(seconds)
    with events_to_nowhere() as emit:

        def tracked() -> None:
            with phase("fit", emit):
                fit()

        found = overhead(fit, tracked, pairs, lambda done: say(f"cost of tracking: {done} of {pairs} pairs"))
        change = paired(found.cpu).difference.map(lambda log_ratio: 100 * math.expm1(log_ratio))
        return Tracking(found.seconds, *change, pairs, empty_phase_s(emit))


def forest_fit(seconds: float) -> Callable[[], object]:
    """A fit on one core that takes about so long: a forest of as many trees as it needs, on the digits."""
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier

    x, y = load_digits(return_X_y=True)

    def fit(trees: int) -> object:
        return RandomForestClassifier(n_estimators=trees, n_jobs=1, random_state=0).fit(x, y)

    probe = 10
    fit(probe)
    begin = time.thread_time()
    fit(probe)
    trees = max(1, round(probe * seconds / (time.thread_time() - begin)))
    return lambda: fit(trees)


@contextmanager
def events_to_nowhere() -> Iterator[Callable[[Event], None]]:
    """An `emit` that does what a trial's does, into a file that keeps nothing."""
    with open(os.devnull, "wb", buffering=0) as nowhere:
        yield lambda event: write_all(nowhere.fileno(), json.dumps(event).encode() + b"\n")


def empty_phase_s(emit: Callable[[Event], None]) -> float:
    """Median seconds that tracking a phase takes in which nothing is done."""
    from harness.run.phases import phase

    times = []
    for _ in range(20):
        begin = time.perf_counter()
        with phase("fit", emit):
            pass
        times.append(time.perf_counter() - begin)
    return statistics.median(times)
