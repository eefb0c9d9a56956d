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


@contextmanager
def phase(name: str, emit: Emit, probe: Probes = Probes()) -> Iterator[None]:  # noqa: B008  (frozen)
    """Measure one phase: wall and CPU seconds, exact peak memory, and energy where counters are.

    The device has finished before the clocks stop. What fails is measured up to its end; its error goes on.
    Costs about 0.2 ms (`tests/benchmarks/test_tracking.py`); clear_refs with 5 takes 15 microseconds whatever the
    process holds, for it touches no page, and what follows is not slower.
    """
    assert name in PHASES
    emit({"event": "phase", "phase": name})
    joules = probe.meter.read() if probe.meter and name in COUNTED_PHASES else None
    memory.reset_peak()
    before = memory.read().rss
    cpu = cpu_seconds()
    wall = time.perf_counter()
    try:
        yield
        synchronise(probe.backend)
    finally:
        wall = time.perf_counter() - wall
        cpu = cpu_seconds() - cpu
        peak = memory.read().peak
        values: dict[str, Any] = {
            f"{name}_s": wall,
            f"{name}_cpu_s": cpu,
            f"{name}_peak_bytes": peak,
            f"{name}_added_bytes": max(0, peak - before),
        }
        if joules is not None and probe.meter and probe.idle_w is not None:
            used = sum(probe.meter.read().values()) - sum(joules.values())
            # In this order a NaN, the sign of a counter that was lost, stays one.
            values[f"{name}_energy_j"] = max(used - probe.idle_w * wall, 0.0)
        if probe.device == "gpu":
            values["gpu_peak_bytes"] = gpu_peak_bytes(probe.backend)
        emit(measured(**values))
