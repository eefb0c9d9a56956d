"""Peak memory of this process, exact where the kernel keeps it.

Linux keeps the high-water mark of a process's resident set (VmHWM) and sets it back to the present value when 5 is
written to /proc/self/clear_refs (proc(5)), so that the peak of a phase is read, not sampled. Elsewhere the peak since
the process began (`ru_maxrss`) is all there is, and the row says so.
"""

from __future__ import annotations

import resource
import sys
from typing import Literal, NamedTuple, TypeAlias

Method: TypeAlias = Literal["vmhwm", "maxrss"]


class Memory(NamedTuple):
    """Resident memory in bytes: now, and the peak since it was last reset."""

    rss: int
    peak: int


def reset_peak() -> Method:
    """Begin a new peak; returns how peaks are measured here."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError:
        return "maxrss"
    return "vmhwm"


def read() -> Memory:
    """Resident memory now and at its peak since `reset_peak`, in bytes."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            fields = dict(line.split(":", 1) for line in file if line.startswith(("VmHWM", "VmRSS")))
        return Memory(*(int(fields[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM")))
    except (OSError, KeyError):
        # macOS counts in bytes, the others in KiB (getrusage(2)).
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return Memory(peak, peak)
