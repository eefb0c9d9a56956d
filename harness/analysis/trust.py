"""How far the times of a run can be trusted: machines, disturbed rows, the spread of the calibration kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from harness.analysis.frames import complete, ok
from harness.measure.environment import APART
from harness.run.validity import REASONS, kinds

# What says nothing about a machine's speed.
IGNORED = ("machine", "git_commit", *APART)


class Machine(NamedTuple):
    """One machine of a run.

    Attributes
    ----------
    name
        The hash that rows carry.
    ok, valid, disturbed, unchecked
        Its trials that ended well, by whether their times can be trusted.
    calibration
        Seconds of the calibration kernel: 5th percentile, median, 95th percentile; NaN where it did not run.
    busy
        Cores that other processes kept busy while a trial ran: median and highest; NaN where not counted.
    """

    name: str
    ok: int
    valid: int
    disturbed: int
    unchecked: int
    calibration: tuple[float, float, float]
    busy: tuple[float, float]


class Trust(NamedTuple):
    """All machines, most trials first; reasons with the number of trials; settings in which the machines differ."""

    machines: tuple[Machine, ...]
    reasons: tuple[tuple[str, int], ...]
    differences: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


def trust(trials: pd.DataFrame, environment: Mapping[str, Any]) -> Trust:
    """Gather what a reader needs to believe the times, or not to.

    Parameters
    ----------
    trials : DataFrame
        As `harness.load_results` gives them.
    environment : mapping
        The run's `environment.json`; where it has `machines`, an environment for each machine's name, these are
        compared.
    """
    good = ok(complete(trials))
    found = [_machine(str(name), rows) for name, rows in good.groupby("machine", sort=True)]
    count = Counter(kind for note in good["timing_note"] for kind in kinds(note))
    reasons = tuple((REASONS[kind], number) for kind, number in count.most_common())
    machines = environment.get("machines")
    return Trust(
        tuple(sorted(found, key=lambda machine: -machine.ok)),
        reasons,
        differences(machines) if isinstance(machines, Mapping) else (),
    )


def _machine(name: str, rows: pd.DataFrame) -> Machine:
    calibration = rows["calibration_s"].quantile([0.05, 0.5, 0.95])
    valid = rows["timing_valid"]
    return Machine(
        name,
        len(rows),
        int(valid.fillna(False).sum()),
        int((~valid.fillna(True)).sum()),
        int(valid.isna().sum()),
        (float(calibration.iloc[0]), float(calibration.iloc[1]), float(calibration.iloc[2])),
        (float(rows["busy_others"].median()), float(rows["busy_others"].max())),
    )


def differences(machines: Mapping[str, Any]) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """The entries in which environments of several machines differ, each with its value on every machine."""
    flat = {name: _flat(values) for name, values in machines.items() if isinstance(values, Mapping)}
    keys = dict.fromkeys(key for values in flat.values() for key in values)
    table = {key: tuple((name, values.get(key, "none")) for name, values in flat.items()) for key in keys}
    return tuple((key, values) for key, values in table.items() if len({value for _, value in values}) > 1)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    made: dict[str, str] = {}
    for key, value in values.items():
        if key in IGNORED:
            continue
        if isinstance(value, Mapping):
            made |= _flat(value, f"{prefix}{key}: ")
        else:
            made[f"{prefix}{key}"] = str(value)
    return made
