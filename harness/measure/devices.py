"""Which accelerators this machine has, what they hold and whether they are busy; imports no deep-learning library."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
        with _nvml() as nvml:
            if nvml is None:
                return ()
            driver = str(nvml.nvmlSystemGetDriverVersion())
            return tuple(
                Gpu(str(nvml.nvmlDeviceGetName(h)), int(nvml.nvmlDeviceGetMemoryInfo(h).total), driver)
                for h in _handles(nvml)
            )
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


@contextmanager
def _nvml() -> Iterator[Any]:
    """The initialised NVML module; None where it is not installed or no driver answers."""
    try:
        import pynvml
    except ImportError:
        yield None
        return
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _handles(nvml: Any) -> list[Any]:
    return [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]


def gpu_processes() -> list[dict[int, int | None]] | None:
    """Per GPU, the bytes that each process computing on it holds (None where the driver does not say)."""
    with _nvml() as nvml:
        if nvml is None:
            return None
        try:
            return [
                {int(p.pid): p.usedGpuMemory for p in nvml.nvmlDeviceGetComputeRunningProcesses(handle)}
                for handle in _handles(nvml)
            ]
        except nvml.NVMLError:
            return None


def process_gpu_bytes(pids: Iterable[int]) -> int | None:
    """GPU memory that these processes hold together, in bytes, as NVML accounts for it.

    The context and the libraries that CUDA loads count too, so this is more than the backend's allocator has.

    Returns
    -------
    int or None
        0 where no process is on a GPU. None where NVML cannot tell: it is not installed, no driver answers, the driver
        hides the sizes, or others are listed and none of `pids` is. That is so before these have touched a GPU, and
        always inside a container: NVML then names processes by the numbers that they have outside.
    """
    own = set(pids)
    listed = gpu_processes()
    if listed is None:
        return None
    found = [held for device in listed for pid, held in device.items() if pid in own]
    if not found:
        return None if any(listed) else 0
    return None if None in found else sum(held for held in found if held is not None)


def other_gpu_processes(own_pids: Iterable[int]) -> int | None:
    """How many other processes compute on the GPUs that `own_pids` compute on.

    Only processes with a compute context count; a desktop's graphics do not.

    Returns
    -------
    int or None
        None where NVML cannot tell; see `process_gpu_bytes`.
    """
    own = set(own_pids)
    listed = gpu_processes()
    if listed is None:
        return None
    shared = [set(device) for device in listed if own & set(device)]
    if not shared:
        return None if any(listed) else 0
    return len(set().union(*shared) - own)


def device_of(model: Any) -> str:
    """Where a Keras model's weights lie, as its backend says: proof of the device that was used.

    Works for TensorFlow, JAX and PyTorch alike, whose arrays all have a `device`.
    """
    text = str(model.weights[0].value.device).lower()
    return "gpu" if "gpu" in text or "cuda" in text else "cpu"


def synchronise(backend: str | None) -> None:
    """Wait until a backend has finished what it was given, so that a clock can stop.

    TensorFlow and PyTorch queue work on a GPU only; on the CPU a result is there when the call returns. JAX queues on
    both, and orders nothing between computations that do not depend on each other, so every live array is waited for.
    Costs some 30 microseconds on the CPU.

    Parameters
    ----------
    backend
        `tensorflow`, `jax` or `torch`; nothing is waited for with None, or where it is not imported.
    """
    if backend == "tensorflow" and (tensorflow := sys.modules.get("tensorflow")):
        tensorflow.test.experimental.sync_devices()
    elif backend == "jax" and (jax := sys.modules.get("jax")):
        jax.block_until_ready([array for array in jax.live_arrays() if not array.is_deleted()])
    elif backend == "torch" and (torch := sys.modules.get("torch")) and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def reset_gpu_peak(backend: str | None) -> None:
    """Begin a new peak of `gpu_peak_bytes`. JAX cannot: its peak is the process's, of which each trial has its own."""
    if backend == "tensorflow" and (tensorflow := _tensorflow_with_gpu()):
        tensorflow.config.experimental.reset_memory_stats("GPU:0")
    elif backend == "torch" and (torch := sys.modules.get("torch")) and torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def gpu_peak_bytes(backend: str | None) -> int | None:
    """The most that a backend's allocator has had in use on the first GPU, in bytes; None where it does not say.

    Tensors only: what the allocator keeps in reserve, CUDA's context and its libraries come on top, and are in
    `process_gpu_bytes`.
    """
    if backend == "tensorflow" and (tensorflow := _tensorflow_with_gpu()):
        return int(tensorflow.config.experimental.get_memory_info("GPU:0")["peak"])
    if backend == "jax" and (jax := sys.modules.get("jax")):
        peak = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
        return None if peak is None else int(peak)
    if backend == "torch" and (torch := sys.modules.get("torch")) and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    return None


def _tensorflow_with_gpu() -> Any:
    """TensorFlow, where it is imported and has found a GPU: asked about one that it lacks, it raises."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow if tensorflow and tensorflow.config.list_logical_devices("GPU") else None


def pin_threads(backend: str, threads: int) -> None:
    """Hold a backend to a number of CPU threads; to be called before its first operation.

    TensorFlow and OpenMP read the environment when they are imported, which the executor sets. JAX reads NPROC when it
    makes its CPU client (xla/pjrt/utils.cc, DefaultThreadPoolSize).
    """
    os.environ["NPROC"] = str(threads)
    if backend == "torch":
        sys.modules["torch"].set_num_threads(threads)
