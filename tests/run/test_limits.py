"""Memory limits: cgroup v2 with a made-up hierarchy (this is tested without one too), RLIMIT_DATA in real children."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.run import limits
from harness.run.limits import TrialGroup, divide, limit_data

MIB = 2**20


def hierarchy(folder: Path, inside: str = "/user.slice/run.scope", **files: str) -> tuple[Path, Path]:
    """A /proc and a cgroup2 mount as the kernel would show them; the process's group has these files."""
    proc, mount = folder / "proc", folder / "cgroup two"
    group = mount / inside.lstrip("/")
    (proc / "self").mkdir(parents=True)
    group.mkdir(parents=True)
    (proc / "self/cgroup").write_text(f"4:memory:/elsewhere\n0::{inside}\n")
    escaped = str(mount).replace(" ", "\\040")
    (proc / "self/mounts").write_text(f"tmpfs /tmp tmpfs rw 0 0\ncgroup2 {escaped} cgroup2 rw,nosuid 0 0\n")
    kernel = {"cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": "", "cgroup.type": "domain\n"}
    for name, text in (kernel | {"cgroup.procs": f"{os.getpid()}\n"} | files).items():
        (group / name).write_text(text)
    return proc, group


def test_a_group_of_our_own_is_divided_after_we_have_left_it(tmp_path: Path) -> None:
    proc, group = hierarchy(tmp_path)
    assert divide(proc, os.getpid()) == group
    assert (group / "harness/cgroup.procs").read_text() == str(os.getpid())
    assert (group / "cgroup.subtree_control").read_text() == "+memory"
    assert not list(group.glob("*probe"))


def test_a_group_with_processes_of_others_is_left_alone(tmp_path: Path) -> None:
    proc, group = hierarchy(tmp_path, **{"cgroup.procs": f"{os.getpid()}\n{os.getppid()}\n"})
    assert divide(proc, os.getpid()) is None
    assert not (group / "harness").exists()
    assert (group / "cgroup.subtree_control").read_text() == ""


def test_a_group_without_the_memory_controller_is_no_use(tmp_path: Path) -> None:
    proc, _ = hierarchy(tmp_path, **{"cgroup.controllers": "hugetlb\n"})
    assert divide(proc, os.getpid()) is None


def test_the_root_needs_no_leaf_and_a_leaf_finds_its_parent(tmp_path: Path) -> None:
    proc, group = hierarchy(tmp_path, "/")
    (group / "cgroup.type").unlink()
    assert divide(proc, os.getpid()) == group
    assert not (group / "harness").exists()
    (tmp_path / "leaf").mkdir()
    proc, leaf = hierarchy(tmp_path / "leaf", "/scope/harness")
    for name, text in (("controllers", "memory"), ("subtree_control", "memory")):
        (leaf.parent / f"cgroup.{name}").write_text(text)
    assert divide(proc, os.getpid()) == leaf.parent


@pytest.mark.parametrize("missing", ["self/cgroup", "self/mounts"])
def test_without_a_hierarchy_there_is_none(tmp_path: Path, missing: str) -> None:
    proc, group = hierarchy(tmp_path)
    (proc / missing).write_text("")
    assert divide(proc, os.getpid()) is None
    (proc / missing).unlink()
    assert divide(proc, os.getpid()) is None
    shutil.rmtree(group)


def test_what_a_trials_group_is_told_and_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = TrialGroup.make(tmp_path, "harness-1-1", 512 * MIB, 200 * MIB)
    assert group is not None
    told = {file.name: file.read_text() for file in group.path.iterdir()}
    assert told == {"memory.max": str(312 * MIB), "memory.swap.max": "0", "memory.oom.group": "1"}
    assert group.enter()
    assert (group.path / "cgroup.procs").read_text() == "0"
    (group.path / "memory.events").write_text("low 0\nhigh 0\nmax 12\noom 1\noom_kill 3\n")
    (group.path / "memory.peak").write_text(f"{312 * MIB}\n")
    removed: list[Path] = []
    monkeypatch.setattr(Path, "rmdir", lambda path: removed.append(path))
    assert group.end() == (3, 312 * MIB)
    assert (group.path / "cgroup.kill").read_text() == "1"
    assert removed == [group.path]


def test_a_limit_below_what_is_shared_leaves_room_to_die(tmp_path: Path) -> None:
    group = TrialGroup.make(tmp_path, "small", 100 * MIB, 200 * MIB)
    assert group is not None
    assert (group.path / "memory.max").read_text() == str(limits.SMALLEST_GROUP)


def test_an_old_kernel_has_no_peak_and_a_group_that_cannot_be_made_is_none(tmp_path: Path) -> None:
    assert TrialGroup(tmp_path / "nothing").end() == (0, None)
    assert TrialGroup.make(tmp_path / "nowhere", "x", MIB, 0) is None


def test_a_group_that_refuses_the_child_leaves_the_next_best(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from harness.run.limits import TrialGroup, hold\n"
        "group = TrialGroup(Path(sys.argv[1]))\n"
        "print(hold(2**30, 'cpu', 2, group), hold(2**30, 'gpu', 2, group))"
    )
    assert run(code, tmp_path / "nowhere") == ["rlimit+watchdog", "watchdog"]
    assert run(code, tmp_path) == ["cgroup", "cgroup"]


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts mapped memory on Linux only")
def test_one_large_allocation_fails_and_what_is_within_the_limit_does_not() -> None:
    code = (
        "import numpy as np, threading; from harness.run.limits import limit_data\n"
        "assert limit_data(2**28, 2)\n"
        "hoard = np.ones(2**24)\n"
        "threads = [threading.Thread(target=lambda: None) for _ in range(32)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "try: np.empty(2**31, np.uint8)\n"
        "except MemoryError: print('refused')"
    )
    assert run(code) == ["refused"]


def test_where_the_system_has_no_such_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not limit_data(MIB, 1)


def run(code: str, *words: object) -> list[str]:
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
