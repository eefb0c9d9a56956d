"""Counters of energy in a false /sys and a false NVML: this is where the machines that have them are imitated."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.measure import energy
from harness.measure.energy import Counter, Meter

RANGE = 262_143_328_850


def zone(root: Path, path: str, name: str, joules: float = 0.0) -> Path:
    folder = root / path
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{RANGE}\n")
    (folder / "energy_uj").write_text(f"{int(joules * 1e6)}\n")
    return folder / "energy_uj"


def count(file: Path, joules: float) -> None:
    file.write_text(f"{int(joules * 1e6) % RANGE}\n")


@pytest.fixture
def server(tmp_path: Path) -> dict[str, Path]:
    """Two packages with memory, as Linux shows them, with everything that must not be counted a second time."""
    (tmp_path / "intel-rapl").mkdir()
    for package in (0, 1):
        zone(tmp_path, f"intel-rapl:{package}", f"package-{package}", 1000)
        zone(tmp_path, f"intel-rapl:{package}:0", "core", 600)
        zone(tmp_path, f"intel-rapl:{package}:1", "dram", 100)
    zone(tmp_path, "intel-rapl:2", "psys", 5000)
    zone(tmp_path, "intel-rapl-mmio:0", "package-0", 1000)
    return {path.name: path / "energy_uj" for path in tmp_path.iterdir()}


def test_packages_and_memory_count_once(tmp_path: Path, server: dict[str, Path]) -> None:
    assert energy.source("cpu", tmp_path) == ("rapl:package-0+rapl:package-0-dram+rapl:package-1+rapl:package-1-dram")
    meter = energy.start("cpu", tmp_path)
    assert meter is not None
    for name, file in server.items():
        if file.exists():
            count(file, {"intel-rapl:0": 1010, "intel-rapl:1": 1002, "intel-rapl:0:1": 103}.get(name, 9999))
    count(server["intel-rapl:1:1"], 100)
    expected = {"package-0": 10, "package-0-dram": 3, "package-1": 2, "package-1-dram": 0}
    assert meter.read() == {f"rapl:{name}": pytest.approx(joules) for name, joules in expected.items()}
    meter.stop()
    assert energy.reason(tmp_path) == ""


def test_a_counter_goes_round(tmp_path: Path) -> None:
    file = zone(tmp_path, "intel-rapl:0", "package-0", RANGE / 1e6 - 5)
    meter = energy.start("cpu", tmp_path)
    assert meter is not None
    count(file, RANGE / 1e6 - 1)
    assert meter.read()["rapl:package-0"] == pytest.approx(4)
    count(file, RANGE / 1e6 + 7)
    assert meter.read()["rapl:package-0"] == pytest.approx(12)
    assert meter.read()["rapl:package-0"] == pytest.approx(12)
    meter.stop()


def test_a_thread_keeps_up_with_a_counter_that_goes_round_often() -> None:
    reads = [0]

    def joules() -> float:
        reads[0] += 1
        return 7.0 * reads[0] % 10

    meter = Meter([Counter("fast", joules, 10.0)])  # its thread wakes every 10 J / 1000 W
    while reads[0] < 8:
        assert not meter.stopped.wait(0.005)
    with meter.lock:
        assert meter.total["fast"] == pytest.approx(7.0 * (reads[0] - 1))
    meter.stop()


def test_what_disappears_is_not_guessed(tmp_path: Path, server: dict[str, Path]) -> None:
    meter = energy.start("cpu", tmp_path)
    assert meter is not None
    server["intel-rapl:1"].unlink()
    lost = meter.read()
    assert math.isnan(lost["rapl:package-1"])
    assert lost["rapl:package-0"] == 0
    count(server["intel-rapl:1"], 1001)
    assert math.isnan(meter.read()["rapl:package-1"]), "what was used meanwhile is not known"
    meter.stop()


def test_root_only_is_none_and_says_why(
    tmp_path: Path, server: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.read_text

    def refuse(path: Path, *args: Any, **kwargs: Any) -> str:
        if path == server["intel-rapl:1"]:
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", refuse)
    assert energy.start("cpu", tmp_path) is None, "one package of two would pass for both"
    assert energy.source("cpu", tmp_path) is None
    assert energy.idle_watts(0, root=tmp_path) is None
    told = energy.reason(tmp_path)
    assert "CVE-2020-8694" in told
    assert "chmod a+r" in told
    assert "\n" not in told


@pytest.mark.parametrize("contents", ["", "garbage"])
def test_a_counter_that_holds_no_number_is_none(tmp_path: Path, contents: str) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0").write_text(contents)
    assert energy.start("cpu", tmp_path) is None


def test_no_counter_is_none(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "absent"):
        assert energy.start("cpu", root) is None
        assert energy.source("cpu", root) is None
        assert energy.idle_watts(0, root=root) is None
        assert "no RAPL counter" in energy.reason(root)


def test_idle_power_is_what_is_used_per_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = zone(tmp_path, "intel-rapl:0", "package-0", 50)
    clock = [100.0]
    monkeypatch.setattr(energy.time, "monotonic", lambda: clock[0])

    def sleep(seconds: float) -> None:
        clock[0] += seconds
        count(file, 50 + 21)

    monkeypatch.setattr(energy.time, "sleep", sleep)
    assert energy.idle_watts(3.0, root=tmp_path) == pytest.approx(7)


class FakeError(Exception):
    """What NVML raises."""


class FakeNvml(SimpleNamespace):
    """Two GPUs that use one joule between two readings."""

    NVMLError = FakeError

    def __init__(self) -> None:
        super().__init__(millijoules=5000, supported=True, opened=0)

    def nvmlInit(self) -> None:  # noqa: N802
        self.opened += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.opened -= 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        if index not in (0, 1):
            raise FakeError("Invalid Argument")
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:  # noqa: N802
        return {"GPU-b": 1}[uuid]

    def nvmlDeviceGetIndex(self, handle: int) -> int:  # noqa: N802
        return handle

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:  # noqa: N802
        if not self.supported:
            raise FakeError("Not Supported")
        self.millijoules += 1000
        return self.millijoules


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(energy, "find_spec", lambda name: object())
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return fake


def test_a_gpu_counts_beside_the_processor(tmp_path: Path, server: dict[str, Path], nvml: FakeNvml) -> None:
    assert str(energy.source("gpu", tmp_path)).endswith("rapl:package-1-dram+nvml:0")
    meter = energy.start("gpu", tmp_path)
    assert meter is not None
    assert meter.read()["nvml:0"] == pytest.approx(1)
    assert meter.read()["nvml:0"] == pytest.approx(2)
    assert nvml.opened == 1
    meter.stop()
    assert nvml.opened == 0
    assert "nvml" not in str(energy.source("cpu", tmp_path))
    assert energy.source("gpu", tmp_path / "absent") == "nvml:0"


@pytest.mark.parametrize(("visible", "index"), [("1,0", 1), ("GPU-b", 1), ("", 0), ("-1", None), ("5", None)])
def test_the_gpu_that_cuda_sees_first(
    tmp_path: Path, nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch, visible: str, index: int | None
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert energy.source("gpu", tmp_path) == (None if index is None else f"nvml:{index}")
    assert nvml.opened == 0


def test_a_gpu_without_a_counter_is_left_out(tmp_path: Path, nvml: FakeNvml) -> None:
    nvml.supported = False
    assert energy.start("gpu", tmp_path) is None
    assert nvml.opened == 0


def test_a_gpu_that_falls_silent_is_not_guessed(tmp_path: Path, nvml: FakeNvml) -> None:
    meter = energy.start("gpu", tmp_path)
    assert meter is not None
    nvml.millijoules = 0
    assert math.isnan(meter.read()["nvml:0"]), "the driver was loaded anew"
    meter.stop()
    meter = energy.start("gpu", tmp_path)
    assert meter is not None
    nvml.supported = False
    assert math.isnan(meter.read()["nvml:0"])
    meter.stop()
