"""The processes of a trial: everything that descends from its forkserver, however it tried to get away.

A forkserver is a child subreaper (prctl(2)), so that what leaves its parent or its process group, by setsid or by a
double fork, is adopted by the server and not by init: it stays in the family, is counted, and ends with the trial.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
PAGE = os.sysconf("SC_PAGE_SIZE")
LINUX = sys.platform == "linux"
# The kernel lists children per thread only where CONFIG_PROC_CHILDREN is set; psutil reads all of /proc instead.
LISTS_CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children").exists()
# A process that does not die within this time of SIGKILL hangs in the kernel; nobody can end it.
END_S = 10.0
READ_BYTES = 2**16


def adopt_orphans() -> None:
    """Make this process the parent of every descendant that loses its own; Linux only."""
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies; Linux only."""
    if LINUX:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def kill_group(pid: int, number: int) -> None:
    """Send a signal to a trial's whole process group, if anything of it is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def children(pid: int) -> list[int]:
    """Children of a process, dead ones that nobody has asked for included; empty where it is gone."""
    if not LISTS_CHILDREN:
        try:
            return [child.pid for child in psutil.Process(pid).children()]
        except psutil.Error:
            return []
    found: list[int] = []
    try:
        # A directory that is gone in between ends this thread's listing, not the others'.
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, read(f"/proc/{pid}/task/{task}/children").split())
    except OSError:
        return found
    return found


def descendants(pid: int) -> list[int]:
    """Children, grandchildren and so on, parents first."""
    found: list[int] = []
    seen = {pid}
    waiting = [pid]
    while waiting:
        new = [child for child in children(waiting.pop()) if child not in seen]
        seen.update(new)
        found += new
        waiting += new
    return found


def read(path: str) -> bytes:
    """A file of /proc in one go, empty where it is gone; cheaper than `open`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        data = part = os.read(fd, READ_BYTES)
        while len(part) == READ_BYTES:
            part = os.read(fd, READ_BYTES)
            data += part
        return data
    except OSError:
        return b""
    finally:
        os.close(fd)


def resident(pid: int) -> int:
    """Resident memory of a process in bytes, shared pages included; 0 where it is gone."""
    if not LINUX:
        try:
            return int(psutil.Process(pid).memory_info().rss)
        except psutil.Error:
            return 0
    fields = read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * PAGE if fields else 0


def proportional(pid: int) -> int:
    """A process's share of memory in bytes (PSS: a page that n processes share counts 1/n in each); 0 where it is gone.

    Resident memory where the kernel does not tell shares.
    """
    for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return resident(pid)


class Sample(NamedTuple):
    """What a family takes at one moment: resident bytes of the trial, PSS of its children, and who they are."""

    trial_bytes: int
    children_bytes: int
    children: list[int]

    @property
    def total_bytes(self) -> int:
        """What counts against the memory limit."""
        return self.trial_bytes + self.children_bytes


def sample(server: int, trial: int) -> Sample:
    """Look at a trial's process and at everything else that descends from its forkserver."""
    others = [pid for pid in descendants(server) if pid != trial]
    return Sample(resident(trial), sum(map(proportional, others)), others)


class Reaped(NamedTuple):
    """Children of this process that have ended: wait statuses by process id, and their CPU seconds together."""

    statuses: dict[int, int]
    cpu_s: float


def reap() -> Reaped:
    """Ask for every child that has ended; never waits."""
    statuses: dict[int, int] = {}
    cpu = 0.0
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return Reaped(statuses, cpu)
        if not pid:
            return Reaped(statuses, cpu)
        statuses[pid] = status
        cpu += usage.ru_utime + usage.ru_stime


def end_descendants(seconds: float = END_S) -> tuple[int, float]:
    """Kill and reap everything that descends from this process, again and again until nothing is left.

    Returns
    -------
    left, cpu_s
        How many could not be ended within `seconds`, and the CPU seconds of those that were.
    """
    cpu = 0.0
    pause = 0.0005
    deadline = time.monotonic() + seconds
    while True:
        # Killed parents hand their children to this process, which the next round finds.
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        cpu += reap().cpu_s
        left = len(descendants(os.getpid()))
        if not left or time.monotonic() > deadline:
            return left, cpu
        time.sleep(pause)
        pause = min(2 * pause, 0.05)


def kill_marked(name: str, value: str) -> None:
    """Kill every process that was given an environment variable: what a forkserver leaves when it is itself killed.

    Its orphans are adopted by init, so that only their environment still tells whose they are. Linux only.
    """
    mark = f"{name}={value}".encode()
    for entry in os.listdir("/proc") if LINUX else ():
        if entry.isdigit() and int(entry) != os.getpid() and mark in read(f"/proc/{entry}/environ").split(b"\0"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(entry), signal.SIGKILL)
