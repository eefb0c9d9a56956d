"""What trials' processes are given: device, backend, threads; up to the device boundary where there is no GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.data.base import DatasetInfo
from harness.errors import HarnessError
from harness.measure.devices import Gpu, gpus
from harness.run import runner
from harness.run.executor import Lane, LocalExecutor, death, lane_environment
from harness.suite.model import Part, Pipeline
from harness.suite.plan import Trial

DIGITS = DatasetInfo("digits", 1200, 597, 10, (8, 8))


def network(device: str, backend: str = "tensorflow") -> Trial:
    spec = Pipeline.model_validate({"network": {"mlp": {"width": 8}}, "train": {"epochs": 1}})
    return Trial.model_validate(
        {
            "dataset": "digits",
            "pipeline": "mlp",
            "spec": spec,
            "n_train": 50,
            "seed": 0,
            "device": device,
            "backend": backend,
        }
    )


def test_a_cpu_lane_hides_the_gpu_and_a_gpu_lane_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    cpu, gpu = (lane_environment(Lane("tensorflow", device, 3)) for device in ("cpu", "gpu"))
    assert (cpu["CUDA_VISIBLE_DEVICES"], cpu["OMP_NUM_THREADS"], cpu["KERAS_BACKEND"]) == ("-1", "3", "tensorflow")
    assert "CUDA_VISIBLE_DEVICES" not in gpu
    assert gpu["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert cpu["TF_ENABLE_ONEDNN_OPTS"] == "0", "what the user sets stands"
    assert "KERAS_BACKEND" not in lane_environment(Lane(None, "cpu", 1))


def test_why_a_trial_cannot_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "gpus", tuple)
    monkeypatch.setattr(runner, "find_spec", lambda name: None if name == "jax" else object())
    assert runner.unable(network("cpu"), DIGITS, None) is None
    assert "pip install jax" in str(runner.unable(network("cpu", "jax"), DIGITS, None))
    assert "shows no GPU" in str(runner.unable(network("gpu"), DIGITS, None))
    monkeypatch.setattr(runner, "gpus", lambda: (Gpu("H100", 80 * 2**30, "580"),))
    assert runner.unable(network("gpu"), DIGITS, None) is None
    few = network("cpu").model_copy(update={"n_train": 9})
    assert "fewer than the 10 classes" in str(runner.unable(few, DIGITS, None))


@pytest.mark.skipif(bool(gpus()), reason="needs a machine without a GPU")
def test_a_device_is_proved_not_assumed(tmp_path: Path) -> None:
    with LocalExecutor(None) as executor:
        row = executor.run_one(network("gpu"), tmp_path / "gpu.log", lambda event: None).row
        assert (row["status"], row["phase"], row["device_used"]) == ("failed", "fit", "cpu")
        assert "asked for gpu, but tensorflow computed on the cpu" in row["message"]


@pytest.mark.parametrize(
    ("status", "words"),
    [(0, "exit status 0 and no result"), (3 << 8, "exit status 3"), (9, "SIGKILL; the system"), (11, "SIGSEGV")],
)
def test_a_death_in_words(status: int, words: str) -> None:
    assert words in death(status)


def test_a_forkserver_that_cannot_import_says_why(tmp_path: Path) -> None:
    trial = network("cpu").model_copy(update={"dataset": Part(name="digits")})
    with LocalExecutor(None, ["nowhere.py"]) as executor, pytest.raises(HarnessError, match=r"--plugin nowhere\.py"):
        executor.run_one(trial, tmp_path / "x.log", lambda event: None)
