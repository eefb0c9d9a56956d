"""What is expected of planned trials, in a table and in sentences. It is only told: no forecast decides a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from harness.errors import one_line
from harness.measure import host
from harness.run.forecast import Forecast
from harness.run.progress import duration
from harness.suite.plan import Trial

TIME, MEMORY, MACHINE = "time limit", "memory limit", "memory of this machine"
# Run folders that are named in a sentence.
NAMED = 3


class Expected(NamedTuple):
    """What is expected of one trial.

    Attributes
    ----------
    seconds, peak_bytes
        Wall time and peak memory; None where unknown.
    source
        How they are known; see `harness.run.forecast.Forecast.source`.
    passes
        The limit it is expected to pass: `time limit`, `memory limit`, `memory of this machine`; None for none.
    """

    trial: Trial
    seconds: float | None
    peak_bytes: int | None
    source: str
    passes: str | None

    @property
    def capped(self) -> float | None:
        """Seconds after which it ends, by its limit at the latest."""
        limit = self.trial.limits.time
        return self.seconds if self.seconds is None or limit is None else min(self.seconds, limit)


def cell(trial: Trial) -> tuple[str, str, int, str, str | None]:
    """What trials of a plan share that are expected to cost the same."""
    return trial.pipeline, trial.dataset.label, trial.n_train, trial.device, trial.backend


def expect(trial: Trial, forecast: Forecast) -> Expected:
    """What a forecast says of one trial."""
    seconds, peak = forecast.seconds(trial), forecast.memory(trial)
    limits = trial.limits
    passes = None
    # Memory is passed sooner than time.
    if peak is not None and limits.memory is not None and peak > limits.memory:
        passes = MEMORY
    elif peak is not None and peak > host.memory().ram:
        passes = MACHINE
    elif seconds is not None and limits.time is not None and seconds >= limits.time:
        passes = TIME
    return Expected(trial, seconds, peak, forecast.source(trial), passes)


def expect_all(trials: Iterable[Trial], forecast: Forecast) -> Iterator[Expected]:
    """What a forecast says of each trial of a plan."""
    cells: dict[tuple[Any, ...], Expected] = {}
    for trial in trials:
        key = cell(trial)
        if key not in cells:
            cells[key] = expect(trial, forecast)
        yield cells[key]._replace(trial=trial)


def table(expected: Sequence[Expected], states: Sequence[str]) -> pd.DataFrame:
    """One row for each trial.

    Returns
    -------
    DataFrame
        What names the trial, as in a run's tables; `state` (`done`, `skipped`, `to run`); `expected_s`,
        `expected_peak_bytes`, `known_from` and `passes`, as in `Expected`, empty where unknown.
    """
    names = ("trial_id", "dataset", "pipeline", "n_train", "seed", "repeat", "device", "backend")
    identities = [one.trial.identity() for one in expected]
    frame = pd.DataFrame({name: [identity[name] for identity in identities] for name in names})
    return frame.assign(
        state=list(states),
        expected_s=pd.Series([one.seconds for one in expected], dtype="float64"),
        expected_peak_bytes=pd.array([one.peak_bytes for one in expected], dtype="Int64"),
        known_from=[one.source for one in expected],
        passes=pd.array([one.passes for one in expected], dtype="string"),
    )


class Outlook(NamedTuple):
    """What is expected of several trials together.

    Attributes
    ----------
    seconds
        Of those that are known, none counted beyond its time limit; None where none is known.
    unknown
        Number of trials whose time is not known.
    peak_bytes
        The largest; None where none is known.
    sources
        How they are known, the commonest first.
    """

    seconds: float | None
    unknown: int
    peak_bytes: int | None
    sources: tuple[str, ...]


def outlook(expected: Sequence[Expected]) -> Outlook:
    """Sum up what is expected of several trials."""
    known = [seconds for one in expected if (seconds := one.capped) is not None]
    peaks = [one.peak_bytes for one in expected if one.peak_bytes is not None]
    sources = Counter(one.source for one in expected)
    return Outlook(
        sum(known) if known else None,
        len(expected) - len(known),
        max(peaks, default=None),
        tuple(source for source, _ in sources.most_common()),
    )


def total(seconds: float, unknown: int, trials: int) -> str:
    """What several trials are expected to take together, in a sentence."""
    if unknown == trials:
        return "unknown until the first trials have finished"
    if unknown:
        return f"about {duration(seconds)} for {trials - unknown:,} of {trials:,} trials; the others are unknown so far"
    return f"about {duration(seconds)} for {trials:,} trials"


def origin(rows: Mapping[Path, int], own: Path | None) -> str:
    """Where the rows lie that a forecast has learned from: earlier runs', and those of the run's own folder."""
    names = [one_line(path) for path in rows]
    if len(names) > NAMED:
        names[NAMED - 1 :] = [f"{len(names) - NAMED + 1} other runs"]
    count = sum(rows.values())
    known = (
        [f"{count:,} earlier {'row' if count == 1 else 'rows'} of this machine ({', '.join(names)})"] if rows else []
    )
    known += [f"the rows of {one_line(own)}"] if own else []
    return " and ".join(known) or "nothing: no earlier row of this machine tells of these trials"


def warnings(expected: Iterable[Expected]) -> list[str]:
    """One line for each pipeline, size and limit that trials are expected to pass."""
    groups: dict[tuple[Any, ...], list[Expected]] = {}
    for one in expected:
        if one.passes:
            groups.setdefault(cell(one.trial), []).append(one)
    return [
        f"{warning(ones[0])} ({len(ones)} trials)" if len(ones) > 1 else warning(ones[0]) for ones in groups.values()
    ]


def warning(one: Expected) -> str:
    """That a trial is expected to pass a limit, and by how much."""
    trial, limits = one.trial, one.trial.limits
    if one.passes == TIME:
        amounts = f"{duration(one.seconds or 0)} against {duration(limits.time or 0)}"
    else:
        most = limits.memory if one.passes == MEMORY else host.memory().ram
        amounts = f"{size(one.peak_bytes or 0)} against {size(most or 0)}"
    who = f"{trial.pipeline} {trial.dataset.label} n={trial.n_train:,} {trial.device}"
    return f"{who}: expected to pass the {one.passes}: about {amounts}"


def size(n_bytes: float) -> str:
    """Bytes in words."""
    return f"{n_bytes / 2**30:.1f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:.0f} MiB"
