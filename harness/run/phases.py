"""A trial's phases: what is read at their beginnings and ends."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from harness.measure import memory
from harness.measure.devices import gpu_peak_bytes, synchronise
from harness.run.columns import COUNTED_PHASES, PHASES
from harness.run.record import Event, plain

if TYPE_CHECKING:
    from harness.measure.energy import Meter

Emit: TypeAlias = Callable[[Event], None]

IDLE_VARIABLE = "HARNESS_IDLE_W"
FEATURES_VARIABLE = "HARNESS_FEATURES"


def measured(**values: Any) -> Event:
    """An event that sets columns of the row."""
    return {"event": "measured", "values": plain(values)}


class Probes(NamedTuple):
    """What a trial is measured with beside the clocks and the kernel's memory counters."""

    backend: str | None = None
    """Whose queued work a phase's end waits for, and whose allocator is asked for GPU memory."""
    device: str = "cpu"
    meter: Meter | None = None
    idle_w: float | None = None
    """Watts of the idle machine; without them no energy is told."""
    energy_source: str | None = None


def probes(backend: str | None, device: str) -> Probes:
    """The probes for a trial; the energy counters start.

    The idle machine's power is measured once per run, and comes from there in the environment (`HARNESS_IDLE_W`).
    """
    idle = os.environ.get(IDLE_VARIABLE)
    if idle is None:
        return Probes(backend, device)
    from harness.measure import energy

    meter = energy.start(device)
    return Probes(backend, device, meter, float(idle), meter.source) if meter else Probes(backend, device)


def cpu_seconds() -> float:
    """CPU time of this process and of those of its children that have ended, user and system."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Cost(NamedTuple):
    """What something took when it was computed: seconds, bytes above its start, joules."""

    wall: float
    cpu: float
    added: int
    joules: float


class Charge:
    """What a phase is charged for beside what it does itself; see `harness.run.feature_cache`."""

    def __init__(self, meter: Meter | None = None) -> None:
        self.meter = meter
        self.costs: list[Cost] = []

    def add(self, cost: Cost) -> None:
        """Charge the phase what something cost when it was computed."""
        self.costs.append(cost)

    def joules(self) -> float:
        """What the counters of energy say now; zero where there are none."""
        return sum(self.meter.read().values()) if self.meter else 0.0


@contextmanager
def phase(name: str, emit: Emit, probe: Probes = Probes(), held: int = 0) -> Iterator[Charge]:  # noqa: B008  (frozen)
    """Measure one phase: wall and CPU seconds, exact peak memory, and energy where counters are.

    The device has finished before the clocks stop. What fails is measured up to its end; its error goes on.
    Costs about 0.2 ms (`tests/benchmarks/test_tracking.py`); clear_refs with 5 takes 15 microseconds whatever the
    process holds, for it touches no page, and what follows is not slower.

    Parameters
    ----------
    name
        One of `PHASES`.
    emit
        Told when it begins, and what was measured.
    probe
        What measures beside clocks and kernel.
    held
        Bytes that are in memory already and belong to what the phase is charged for.

    Yields
    ------
    Charge
        Takes what the phase is charged for beside what it does itself.
    """
    assert name in PHASES
    emit({"event": "phase", "phase": name})
    counted = name in COUNTED_PHASES
    charge = Charge(probe.meter)
    joules = charge.joules() if counted else 0.0
    memory.reset_peak()
    before = memory.read().rss - held
    cpu = cpu_seconds()
    wall = time.perf_counter()
    try:
        yield charge
        synchronise(probe.backend)
    finally:
        wall = time.perf_counter() - wall + sum(cost.wall for cost in charge.costs)
        cpu = cpu_seconds() - cpu + sum(cost.cpu for cost in charge.costs)
        peak = max([memory.read().peak, *(before + cost.added for cost in charge.costs)])
        values: dict[str, Any] = {
            f"{name}_s": wall,
            f"{name}_cpu_s": cpu,
            f"{name}_peak_bytes": peak,
            f"{name}_added_bytes": max(0, peak - before),
        }
        if counted and probe.meter and probe.idle_w is not None:
            used = charge.joules() - joules + sum(cost.joules for cost in charge.costs)
            # In this order a NaN, the sign of a counter that was lost, stays one.
            values[f"{name}_energy_j"] = max(used - probe.idle_w * wall, 0.0)
        if probe.device == "gpu":
            values["gpu_peak_bytes"] = gpu_peak_bytes(probe.backend)
        emit(measured(**values))
