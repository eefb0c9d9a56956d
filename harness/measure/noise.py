"""What disturbs a measurement: other processes, a hypervisor, a CPU that slows down to stay cool, a coarse clock."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple, Self

PROC_STAT = Path("/proc/stat")
CPUS = Path("/sys/devices/system/cpu")
# user, nice, system, irq, softirq, steal: everything but idle and iowait; guest time is in user already (proc(5)).
BUSY_FIELDS = (0, 1, 2, 5, 6, 7)
# Below this the kernel's own tick (1/100 s on every core) is too much of what it counts.
SHORTEST_S = 0.1


class Busy(NamedTuple):
    """A moment from which on the cores' busy time is counted; Linux only."""

    begin: float
    busy_s: float | None

    @classmethod
    def start(cls) -> Self:
        """Begin to count now."""
        return cls(time.monotonic(), busy_seconds())

    def others(self, own_cpu_seconds: float) -> float | None:
        """Cores that other processes, and other guests of the hypervisor, have kept busy since `start`, on average.

        Parameters
        ----------
        own_cpu_seconds
            CPU time since `start` of everything that belongs to the measurement.

        Returns
        -------
        float or None
            0 or more: 1.0 stands for one core. Of the cores this process may run on, steal included. None where the
            system does not count, or after less than 0.1 s.
        """
        wall = time.monotonic() - self.begin
        now = busy_seconds()
        if self.busy_s is None or now is None or wall < SHORTEST_S:
            return None
        return max(0.0, (now - self.busy_s - own_cpu_seconds) / wall)


def busy_seconds(stat: Path = PROC_STAT) -> float | None:
    """Seconds for which the cores that this process may use were busy since the system began; None if not counted."""
    try:
        lines = stat.read_text(encoding="ascii").splitlines()
        usable = {f"cpu{core}" for core in os.sched_getaffinity(0)}
        counts = [fields for fields in map(str.split, lines) if fields and fields[0] in usable]
        if not counts:
            return None
        ticks = sum(int(fields[1 + field]) for fields in counts for field in BUSY_FIELDS)
    except (OSError, AttributeError, ValueError, IndexError):
        return None
    return ticks / os.sysconf("SC_CLK_TCK")


class Throttling(NamedTuple):
    """How often the cores were slowed down for heat since the system began, and their clocks now in MHz."""

    events: int | None
    mhz: float | None
    highest_mhz: float | None


def throttled(cpus: Path = CPUS) -> Throttling | None:
    """Heat events and clocks of all cores together (events summed, clocks averaged); None where nothing is readable.

    Intel's driver counts events in `thermal_throttle`, cpufreq tells clocks; a virtual machine often has neither.
    """
    events = _numbers(cpus, "thermal_throttle/core_throttle_count")
    now = _numbers(cpus, "cpufreq/scaling_cur_freq")
    highest = _numbers(cpus, "cpufreq/cpuinfo_max_freq")
    if not (events or now):
        return None
    return Throttling(sum(events) if events else None, _mean_mhz(now), _mean_mhz(highest))


def governors(cpus: Path = CPUS) -> list[str]:
    """The frequency governors in use, such as `powersave`; empty where the system does not say."""
    found = set()
    for path in cpus.glob("cpu[0-9]*/cpufreq/scaling_governor"):
        try:
            found.add(path.read_text(encoding="ascii").strip())
        except OSError:
            continue
    return sorted(found)


def timer_resolution(calls: int = 1000) -> float:
    """The smallest step of `time.perf_counter` seen in so many calls, in seconds; includes the cost of a call."""
    steps = []
    for _ in range(calls):
        begin = time.perf_counter()
        while (now := time.perf_counter()) == begin:
            pass
        steps.append(now - begin)
    return min(steps)


def load_average() -> float | None:
    """Processes that ran or wanted to, averaged over the last minute; None where the system does not say."""
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):
        return None


def _numbers(cpus: Path, file: str) -> list[int]:
    found = []
    for path in cpus.glob(f"cpu[0-9]*/{file}"):
        try:
            found.append(int(path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return found


def _mean_mhz(khz: list[int]) -> float | None:
    return sum(khz) / len(khz) / 1000 if khz else None
