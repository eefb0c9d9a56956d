from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest

from harness.measure import devices
from harness.measure.devices import Gpu, device_of, gpus, parse_smi


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
