"""Every way a trial can end gives one typed row, from real child processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import registry
from harness.run import record as records
from harness.run import server
from harness.run.executor import InProcessExecutor, LocalExecutor
from harness.run.limits import divisible_group
from harness.run.record import Record
from harness.run.server import Server
from harness.suite.model import Limits, Part, Pipeline
from harness.suite.plan import Trial
from tests.run.conftest import FAULTS
from tests.run.faults import arrays, told

GIB = 2**30


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


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def all_gone(pids: list[int]) -> bool:
    """Whether they end within a while; `SIGKILL` needs a moment."""
    for _ in range(100):
        if not any(map(alive, pids)):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("fault", "status", "words", "error_type", "in_log"),
    [
        ("exception", "failed", "ValueError: provoked over two lines", "ValueError", "Traceback"),
        ("no_words", "failed", "SilentError: (its message cannot be shown: ValueError)", "SilentError", "Traceback"),
        ("many_words", "failed", "ValueError: invalid literal", "ValueError", "xxxx"),
        ("sys_exit", "failed", "SystemExit: 0", "SystemExit", "Traceback"),
        ("interrupt", "failed", "KeyboardInterrupt", "KeyboardInterrupt", "Traceback"),
        ("diverged", "diverged", "loss became nan", "DivergedError", "Traceback"),
        ("memory_error", "oom", "out of memory: cannot allocate", "MemoryError", "Traceback"),
        ("exhausted", "oom", "OOM when allocating", "ResourceExhaustedError", "Traceback"),
        ("segfault", "crashed", "SIGSEGV", "SIGSEGV", "Segmentation fault"),
        ("abort", "crashed", "SIGABRT", "SIGABRT", "Aborted"),
        ("bad_alloc", "oom", "std::bad_alloc", "std::bad_alloc", "terminate called"),
        ("stack_overflow", "crashed", "SIGSEGV", "SIGSEGV", "Segmentation fault"),
        ("exit", "crashed", "exit status 3", None, None),
        ("kill_group", "crashed", "SIGKILL", "SIGKILL", None),
        ("close_pipe", "crashed", "exit status 1", None, "Bad file descriptor"),
        ("empty_success", "crashed", "sent no result", None, None),
    ],
)
def test_a_trial_that_fails_by_itself(
    executor: LocalExecutor,
    tmp_path: Path,
    fault: str,
    status: str,
    words: str,
    error_type: str | None,
    in_log: str | None,
) -> None:
    row = run(executor, faulty(fault), tmp_path).row
    assert (row["status"], row["phase"], row["error_type"]) == (status, "load", error_type)
    assert words in row["message"]
    assert "\n" not in row["message"]
    assert (in_log or "") in (row["log_tail"] or "")
    assert (tmp_path / row["log"]).exists()
    assert row["base_bytes"] > 0, "what was measured before the end is kept"
    assert run(executor, faulty("none"), tmp_path).row["status"] == "ok", "the next trial is not touched"


def test_a_row_says_what_the_process_cost_and_where_it_ran(executor: LocalExecutor, tmp_path: Path) -> None:
    row = run(executor, faulty("none"), tmp_path).row
    for column in ("spawn_s", "import_s", "calibration_s", "total_s"):
        assert row[column] > 0
    assert row["busy_others"] is None or row["busy_others"] >= 0
    assert (row["accelerator"], row["error_type"], row["log_tail"]) == ("none", None, None)
    assert len(row["machine"]) == 8
    footprint = executor.footprints["sklearn-cpu"]
    assert footprint["rss_bytes"] >= footprint["pss_bytes"] > 0
    assert set(footprint["libraries"]) == {"sklearn", "harness"}
    assert footprint["import_s"] >= sum(part["import_s"] for part in footprint["libraries"].values())
    assert footprint["start_s"] > 0


@pytest.mark.parametrize("fault", ["hang", "deaf_hang", "stop"])
def test_the_time_limit_ends_even_what_ignores_term(executor: LocalExecutor, tmp_path: Path, fault: str) -> None:
    row = run(executor, faulty(fault, time=0.5), tmp_path).row
    assert (row["status"], row["phase"]) == ("timeout", "load")
    assert "limit of 0.5 s" in row["message"]
    assert row["total_s"] >= 0.5


@pytest.mark.parametrize(
    ("fault", "words", "error_type"),
    [
        ("eat_memory", "limit of 1,024 MiB", None),
        ("eat_at_once", "out of memory: Unable to allocate", "MemoryError"),
        ("child_memory", "limit of 256 MiB", None),
    ],
)
@pytest.mark.skipif(divisible_group() is not None, reason="the kernel ends the trial here, see test_limits")
def test_the_memory_limit(
    executor: LocalExecutor, tmp_path: Path, fault: str, words: str, error_type: str | None
) -> None:
    row = run(executor, faulty(fault, memory=GIB // 4 if fault == "child_memory" else GIB, time=60), tmp_path).row
    assert (row["status"], row["phase"], row["error_type"]) == ("oom", "load", error_type), row["message"]
    assert words in row["message"]
    assert row["memory_limit_method"] == "rlimit+watchdog"


def test_memory_of_children_is_in_the_row(executor: LocalExecutor, tmp_path: Path) -> None:
    row = run(executor, faulty("child_memory"), tmp_path).row
    assert (row["status"], row["memory_method"]) == ("ok", "vmhwm+pss")
    assert GIB // 4 <= row["children_peak_bytes"] < GIB
    assert run(executor, faulty("none"), tmp_path).row["children_peak_bytes"] is None


@pytest.mark.parametrize(("fault", "count"), [("grandchild", 1), ("escaped", 1), ("fifty", 50)])
def test_grandchildren_are_not_left_behind(executor: LocalExecutor, tmp_path: Path, fault: str, count: int) -> None:
    row = run(executor, faulty(fault), tmp_path).row
    assert row["status"] == "ok"
    pids = told(tmp_path / row["log"])
    assert len(pids) == count
    assert not any(map(alive, pids)), "they end before the next trial begins"


def test_a_thread_that_never_ends_does_not_keep_the_process(executor: LocalExecutor, tmp_path: Path) -> None:
    assert run(executor, faulty("thread"), tmp_path).row["status"] == "ok"


def test_garbage_on_the_pipe_is_counted_and_does_no_harm(executor: LocalExecutor, tmp_path: Path) -> None:
    record = run(executor, faulty("garbage"), tmp_path)
    assert record.row["status"] == "ok"
    assert record.garbage == 8, "a column that no table has is garbage too"
    assert "8 lines of its report were not understood" in record.row["message"]


@pytest.mark.parametrize(("fault", "lines"), [("brackets", 2), ("endless_line", 1)])
def test_lines_that_would_break_a_parser(executor: LocalExecutor, tmp_path: Path, fault: str, lines: int) -> None:
    record = run(executor, faulty(fault), tmp_path)
    assert record.garbage == lines
    assert "not understood" in record.row["message"]


def test_an_endless_report_ends_at_the_time_limit(
    executor: LocalExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_EPOCHS", 1000)
    record = run(executor, faulty("endless_epochs", time=1), tmp_path)
    assert record.row["status"] == "timeout"
    assert len(record.epochs) == 1000
    assert "epochs, tried settings or explanations more than are kept were left out" in record.row["message"]


def test_a_lost_forkserver_is_the_fate_of_its_trial_and_the_next_gets_a_new_one(tmp_path: Path) -> None:
    with LocalExecutor(None, [FAULTS]) as executor:
        row = run(executor, faulty("kill_server"), tmp_path).row
        assert (row["status"], row["phase"]) == ("crashed", "load")
        assert "hands out trials was killed" in row["message"]
        (left,) = told(tmp_path / row["log"])
        assert all_gone([left]), "what only init would adopt is found by its environment"
        assert run(executor, faulty("none"), tmp_path).row["status"] == "ok"


def test_a_forkserver_killed_between_trials_costs_no_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalExecutor(None, [FAULTS]) as executor:
        assert run(executor, faulty("none"), tmp_path).row["status"] == "ok"
        (first,) = executor.servers.values()
        first.process.kill()
        assert run(executor, faulty("none"), tmp_path).row["status"] == "ok"
        (second,) = executor.servers.values()
        assert second is not first
        # Killed after it was seen alive, before it got the trial.
        monkeypatch.setattr(Server, "alive", property(lambda server: server.process.returncode is None))
        second.process.send_signal(signal.SIGKILL)
        assert run(executor, faulty("none"), tmp_path).row["status"] == "ok"


def test_a_stopped_forkserver_does_not_stop_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CLEAR_S", 0.2)
    monkeypatch.setattr(server, "GRACE_S", 0.2)
    with LocalExecutor(None, [FAULTS]) as executor:
        row = run(executor, faulty("stop_server", time=0.5), tmp_path).row
        assert row["status"] == "timeout"
        assert run(executor, faulty("none"), tmp_path).row["status"] == "ok"


def test_a_flood_of_output_keeps_both_its_ends(executor: LocalExecutor, tmp_path: Path) -> None:
    row = run(executor, faulty("flood"), tmp_path).row
    assert row["status"] == "ok"
    log = (tmp_path / row["log"]).read_text()
    assert len(log) < 2**21 + 200
    assert log.startswith("first words\n")
    assert log.endswith("last words\n")
    assert f"{80 * (2**16 + 1) + 12 + 11 - 2**21:,} bytes of output were left out here" in log


def test_what_a_crash_says_last_stands_after_a_flood(executor: LocalExecutor, tmp_path: Path) -> None:
    row = run(executor, faulty("flood_segfault"), tmp_path).row
    assert row["status"] == "crashed"
    assert "Segmentation fault" in row["log_tail"]
    assert len(row["log_tail"]) <= 2000
    assert (tmp_path / row["log"]).stat().st_size < 2**21 + 200


def test_an_endless_flood_lasts_until_the_time_limit(executor: LocalExecutor, tmp_path: Path) -> None:
    row = run(executor, faulty("endless_flood", time=1), tmp_path).row
    assert row["status"] == "timeout"
    assert (tmp_path / row["log"]).stat().st_size < 2**21 + 200
    assert set(row["log_tail"].split()) <= {"flood", "ood", "od", "d", "[0m"}
    (process,) = executor.servers.values()
    rss = Path(f"/proc/{process.process.pid}/statm").read_text().split()[1]
    assert int(rss) * os.sysconf("SC_PAGE_SIZE") < executor.footprints["sklearn-cpu"]["rss_bytes"] + 2**25


def test_a_row_holds_plain_text_only(executor: LocalExecutor, tmp_path: Path) -> None:
    row = run(executor, faulty("colours"), tmp_path).row
    assert row["message"] == "ValueError: red message"
    assert row["log_tail"].startswith("red � 10%\n20%\nTraceback")
    for text in (row["message"], row["log_tail"]):
        assert "\x1b" not in text
        text.encode()


def test_a_dataset_file_that_changes_between_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    file = home / "stored.npz"
    trial = faulty("none").model_copy(update={"dataset": Part(name="stored")})

    def outcome() -> tuple[str, str | None]:
        row = run(executor, trial, tmp_path).row
        return row["status"], row["message"]

    with LocalExecutor(home, [FAULTS]) as executor:
        np.savez(file, **arrays())
        assert outcome() == ("ok", None)
        file.write_bytes(file.read_bytes()[:-400])
        status, message = outcome()
        assert (status, "stored.npz" in str(message)) == ("failed", True), message
        np.savez(file, **(arrays() | {"x_train": arrays()["x_train"] ^ 1}))
        status, message = outcome()
        assert (status, "stored.npz" in str(message)) == ("failed", True), message
        np.savez(file, **arrays())
        assert outcome() == ("ok", None)


def test_a_real_network_whose_loss_becomes_nan(tmp_path: Path) -> None:
    spec = {
        "network": {"mlp": {"width": 8}},
        "optimizer": {"sgd": {"learning_rate": 1e30}},
        "train": {"epochs": 3, "batch_size": 16},
    }
    trial = faulty("none").model_copy(update={"spec": Pipeline.model_validate(spec), "backend": "tensorflow"})
    with LocalExecutor(None, [FAULTS]) as executor:
        row = run(executor, trial, tmp_path).row
        assert (row["status"], row["phase"], row["error_type"]) == ("diverged", "fit", "DivergedError"), row["message"]
        footprint = executor.footprints["tensorflow-cpu"]
        assert footprint["libraries"]["tensorflow"]["added_bytes"] > footprint["libraries"]["sklearn"]["added_bytes"]


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
    assert set(here) <= set(apart), "only what a process of its own has is missing"


def test_a_failing_trial_in_process_is_a_row_too(tmp_path: Path) -> None:
    row = InProcessExecutor(None).run_one(faulty("exception"), tmp_path / "x.log", lambda event: None).row
    assert (row["status"], row["log"]) == ("failed", None)
