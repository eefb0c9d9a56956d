"""Joules from the machine's own counters: RAPL for the processor, NVML for the GPU; where neither is, nothing.

RAPL (Intel Software Developer's Manual 3B, section 16.10; AMD's processors from family 17h have it too) is read through
Linux's powercap (Documentation/power/powercap/powercap.rst). Counted are the packages, and `dram`, which lies outside
them; not `core` and `uncore`, which are parts of a package, nor `psys`, which holds the packages and is calibrated on
some laptops only. The counters are the whole package's, whoever uses it: they are a trial's where it runs alone.
Khan et al., "RAPL in Action" (ACM TOMPECS 3(2), 2018), found them within a few percent of a meter at the plug.

NVML's counter is that of the first GPU that CUDA sees (Volta and newer), in millijoules since the driver was loaded.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from math import inf, isfinite, nan
from pathlib import Path
from typing import Any, NamedTuple

POWERCAP = Path("/sys/class/powercap")
# A zone itself, or one inside it; `intel-rapl-mmio:0` shows the same counters a second time.
ZONE = re.compile(r"intel-rapl:\d+(:\d+)?")
COUNTED = re.compile(r"package-\d+(-die-\d+)?|dram")
# More than any one package or its memory takes: how soon a counter can have gone round depends on it.
MOST_WATTS = 1000.0


class Counter(NamedTuple):
    """One counter of energy.

    Attributes
    ----------
    name
        `rapl:package-0`, `rapl:package-0-dram` or `nvml:0`.
    joules
        Reads it; raises OSError where it can no longer be read.
    range_joules
        What it counts to before it starts again from zero; infinite where it does not.
    """

    name: str
    joules: Callable[[], float]
    range_joules: float


class Meter:
    """Joules since it was made.

    A RAPL counter has 32 bits and goes round: after 262 kJ on most processors, which a package of 280 W uses up in 16
    minutes, after 66 kJ for the memory of some. One round between two readings shows and is made good; two do not, and
    a phase may last longer than that. So a thread reads each counter before it can have gone round twice: at most once
    a minute on the hardware above, at some 20 microseconds a counter.

    Parameters
    ----------
    counters
        What to read.
    release
        Called by `stop`.
    """

    def __init__(self, counters: list[Counter], release: Callable[[], None] = lambda: None) -> None:
        self.counters = counters
        self.release = release
        self.total = dict.fromkeys((counter.name for counter in counters), 0.0)
        self.last = {counter.name: _read(counter) for counter in counters}
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        shortest = min(counter.range_joules for counter in counters)
        if shortest < inf:
            threading.Thread(target=self._keep_up, args=(shortest / MOST_WATTS,), daemon=True).start()

    @property
    def source(self) -> str:
        """The counters, such as `rapl:package-0+nvml:0`."""
        return "+".join(self.total)

    def read(self) -> dict[str, float]:
        """Joules by source; NaN for one that could not be read at some time, since what it missed is not known."""
        with self.lock:
            for counter in self.counters:
                now = _read(counter)
                used = now - self.last[counter.name]
                if used < 0:
                    used = used + counter.range_joules if counter.range_joules < inf else nan
                self.total[counter.name] += used
                self.last[counter.name] = now
            return dict(self.total)

    def stop(self) -> None:
        """Let go of the counters; it must not be read afterwards."""
        self.stopped.set()
        with self.lock:
            self.release()

    def _keep_up(self, interval: float) -> None:
        while not self.stopped.wait(interval):
            self.read()


def start(device: str, root: Path = POWERCAP) -> Meter | None:
    """Begin to measure; None where this machine shows no counter that may be read.

    Parameters
    ----------
    device
        `cpu` for the processor alone, `gpu` for processor and GPU.
    root
        Where Linux shows its powercap zones.
    """
    counters = _rapl(root)
    if device != "gpu":
        return Meter(counters) if counters else None
    nvml = _nvml()
    if nvml is None:
        return Meter(counters) if counters else None
    counter, release = nvml
    return Meter([*counters, counter], release)


def source(device: str, root: Path = POWERCAP) -> str | None:
    """The `Meter.source` of what `start` would give; None where it gives none."""
    meter = start(device, root)
    if meter is None:
        return None
    meter.stop()
    return meter.source


def idle_watts(seconds: float = 2.0, device: str = "cpu", root: Path = POWERCAP) -> float | None:
    """Power of the counted parts over some seconds in which the caller does nothing; None without a counter.

    Nothing is asked of other programs: what they use counts as idle.
    """
    meter = start(device, root)
    if meter is None:
        return None
    before = time.monotonic()
    meter.read()
    time.sleep(seconds)
    joules = sum(meter.read().values())
    watts = joules / (time.monotonic() - before)
    meter.stop()
    return watts if isfinite(watts) else None


def reason(root: Path = POWERCAP) -> str:
    """Why the processor's energy is not measured here, in one line that says what to do; empty where it is."""
    zones = _zones(root)
    if not zones:
        return f"no RAPL counter under {root} (virtual machines and most ARM processors have none)"
    for path in zones.values():
        try:
            (path / "energy_uj").read_text(encoding="ascii")
        except PermissionError:
            return (
                f"{path}/energy_uj may be read by root only, since it tells secrets (CVE-2020-8694); on a machine of "
                f"your own: sudo chmod a+r {root}/intel-rapl*/energy_uj"
            )
        except OSError as error:
            return f"{path}/energy_uj cannot be read: {error.strerror}"
    return ""


