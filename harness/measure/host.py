"""What the system says of this machine beyond its name: caches, limits on CPU time, clock source, swap, the disk."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil

CPUS = Path("/sys/devices/system/cpu")
CLOCK = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
PAGE = 4096


def caches(cpus: Path = CPUS) -> dict[str, str]:
    """The caches of the first core, `L1 Data` to `L3 Unified`, as the system writes their sizes (`32K`, `32768K`)."""
    found = {}
    for index in sorted(cpus.glob("cpu0/cache/index*")):
        try:
            level, kind, size = (
                (index / name).read_text(encoding="ascii").strip() for name in ("level", "type", "size")
            )
        except OSError:
            continue
        found[f"L{level} {kind}"] = size
    return found


def cpu_limit(root: Path = CGROUPS, own: Path = OWN_CGROUP) -> float | None:
    """Cores' worth of CPU time that control groups, as a container has them, allow; None where they set no limit.

    The smallest of this process's group and those above it; `cpu.max` of version 2, `cpu.cfs_quota_us` of version 1.
    """
    try:
        lines = [line.split(":", 2) for line in own.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return None
    limits = []
    for line in lines:
        if len(line) != 3:
            continue
        _, controllers, path = line
        if controllers == "":
            bases = (root, root / "unified")
        elif "cpu" in controllers.split(","):
            bases = (root / controllers, root / "cpu")
        else:
            continue
        inside = Path(path.lstrip("/"))
        # In a container the path may be that of the host, of which only the top can be seen here.
        for base in bases:
            limits += [quota(base / folder) for folder in (inside, *inside.parents)]
    known = [limit for limit in limits if limit is not None]
    return min(known, default=None)


def quota(group: Path) -> float | None:
    """The limit that one control group sets, in cores; None for none."""
    try:
        if (group / "cpu.max").exists():
            allowed, period = (group / "cpu.max").read_text(encoding="ascii").split()
        else:
            allowed = (group / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (group / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
        return None if allowed in ("max", "-1") else int(allowed) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def clock_source(path: Path = CLOCK) -> str | None:
    """What the kernel's clock counts, such as `tsc`; None where it does not say."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return None


class Memory(NamedTuple):
    """Bytes of RAM and swap."""

    ram: int
    available: int
    swap: int
    swap_used: int


def memory() -> Memory:
    """RAM and swap now."""
    ram, swap = psutil.virtual_memory(), psutil.swap_memory()
    return Memory(ram.total, ram.available, swap.total, swap.used)


class Sync(NamedTuple):
    """Seconds that writing 4 KiB to disk for good takes: median and longest."""

    median_s: float
    longest_s: float


def fsync_time(folder: Path, calls: int = 20) -> Sync:
    """How long a write to the file system of a folder takes to be safe there; what each journal entry waits for.

    Raises
    ------
    OSError
        If no file can be written there.
    """
    seconds = []
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".harness-doctor-") as file:
        for _ in range(calls):
            begin = time.perf_counter()
            os.write(file.fileno(), b"\0" * PAGE)
            os.fsync(file.fileno())
            seconds.append(time.perf_counter() - begin)
    return Sync(statistics.median(seconds), max(seconds))
