from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from harness.measure import devices
from harness.measure.devices import (
    Gpu,
    device_of,
    gpu_peak_bytes,
    gpus,
    other_gpu_processes,
    parse_smi,
    process_gpu_bytes,
    reset_gpu_peak,
    synchronise,
)


def test_what_nvidia_smi_prints() -> None:
    text = "NVIDIA H100 80GB HBM3, 81559, 580.65.06\nOdd, name, 16384, 550.1\n"
    assert parse_smi(text) == (
        Gpu("NVIDIA H100 80GB HBM3", 81559 * 2**20, "580.65.06"),
        Gpu("Odd, name", 16384 * 2**20, "550.1"),
    )
    assert parse_smi("No devices were found\n") == ()


@pytest.mark.parametrize(("code", "count"), [(0, 1), (9, 0)])
def test_a_driver_that_does_not_answer_is_no_gpu(monkeypatch: pytest.MonkeyPatch, code: int, count: int) -> None:
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    monkeypatch.setattr(devices.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    answer = subprocess.CompletedProcess([], code, stdout="NVIDIA T4, 15360, 550.1\n")
    monkeypatch.setattr(devices.subprocess, "run", lambda *args, **kwargs: answer)
    gpus.cache_clear()
    assert len(gpus()) == count
    gpus.cache_clear()


@pytest.mark.parametrize(
    ("device", "kind"),
    [
        ("/job:localhost/replica:0/task:0/device:GPU:0", "gpu"),
        ("/job:localhost/replica:0/task:0/device:CPU:0", "cpu"),
        ("cuda:0", "gpu"),
        ("TFRT_CPU_0", "cpu"),
    ],
)
def test_every_backends_name_of_a_device(device: str, kind: str) -> None:
    weight = SimpleNamespace(value=SimpleNamespace(device=device))
    assert device_of(SimpleNamespace(weights=[weight])) == kind


class FakeNvml:
    """The part of pynvml that is used; each device is a mapping from process to bytes."""

    class NVMLError(Exception):
        pass

    def __init__(self, *processes: dict[int, int | None], driver: bool = True, supported: bool = True) -> None:
        self.processes = processes
        self.driver = driver
        self.supported = supported
        self.open = 0

    def nvmlInit(self) -> None:  # noqa: N802
        if not self.driver:
            raise self.NVMLError
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.processes)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[Any]:  # noqa: N802
        if not self.supported:
            raise self.NVMLError
        return [SimpleNamespace(pid=pid, usedGpuMemory=held) for pid, held in self.processes[handle].items()]


@pytest.mark.parametrize(
    ("nvml", "held", "others"),
    [
        (FakeNvml({7: 100, 8: 50, 9: 1}), 150, 1),
        (FakeNvml({7: 100}), 100, 0),
        (FakeNvml({7: 100}, {8: 20, 5: 30}, {6: 10}), 120, 1),
        (FakeNvml({7: None, 9: None}), None, 1),
        (FakeNvml({}), 0, 0),
        (FakeNvml({4711: 100}), None, None),
        (FakeNvml({7: 100}, supported=False), None, None),
        (FakeNvml(driver=False), None, None),
    ],
    ids=["shared", "alone", "two GPUs", "sizes hidden", "idle", "other namespace", "unsupported", "no driver"],
)
def test_who_holds_the_gpu(
    monkeypatch: pytest.MonkeyPatch, nvml: FakeNvml, held: int | None, others: int | None
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert process_gpu_bytes([7, 8]) == held
    assert other_gpu_processes([7, 8]) == others
    assert nvml.open == 0


def test_without_nvml_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert process_gpu_bytes([1]) is None
    assert other_gpu_processes([1]) is None


class Calls:
    """Stands for a backend's module: every attribute is there, and calls are written down."""

    def __init__(self, answers: dict[str, Any], path: str = "", log: list[str] | None = None) -> None:
        self.answers, self.path = answers, path
        self.log: list[str] = [] if log is None else log

    def __getattr__(self, name: str) -> Calls:
        return Calls(self.answers, f"{self.path}.{name}".lstrip("."), self.log)

    def __call__(self, *args: Any) -> Any:
        self.log.append(self.path)
        return self.answers.get(self.path)


ARRAY = SimpleNamespace(is_deleted=lambda: False)
GONE = SimpleNamespace(is_deleted=lambda: True)
DEVICE = SimpleNamespace(memory_stats=lambda: {"peak_bytes_in_use": 300, "bytes_in_use": 5})
SILENT = SimpleNamespace(memory_stats=lambda: None)


@pytest.mark.parametrize(
    ("backend", "answers", "waits", "resets", "peak"),
    [
        (
            "tensorflow",
            {"config.list_logical_devices": ["GPU:0"], "config.experimental.get_memory_info": {"peak": 300}},
            ["test.experimental.sync_devices"],
            ["config.list_logical_devices", "config.experimental.reset_memory_stats"],
            300,
        ),
        (
            "tensorflow",
            {"config.list_logical_devices": []},
            ["test.experimental.sync_devices"],
            ["config.list_logical_devices"],
            None,
        ),
        (
            "jax",
            {"live_arrays": [ARRAY, GONE], "local_devices": [DEVICE]},
            ["live_arrays", "block_until_ready"],
            [],
            300,
        ),
        ("jax", {"live_arrays": [], "local_devices": [SILENT]}, ["live_arrays", "block_until_ready"], [], None),
        (
            "torch",
            {"cuda.is_initialized": True, "cuda.max_memory_allocated": 300},
            ["cuda.is_initialized", "cuda.synchronize"],
            ["cuda.is_initialized", "cuda.reset_peak_memory_stats"],
            300,
        ),
        ("torch", {"cuda.is_initialized": False}, ["cuda.is_initialized"], ["cuda.is_initialized"], None),
    ],
)
def test_what_each_backend_is_asked(
    monkeypatch: pytest.MonkeyPatch,
    backend: str,
    answers: dict[str, Any],
    waits: list[str],
    resets: list[str],
    peak: int | None,
) -> None:
    module = Calls(answers)
    monkeypatch.setitem(sys.modules, backend, module)  # type: ignore[arg-type]
    synchronise(backend)
    assert module.log == waits
    module.log.clear()
    reset_gpu_peak(backend)
    assert module.log == resets
    assert gpu_peak_bytes(backend) == peak


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch", None])
def test_a_backend_that_is_not_imported_is_not_asked(monkeypatch: pytest.MonkeyPatch, backend: str | None) -> None:
    for name in ("tensorflow", "jax", "torch"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    synchronise(backend)
    reset_gpu_peak(backend)
    assert gpu_peak_bytes(backend) is None
    assert not {"tensorflow", "jax", "torch"} & set(sys.modules)
