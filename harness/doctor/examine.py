"""Look at this machine all over, and say what is wrong with it for measuring."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from harness.doctor.libraries import BackendFound, backends
from harness.doctor.trials import Say, SelfTest, Tracking, self_test, tracking_cost
from harness.errors import HarnessError
from harness.measure import energy, host, noise
from harness.measure.calibration import calibrate
from harness.measure.devices import gpu_processes, gpus
from harness.measure.environment import environment, usable_cores
from harness.run.executor import DEFAULTS, Executor
from harness.run.validity import BUSY_CORES, SLOWER

PAIRS, QUICK_PAIRS = 8, 3
TRACKING_PAIRS, QUICK_TRACKING_PAIRS = 4, 2
CALIBRATIONS = 20
LISTEN_S = 1.0
# Above these the doctor warns. A timer that steps by more than a microsecond is no nanosecond counter; a journal entry
# that waits 50 ms for the disk is felt in runs of small trials; swap that is merely allocated slows nothing down.
COARSE_TIMER_S = 1e-6
SLOW_DISK_S = 0.05
SWAP_SHARE = 0.1
SLOW_CLOCKS = ("hpet", "acpi_pm", "jiffies", "pit")


class Quiet(NamedTuple):
    """The machine while the doctor only listens: busy cores, load, and the calibration kernel over 20 calls."""

    busy: float | None
    load: float | None
    calibration_s: tuple[float, ...]

    @property
    def spread(self) -> float:
        """The slowest of the calls over their median."""
        return max(self.calibration_s) / statistics.median(self.calibration_s)


class Examination(NamedTuple):
    """Everything found, as plain values; `broken` says what does not work at all, `warnings` what disturbs."""

    facts: dict[str, Any]
    warnings: tuple[str, ...]
    broken: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**self.facts, "warnings": list(self.warnings), "broken": list(self.broken)}


def examine(make: Callable[[], Executor], folder: Path, pairs: int, *, quick: bool, say: Say) -> Examination:
    """Examine this machine; about half a minute.

    Parameters
    ----------
    make
        Makes the executor that the A/A test runs through.
    folder
        Where run folders are to lie: its disk is timed.
    pairs
        Pairs of the A/A test; at least two.
    quick
        Spend less on the cost of tracking.
    say
        Told what is being done.
    """
    say("libraries")
    found = backends()
    say("machine")
    quiet = listen()
    facts: dict[str, Any] = {**describe(folder), "backends": [backend._asdict() for backend in found]}
    facts["quiet"] = quiet._asdict() | {"spread": quiet.spread}
    broken = broken_libraries(found)
    tracking = tracking_cost(QUICK_TRACKING_PAIRS if quick else TRACKING_PAIRS, say)
    facts["tracking"] = tracking._asdict()
    test: SelfTest | None = None
    before = noise.throttled()
    try:
        test = self_test(make, pairs, say)
    except HarnessError as error:
        broken.append(f"{error}; try the same with: harness run quickstart --smoke")
    after = noise.throttled()
    heat = after.events - before.events if before and after and before.events is not None and after.events else 0
    facts["aa_test"] = test and test._asdict() | {name: getattr(test, name)._asdict() for name in ("fit", "predict")}
    return Examination(facts, tuple(warnings(facts, quiet, tracking, test, heat)), tuple(broken))


def listen() -> Quiet:
    """Do nothing for a second and count what others do; then call the calibration kernel again and again."""
    calibrate()
    load, own = noise.load_average(), time.process_time()
    busy = noise.Busy.start()
    time.sleep(LISTEN_S)
    others = busy.others(time.process_time() - own)
    return Quiet(others, load, tuple(calibrate() for _ in range(CALIBRATIONS)))


def describe(folder: Path) -> dict[str, Any]:
    """What the machine is and has, without measuring more than the disk and the timer."""
    surroundings = environment(DEFAULTS)
    memory = host.memory()
    throttling = noise.throttled()
    computing = gpu_processes() if gpus() else None
    while not folder.is_dir():
        folder = folder.parent
    return {
        "environment": surroundings,
        "cores": usable_cores(),
        **{name: surroundings[name] for name in ("cpu_limit", "caches", "clock_source", "governors")},
        "timer_resolution_s": noise.timer_resolution(),
        "throttling": throttling and throttling._asdict(),
        "memory": memory._asdict(),
        "fsync": {"folder": str(folder), **host.fsync_time(folder)._asdict()},
        "gpu_processes": None if computing is None else sum(map(len, computing)),
        "energy": {device: energy.source(device) for device in ("cpu", "gpu")},
    }


def broken_libraries(found: tuple[BackendFound, ...]) -> list[str]:
    """What does not work, with what to do."""
    said = [
        f"{backend.name} is installed but cannot be imported: {backend.error}; reinstall it: pip install "
        f"--force-reinstall {backend.name}"
        for backend in found
        if backend.error
    ]
    if not any(backend.installed for backend in found):
        said.append("no backend for networks is installed: pip install tensorflow")
    return said


def warnings(facts: Mapping[str, Any], quiet: Quiet, tracking: Tracking, test: SelfTest | None, heat: int) -> list[str]:
    """What disturbs measurements here, with what to do, most telling first."""
    cores, limit, memory = facts["cores"], facts["cpu_limit"], facts["memory"]
    clock, slow = facts["clock_source"], facts["governors"]
    busy = quiet.busy or 0.0
    said = [
        (
            busy > BUSY_CORES,
            f"other processes keep {busy:.2f} of {cores} cores busy: stop them, or times will be marked as disturbed",
        ),
        (busy > cores - 1, "not one core is free: times measured now mean nothing"),
        (
            limit is not None and limit < cores,
            f"a control group allows {limit or 0:g} cores of CPU time, but {cores} can be used: set `threads: "
            f"{max(1, int(limit or 1))}` in suites, or trials will be stopped again and again",
        ),
        (
            "powersave" in slow,
            "the frequency governor is powersave: sudo cpupower frequency-set -g performance (with intel_pstate it "
            "may be harmless: look at the spread of the calibration kernel)",
        ),
        (heat > 0, f"cores were slowed down for heat {heat} times during the A/A test: cool the machine, or rest it"),
        (
            quiet.spread > SLOWER,
            f"the calibration kernel's slowest call took {quiet.spread:.2f} times its median: the machine is not "
            "steady",
        ),
        (
            memory["swap"] > 0 and memory["swap_used"] > SWAP_SHARE * memory["swap"],
            f"{memory['swap_used'] / 2**30:.1f} GiB of swap are in use: times of large trials may hold page faults",
        ),
        (
            clock in SLOW_CLOCKS,
            f"the clock source is {clock}, slow to read: boot with tsc where the processor has a stable one",
        ),
        (
            facts["timer_resolution_s"] > COARSE_TIMER_S,
            f"the timer steps by {facts['timer_resolution_s'] * 1e6:.1f} us: times of single predictions are coarse",
        ),
        (
            facts["fsync"]["median_s"] > SLOW_DISK_S,
            f"a write to {facts['fsync']['folder']} takes {facts['fsync']['median_s'] * 1e3:.0f} ms to be safe: put "
            "run folders on a local disk with --output",
        ),
        (
            bool(facts["gpu_processes"]),
            f"{facts['gpu_processes']} processes compute on the GPU: its times will be marked as disturbed",
        ),
        (tracking.low > 1, f"tracking makes a fit slower by {tracking.percent:.1f}%, more than the 1% it should"),
    ]
    if test is not None:
        for name, phase in (("fit", test.fit), ("predict", test.predict)):
            said.append(
                (
                    phase.different,
                    f"the A/A test calls two equal pipelines different in {name} (1 in 20 do so by chance): run the "
                    "doctor again; if it does so again, do not compare times measured here",
                )
            )
        said.append((test.disturbed > 0, f"{test.disturbed} of {2 * test.pairs} trials of the A/A test were disturbed"))
    return [text for wrong, text in said if wrong]