def _read(counter: Counter) -> float:
    try:
        return counter.joules()
    except (OSError, ValueError):
        return nan


def _zones(root: Path) -> Mapping[str, Path]:
    """The counted zones by name: `package-0`, `package-0-dram`."""
    found: dict[str, Path] = {}
    names: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for path in sorted(root.iterdir()):
            if ZONE.fullmatch(path.name):
                with contextlib.suppress(OSError):
                    names[path.name] = (path / "name").read_text(encoding="ascii", errors="replace").strip()
    for zone, name in names.items():
        if COUNTED.fullmatch(name):
            parent = names.get(zone.rpartition(":")[0])
            found[f"{parent}-{name}" if parent else name] = root / zone
    return found


def _rapl(root: Path) -> list[Counter]:
    """Counters of all packages and their memory, or of none: a part of the energy would pass for all of it."""
    counters = []
    for name, path in _zones(root).items():

        def joules(file: Path = path / "energy_uj") -> float:
            return int(file.read_text(encoding="ascii")) / 1e6

        try:
            joules()
            limit = int((path / "max_energy_range_uj").read_text(encoding="ascii")) / 1e6
        except (OSError, ValueError):
            return []
        counters.append(Counter(f"rapl:{name}", joules, limit))
    return counters


def _nvml() -> tuple[Counter, Callable[[], None]] | None:
    """The counter of the first GPU that CUDA sees, and what lets go of it."""
    if not find_spec("pynvml"):
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        index, handle = _first_gpu(pynvml)
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except (pynvml.NVMLError, ValueError):
        pynvml.nvmlShutdown()
        return None

    def joules() -> float:
        try:
            return int(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3
        except pynvml.NVMLError as error:
            raise OSError(str(error)) from error

    return Counter(f"nvml:{index}", joules, inf), pynvml.nvmlShutdown


def _first_gpu(pynvml: Any) -> tuple[int, Any]:
    """NVML's index and handle of the first of CUDA_VISIBLE_DEVICES (numbers or UUIDs); else of GPU 0."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip()
    if first.startswith(("GPU-", "MIG-")):
        handle = pynvml.nvmlDeviceGetHandleByUUID(first)
        return int(pynvml.nvmlDeviceGetIndex(handle)), handle
    index = int(first or 0)
    return index, pynvml.nvmlDeviceGetHandleByIndex(index)
