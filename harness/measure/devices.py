"""Which accelerators this machine has, told without importing a deep-learning library."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple


class Gpu(NamedTuple):
    """One GPU as its driver describes it."""

    name: str
    memory_bytes: int
    driver: str


@cache
def gpus() -> tuple[Gpu, ...]:
    """The NVIDIA GPUs of this machine: through NVML where `nvidia-ml-py` is installed, else through nvidia-smi."""
    if find_spec("pynvml"):
        import pynvml

        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError:
            return ()
        try:
            handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
            driver = pynvml.nvmlSystemGetDriverVersion()
            return tuple(
                Gpu(str(pynvml.nvmlDeviceGetName(h)), int(pynvml.nvmlDeviceGetMemoryInfo(h).total), str(driver))
                for h in handles
            )
        finally:
            pynvml.nvmlShutdown()
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    query = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=30, check=False)
    return parse_smi(answer.stdout) if answer.returncode == 0 else ()


def parse_smi(text: str) -> tuple[Gpu, ...]:
    """Lines such as `NVIDIA H100 80GB HBM3, 81559, 580.65.06` (memory in MiB)."""
    fields = [[field.strip() for field in line.rsplit(",", 2)] for line in text.splitlines() if line.count(",") >= 2]
    return tuple(Gpu(name, int(memory) * 2**20, driver) for name, memory, driver in fields)


def device_of(model: Any) -> str:
    """Where a Keras model's weights lie, as its backend says: proof of the device that was used.

    Works for TensorFlow, JAX and PyTorch alike, whose arrays all have a `device`.
    """
    text = str(model.weights[0].value.device).lower()
    return "gpu" if "gpu" in text or "cuda" in text else "cpu"
