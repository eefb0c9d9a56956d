from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from harness.measure import noise
from harness.measure.calibration import calibrate
from harness.measure.noise import Busy, Throttling, busy_seconds, governors, throttled

TICKS = os.sysconf("SC_CLK_TCK")


def stat(path: Path, *cores: str) -> Path:
    lines = ["cpu  1 2 3 4 5 6 7 8 9 10", *(f"cpu{number} {counts}" for number, counts in enumerate(cores)), "intr 1"]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    return path


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


@pytest.mark.usefixtures("two_cores")
def test_busy_is_everything_but_idle_and_waiting_and_counts_stolen_time(tmp_path: Path) -> None:
    # user nice system idle iowait irq softirq steal guest guest_nice
    file = stat(tmp_path / "stat", "100 1 10 5000 700 2 3 40 50 1", "0 0 0 9000 0 0 0 0 0 0", "999 0 0 0 0 0 0 0 0 0")
    assert busy_seconds(file) == pytest.approx(156 / TICKS)


@pytest.mark.usefixtures("two_cores")
def test_a_system_that_does_not_count_says_nothing(tmp_path: Path) -> None:
    assert busy_seconds(tmp_path / "absent") is None
    assert busy_seconds(stat(tmp_path / "stat")) is None
    assert busy_seconds(stat(tmp_path / "stat", "not numbers", "at all")) is None


def test_others_are_what_is_busy_beyond_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(noise, "busy_seconds", lambda: 50.0)
    busy = Busy.start()
    now[0] += 10
    monkeypatch.setattr(noise, "busy_seconds", lambda: 65.0)
    assert busy.others(12.0) == pytest.approx(0.3)
    assert busy.others(20.0) == 0
    now[0] = 100.05
    assert busy.others(0.0) is None


def test_the_real_counter_runs() -> None:
    busy = Busy.start()
    time.sleep(0.15)
    others = busy.others(0.0)
    assert others is None or others >= 0


def cores(root: Path, files: dict[str, str], count: int = 2) -> Path:
    for number in range(count):
        for name, text in files.items():
            path = root / f"cpu{number}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n", encoding="ascii")
    (root / "cpufreq").mkdir(parents=True, exist_ok=True)
    return root


def test_throttling_is_read_where_the_driver_tells(tmp_path: Path) -> None:
    heat = {"thermal_throttle/core_throttle_count": "3"}
    clocks = {"cpufreq/scaling_cur_freq": "2400000", "cpufreq/cpuinfo_max_freq": "3700000"}
    assert throttled(tmp_path) is None
    assert throttled(cores(tmp_path / "heat", heat)) == Throttling(6, None, None)
    assert throttled(cores(tmp_path / "both", heat | clocks)) == Throttling(6, 2400.0, 3700.0)


def test_governors_are_told_once_each(tmp_path: Path) -> None:
    assert governors(tmp_path) == []
    assert governors(cores(tmp_path, {"cpufreq/scaling_governor": "powersave"})) == ["powersave"]


def test_timer_and_calibration_give_positive_seconds() -> None:
    assert 0 < noise.timer_resolution(10) < 1
    assert 0 < calibrate() < 60


def test_calibration_leaves_no_thread_behind() -> None:
    import threading

    before = threading.active_count()
    calibrate()
    assert threading.active_count() == before
