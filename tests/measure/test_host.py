from __future__ import annotations

from pathlib import Path

import pytest

from harness.measure.host import caches, clock_source, cpu_limit, fsync_time, memory


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="ascii")


def test_caches_by_level(tmp_path: Path) -> None:
    for index, (level, kind, size) in enumerate([("1", "Data", "32K"), ("2", "Unified", "1024K")]):
        for name, text in (("level", level), ("type", kind), ("size", size)):
            write(tmp_path / f"cpu0/cache/index{index}/{name}", text)
    write(tmp_path / "cpu0/cache/index9/level", "3")
    assert caches(tmp_path) == {"L1 Data": "32K", "L2 Unified": "1024K"}
    assert caches(tmp_path / "absent") == {}


def limit(root: Path, own: str) -> float | None:
    write(root / "own", own)
    return cpu_limit(root / "cgroup", root / "own")


def test_cpu_limit_of_version_2_is_the_smallest_on_the_way_up(tmp_path: Path) -> None:
    assert limit(tmp_path, "0::/jobs/one") is None
    write(tmp_path / "cgroup/jobs/one/cpu.max", "max 100000")
    assert limit(tmp_path, "0::/jobs/one") is None
    write(tmp_path / "cgroup/jobs/cpu.max", "150000 100000")
    write(tmp_path / "cgroup/cpu.max", "400000 100000")
    assert limit(tmp_path, "0::/jobs/one") == 1.5


@pytest.mark.parametrize(("quota", "expected"), [("-1", None), ("50000", 0.5), ("nonsense", None)])
def test_cpu_limit_of_version_1(tmp_path: Path, quota: str, expected: float | None) -> None:
    write(tmp_path / "cgroup/cpu/cpu.cfs_quota_us", quota)
    write(tmp_path / "cgroup/cpu/cpu.cfs_period_us", "100000")
    # The path of the host, of which a container sees only the top.
    assert limit(tmp_path, "3:cpuset:/\n1:cpu,cpuacct:/docker/0123") == expected


def test_a_system_without_control_groups_has_no_limit(tmp_path: Path) -> None:
    assert cpu_limit(tmp_path, tmp_path / "absent") is None


def test_clock_memory_and_disk(tmp_path: Path) -> None:
    write(tmp_path / "clock", "tsc")
    assert clock_source(tmp_path / "clock") == "tsc"
    assert clock_source(tmp_path / "absent") is None
    assert 0 < memory().available <= memory().ram
    sync = fsync_time(tmp_path, calls=3)
    assert 0 <= sync.median_s <= sync.longest_s
    assert [path.name for path in tmp_path.iterdir()] == ["clock"]
