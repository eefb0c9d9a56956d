"""Every way a trial can end gives one typed row, from real child processes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import registry
from harness.run.executor import InProcessExecutor, LocalExecutor
from harness.run.record import Record
from harness.suite.model import Limits, Part, Pipeline
from harness.suite.plan import Trial
from tests.run.conftest import FAULTS


@pytest.fixture(scope="module", autouse=True)
def _plugin() -> Iterator[None]:
    registry.load_plugin(FAULTS)
    yield
    registry.REGISTERED["datasets"].clear()
    registry.parameters.cache_clear()


@pytest.fixture(scope="module")
def executor() -> Iterator[LocalExecutor]:
    with LocalExecutor(None, [FAULTS]) as local:
        yield local


def faulty(fault: str, **limits: Any) -> Trial:
    return Trial(
        dataset=Part(name="faulty", params={"fault": fault}),
        pipeline="nb",
        spec=Pipeline.model_validate({"features": "pixels", "estimator": "sklearn.naive_bayes.GaussianNB"}),
        n_train=20,
        seed=0,
        limits=Limits(**limits),
    )


def run(executor: LocalExecutor, trial: Trial, folder: Path) -> Record:
    (folder / "logs").mkdir(exist_ok=True)
    return executor.run_one(trial, folder / "logs" / f"{trial.id}.log", lambda event: None)


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("exception", "failed", "ValueError: provoked over two lines"),
        ("diverged", "diverged", "loss became nan"),
        ("memory_error", "oom", "out of memory: cannot allocate"),
        ("exhausted", "oom", "OOM when allocating"),
        ("segfault", "crashed", "SIGSEGV"),
        ("exit", "crashed", "exit status 3"),
    ],
)
def test_a_trial_that_fails_by_itself(
    executor: LocalExecutor, tmp_path: Path, fault: str, status: str, words: str
) -> None:
    row = run(executor, faulty(fault), tmp_path).row
    assert (row["status"], row["phase"]) == (status, "load")
    assert words in row["message"]
    assert "\n" not in row["message"]
    assert (tmp_path / row["log"]).exists()
    assert row["base_bytes"] > 0, "what was measured before the end is kept"
    assert run(executor, faulty("none"), tmp_path).row["status"] == "ok", "the next trial is not touched"


def test_the_log_has_the_traceback(executor: LocalExecutor, tmp_path: Path) -> None:
    row = run(executor, faulty("exception"), tmp_path).row
    assert 'raise ValueError("provoked' in (tmp_path / row["log"]).read_text()


@pytest.mark.parametrize("fault", ["hang", "deaf_hang"])
def test_the_time_limit_ends_even_what_ignores_term(executor: LocalExecutor, tmp_path: Path, fault: str) -> None:
    row = run(executor, faulty(fault, time=0.5), tmp_path).row
    assert (row["status"], row["phase"]) == ("timeout", "load")
    assert "limit of 0.5 s" in row["message"]
    assert row["total_s"] >= 0.5


def test_the_memory_limit(executor: LocalExecutor, tmp_path: Path) -> None:
    row = run(executor, faulty("eat_memory", memory=2**30, time=60), tmp_path).row
    assert (row["status"], row["phase"]) == ("oom", "load")
    assert "limit of 1,024 MiB" in row["message"]


def test_grandchildren_are_not_left_behind(executor: LocalExecutor, tmp_path: Path) -> None:
    row = run(executor, faulty("grandchild"), tmp_path).row
    assert row["status"] == "ok"
    pid = int((tmp_path / row["log"]).read_text().partition("grandchild ")[2].split()[0])
    for _ in range(100):
        if not alive(pid):
            break
        time.sleep(0.05)
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_garbage_on_the_pipe_is_counted_and_does_no_harm(executor: LocalExecutor, tmp_path: Path) -> None:
    record = run(executor, faulty("garbage"), tmp_path)
    assert record.row["status"] == "ok"
    assert record.garbage == 8, "a column that no table has is garbage too"
    assert "not understood" in record.row["message"]


def test_a_lost_forkserver_is_the_fate_of_its_trial_and_the_next_gets_a_new_one(tmp_path: Path) -> None:
    with LocalExecutor(None, [FAULTS]) as executor:
        row = run(executor, faulty("kill_server"), tmp_path).row
        assert (row["status"], row["phase"]) == ("crashed", "load")
        assert "hands out trials was killed" in row["message"]
        assert run(executor, faulty("none"), tmp_path).row["status"] == "ok"


def test_a_flood_of_output_goes_to_the_log(executor: LocalExecutor, tmp_path: Path) -> None:
    row = run(executor, faulty("flood"), tmp_path).row
    assert row["status"] == "ok"
    assert (tmp_path / row["log"]).stat().st_size > 5_000_000


def test_every_trial_has_a_process_and_group_of_its_own(executor: LocalExecutor, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for seed in range(3):
        trial = faulty("none").model_copy(
            update={"seed": seed, "dataset": Part(name="faulty", params={"mark": str(mark)})}
        )
        assert run(executor, trial, tmp_path).row["status"] == "ok"
    pids = [int(line) for line in mark.read_text().split()]
    assert len({*pids, os.getpid()}) == 4


def test_both_executors_measure_the_same_result(executor: LocalExecutor, tmp_path: Path) -> None:
    trial = faulty("none")
    apart = run(executor, trial, tmp_path).row
    here = InProcessExecutor(None).run_one(trial, tmp_path / "x.log", lambda event: None).row
    same = ("trial_id", "status", "accuracy", "balanced_accuracy", "f1_macro", "log_loss", "n_parameters", "n_test")
    assert {key: apart[key] for key in same} == {key: here[key] for key in same}
    assert set(apart) == set(here)


def test_a_failing_trial_in_process_is_a_row_too(tmp_path: Path) -> None:
    row = InProcessExecutor(None).run_one(faulty("exception"), tmp_path / "x.log", lambda event: None).row
    assert (row["status"], row["log"]) == ("failed", None)
