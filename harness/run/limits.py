"""Holding a trial to its memory limit by the strongest means that the system offers; the row says which.

`cgroup`: a control group (version 2) of its own, which the kernel holds to the limit with all the trial's children, and
from which it ends the trial. Offered where the group this process runs in may be divided: as root, in many containers,
or under `systemd-run --user --scope -p Delegate=yes`.
`rlimit+watchdog`: RLIMIT_DATA, so that one giant allocation fails at once as a MemoryError, and the executor's watch on
what is resident, which sees the sum of many small ones.
`watchdog`: only that watch. For GPU trials (CUDA maps address ranges far larger than the memory it uses, which
RLIMIT_DATA would refuse) and where the system has neither of the others.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import sys
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, Self, TypeAlias

from harness.run.family import descendants

Method: TypeAlias = Literal["cgroup", "rlimit+watchdog", "watchdog"]

# The leaf that the harness's own processes move to; a group with processes of its own cannot be divided.
LEAF = "harness"
# A group needs room for its own page tables and kernel stacks, whatever is left of the limit.
SMALLEST_GROUP = 4 * 2**20
# TensorFlow and XLA start about so many threads, and so many more for each core they may use (seen: 20 to 40 on two).
THREADS, THREADS_PER_CORE = 32, 8
STACK_BYTES = 8 * 2**20


@cache
def divisible_group() -> Path | None:
    """The control group under which trials can have groups of their own; None where the system offers none.

    May move this process and its children to a leaf of the group they are in: no group can hold both processes and
    divided memory (cgroups(7), "no internal processes").
    """
    return divide(Path("/proc"), os.getpid())


def divide(proc: Path, pid: int) -> Path | None:
    """See `divisible_group`; for a process, as some /proc tells of it."""
    try:
        group = own_group(proc)
        if group is None:
            return None
        if group.name == LEAF:
            group = group.parent
        if "memory" not in (group / "cgroup.controllers").read_text().split():
            return None
        if "memory" not in (group / "cgroup.subtree_control").read_text().split():
            # The root of the hierarchy, which has no `cgroup.type`, is exempt from the rule.
            if (group / "cgroup.type").exists() and not vacate(group, pid):
                return None
            (group / "cgroup.subtree_control").write_text("+memory")
        # Only a try tells: a group can be visible and read-only, or at its largest number of descendants.
        probe = group / f"{LEAF}-{pid}-probe"
        probe.mkdir()
        probe.rmdir()
    except (OSError, ValueError):
        return None
    return group


def own_group(proc: Path) -> Path | None:
    """The folder of the version 2 group that this process is in; None where it cannot be seen from here."""
    lines = (proc / "self/cgroup").read_text().splitlines()
    inside = next((line[3:] for line in lines if line.startswith("0::")), None)
    mounts = (line.split() for line in (proc / "self/mounts").read_text().splitlines())
    mount = next((fields[1] for fields in mounts if len(fields) > 2 and fields[2] == "cgroup2"), None)
    if inside is None or mount is None:
        return None
    # Blanks and backslashes of a path stand in octal there (fstab(5)).
    folder = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), mount)) / inside.lstrip("/")
    return folder if folder.is_dir() else None


def vacate(group: Path, pid: int) -> bool:
    """Move this process and its children from a group to its leaf; whether the group had no others."""
    inside = [int(line) for line in (group / "cgroup.procs").read_text().split()]
    if set(inside) - {pid, *descendants(pid)}:
        return False
    leaf = group / LEAF
    leaf.mkdir(exist_ok=True)
    for member in inside:
        (leaf / "cgroup.procs").write_text(str(member))
    return True


class GroupEnd(NamedTuple):
    """What a group says when its trial is over: processes the kernel killed in it, and its peak in bytes."""

    kills: int
    peak: int | None


class TrialGroup:
    """One trial's control group."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, base: Path, name: str, limit: int, shared: int) -> Self | None:
        """Make a group that holds a trial to `limit` bytes; None where that fails.

        Parameters
        ----------
        base
            From `divisible_group`.
        name
            Name of the new folder.
        limit
            The trial's limit in bytes.
        shared
            Resident bytes of the forkserver. The trial's process shares them from its first moment; they count against
            its limit, but the kernel has charged them to the server's group.
        """
        group = cls(base / name)
        try:
            group.path.mkdir()
            (group.path / "memory.max").write_text(str(max(limit - shared, SMALLEST_GROUP)))
        except OSError:
            group.remove()
            return None
        # Absent where the kernel does not account for swap, or is too old to end a group as a whole.
        for name, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
            with contextlib.suppress(OSError):
                (group.path / name).write_text(value)
        return group

    def enter(self) -> bool:
        """Move this process into the group; whether that worked."""
        try:
            (self.path / "cgroup.procs").write_text("0")
        except OSError:
            return False
        return True

    def end(self) -> GroupEnd:
        """Read what happened, kill whatever is still inside, and remove the group."""
        events = dict(line.split() for line in self._read("memory.events").splitlines() if len(line.split()) == 2)
        peak = self._read("memory.peak").strip()
        with contextlib.suppress(OSError):
            (self.path / "cgroup.kill").write_text("1")
        self.remove()
        return GroupEnd(int(events.get("oom_kill", 0)), int(peak) if peak.isdigit() else None)

    def remove(self) -> None:
        """Remove the folder, if nothing is inside."""
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def _read(self, name: str) -> str:
        try:
            return (self.path / name).read_text()
        except OSError:
            return ""


def limit_data(limit: int, threads: int) -> bool:
    """Let allocations of this process fail that would take it over `limit` bytes; whether the system can do so.

    RLIMIT_DATA counts private writable memory as it is mapped, touched or not (getrlimit(2), since Linux 4.7). What
    is mapped now is what the forkserver mapped, so the limit comes on top of it. A new thread maps its whole stack
    (8 MiB as a rule) and touches little of it, so there is an allowance for stacks; glibc's arenas are mapped without
    access (PROT_NONE) and do not count until they are used.
    """
    if sys.platform != "linux":
        return False
    soft_stack, _ = resource.getrlimit(resource.RLIMIT_STACK)
    stack = STACK_BYTES if soft_stack == resource.RLIM_INFINITY else soft_stack
    most = mapped_data() + limit + (THREADS + THREADS_PER_CORE * threads) * stack
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    except (OSError, ValueError):
        return False
    return True


def mapped_data() -> int:
    """Private writable memory that this process has mapped, in bytes (VmData)."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return next((int(line.split()[1]) * 1024 for line in file if line.startswith("VmData:")), 0)


def hold(limit: int, device: str, threads: int, group: TrialGroup | None) -> Method:
    """Hold this process, a trial's, to its limit from now on; how that is done.

    Parameters
    ----------
    limit
        Bytes.
    device
        `cpu` or `gpu`.
    threads
        CPU threads of the trial.
    group
        The trial's control group, where it has one.
    """
    if group is not None and group.enter():
        return "cgroup"
    if device == "cpu" and limit_data(limit, threads):
        return "rlimit+watchdog"
    return "watchdog"
