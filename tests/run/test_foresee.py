from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.measure import host
from harness.run.forecast import Forecast
from harness.run.foresee import Expected, expect, expect_all, origin, outlook, size, table, total, warnings
from harness.suite.plan import Trial
from tests.run.forecast_cases import FOREST, MIB, row, trial

GIB = 2**30


def known(one: Trial, seconds: float, peak: int = 100 * MIB) -> Forecast:
    """A forecast that has seen one such trial."""
    forecast = Forecast([one])
    forecast.learn(one, row(one, seconds, peak=peak))
    return forecast


def one(seconds: float | None, peak: int | None = None, source: str = "same size", **limits: str) -> Expected:
    return Expected(trial(100, **limits), seconds, peak, source, None)


@pytest.mark.parametrize(
    ("limits", "seconds", "peak", "passes"),
    [
        ({}, 1e6, GIB, None),
        ({"time": "10s"}, 9.0, GIB, None),
        ({"time": "10s"}, 10.5, GIB, "time limit"),
        ({"memory": "2GiB"}, 9.0, GIB, None),
        ({"memory": "1GiB"}, 9.0, 2 * GIB, "memory limit"),
        ({"memory": "1GiB", "time": "10s"}, 90.0, 2 * GIB, "memory limit"),
        ({"memory": "3000GiB", "time": "10s"}, 90.0, 2000 * GIB, "memory of this machine"),
    ],
)
def test_a_limit_that_is_expected_to_be_passed(
    limits: dict[str, str], seconds: float, peak: int, passes: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "memory", lambda: host.Memory(64 * GIB, 0, 0, 0))
    told = expect(trial(100, **limits), known(trial(100, **limits), seconds, peak))
    assert told.passes == passes
    lines = warnings([told])
    assert len(lines) == (passes is not None)
    assert all(f"SVC digits n=100 cpu: expected to pass the {passes}: about " in line for line in lines)


def test_what_is_unknown_passes_nothing_and_is_none() -> None:
    told = expect(trial(100, time="1s", memory="1MiB"), Forecast([trial(100)]))
    assert told[1:] == (None, None, "unknown", None)


def test_trials_that_differ_in_their_seed_are_warned_of_in_one_line() -> None:
    plan = [trial(n, seed=seed, time="10s") for seed in range(3) for n in (100, 300)]
    forecast = Forecast(plan)
    for n in (100, 300):
        forecast.learn(trial(n), row(trial(n), 0.0, other_s=n / 100))
    lines = warnings(expect_all(plan, forecast))
    assert len(lines) == 1
    assert lines[0].startswith("SVC digits n=300 cpu")
    assert re.search(r": about 1\d\.\d s against 10\.0 s \(3 trials\)$", lines[0])


def test_each_trial_has_its_own_expectation() -> None:
    plan = [trial(n, seed=seed) for seed in range(2) for n in (100, 300)]
    forecast = Forecast(plan)
    forecast.learn(plan[0], row(plan[0], 1.0))
    told = list(expect_all(plan, forecast))
    assert told == [expect(each, forecast) for each in plan]


def test_an_outlook_sums_what_is_known_and_counts_the_rest() -> None:
    seen = outlook(
        [one(3.0, MIB), one(None, None, "unknown"), one(60.0, 5 * MIB, time="10s"), one(None, None, "unknown")]
    )
    assert seen == (13.0, 2, 5 * MIB, ("same size", "unknown"))
    assert outlook([one(None)])[:3] == (None, 1, None)
    assert outlook([]) == (None, 0, None, ())


def test_a_table_has_every_trial_and_leaves_empty_what_is_unknown() -> None:
    forecast = known(trial(100), 2.0)
    frame = table([expect(trial(100), forecast), expect(trial(100, FOREST), forecast)], ["to run", "done"])
    assert frame["expected_s"].tolist()[0] == pytest.approx(2.0)
    assert frame[["expected_s", "expected_peak_bytes", "passes"]].iloc[1].isna().all()
    assert frame["state"].tolist() == ["to run", "done"]
    assert frame["trial_id"].tolist() == [trial(100).id, trial(100, FOREST).id]
    assert list(table([], []).columns) == list(frame.columns)


@pytest.mark.parametrize(
    ("seconds", "unknown", "trials", "words"),
    [
        (0.0, 3, 3, "unknown until the first trials have finished"),
        (90.0, 0, 3, "about 90.0 s for 3 trials"),
        (600.0, 1, 3, "about 10 min for 2 of 3 trials; the others are unknown so far"),
    ],
)
def test_the_total_in_words(seconds: float, unknown: int, trials: int, words: str) -> None:
    assert total(seconds, unknown, trials) == words


def test_the_origin_in_words() -> None:
    names = [Path("runs") / name for name in "abcde"]
    assert origin({}, None) == "nothing: no earlier row of this machine tells of these trials"
    assert origin({names[0]: 1}, None) == "1 earlier row of this machine (runs/a)"
    assert origin({}, names[0]) == "the rows of runs/a"
    assert origin(dict.fromkeys(names[:3], 2), names[4]) == (
        "6 earlier rows of this machine (runs/a, runs/b, runs/c) and the rows of runs/e"
    )
    assert (
        origin(dict.fromkeys(names, 1000), None) == "5,000 earlier rows of this machine (runs/a, runs/b, 3 other runs)"
    )


@pytest.mark.parametrize(("n_bytes", "words"), [(0, "0 MiB"), (300 * MIB, "300 MiB"), (3 * GIB // 2, "1.5 GiB")])
def test_size_in_words(n_bytes: int, words: str) -> None:
    assert size(n_bytes) == words
