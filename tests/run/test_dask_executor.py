"""Trials on Dask: a real scheduler, real worker processes on this machine, some of them killed."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import psutil
import pytest
from rich.console import Console

pytest.importorskip("distributed", reason="needs Dask: pip install 'harness[distributed]'")

from harness import registry, results
from harness.cli import app
from harness.errors import HarnessError, MisuseError
from harness.measure.environment import machine
from harness.run import dask_cluster, dask_executor, dask_worker
from harness.run.dask_executor import DaskExecutor
from harness.run.folder import RunFolder
from harness.run.journal import read
from harness.run.progress import ProgressDisplay
from harness.run.runner import Summary, run_suite
from harness.suite.load import LoadedSuite, parse_suite
from tests.run.dask_faults import Fatal

FAULTS = str(Path(__file__).with_name("dask_faults.py"))
DEATHS = 2
GIB = 2**30


def suite(mark: Path, *, kills: int = 0, seconds: float = 0.0, extra: str = "", sizes: str = "[10, 20]") -> LoadedSuite:
    text = f"""\
suite: far
datasets: [{{fatal: {{mark: {mark}, kills: {kills}, seconds: {seconds}}}}}]
sizes: {sizes}
{extra}
pipelines:
  nb: {{features: pixels, estimator: sklearn.naive_bayes.GaussianNB}}
  tree: {{features: pixels, estimator: sklearn.tree.DecisionTreeClassifier}}
"""
    return LoadedSuite(parse_suite(text, "far.yaml"), text)


def carry_out(loaded: LoadedSuite, folder: Path, scheduler: str, **options: Any) -> tuple[Summary, pd.DataFrame, str]:
    """Run a suite on a cluster; what it came to, its table, and what a person saw."""
    text = io.StringIO()

    def make() -> DaskExecutor:
        return DaskExecutor(None, [FAULTS], scheduler, **options)

    progress = ProgressDisplay(Console(file=text, soft_wrap=True))
    summary = run_suite(loaded, RunFolder(folder), make, home=None, progress=progress, elsewhere=True)
    return summary, results.load_results(folder).trials, text.getvalue()


@pytest.fixture(scope="module", autouse=True)
def _known() -> Iterator[None]:
    """The plug-in's dataset in this process, as `--plugin` loads it."""
    registry.REGISTERED["datasets"]["fatal"] = Fatal
    yield
    del registry.REGISTERED["datasets"]["fatal"]


@contextmanager
def cluster(folder: Path, *memory: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The scheduler file and the scheduler of a cluster; its workers offer so much memory.

    More threads than trials at once: it is the resource that keeps trials apart.
    """
    file = folder / "scheduler.json"
    where = ["--scheduler-file", str(file), "--host", "127.0.0.1"]
    worker = ["worker", *where, "--nthreads", "2", "--no-dashboard", "--resources"]
    settings = os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(DEATHS - 1)}
    commands = [["scheduler", *where, "--port", "0", "--no-dashboard"]]
    commands += [[*worker, f"exclusive=1,memory={size}"] for size in memory]
    with (folder / "output").open("wb") as output:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "dask", *command],
                cwd=folder,
                stdout=output,
                stderr=output,
                env=settings,
                start_new_session=True,
            )
            for command in commands
        ]
        try:
            wait_for_file(str(file))
            yield str(file), processes[0]
        finally:
            for process in processes:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(30)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The scheduler file of a cluster of two workers, one of which has more memory."""
    with cluster(tmp_path_factory.mktemp("dask"), GIB, 2 * GIB) as (file, _):
        yield file


def wait_for_file(path: str) -> None:
    for _ in range(600):
        if Path(path).exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} never came")


def test_a_run_on_a_cluster_leaves_what_a_local_one_leaves(scheduler: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    summary, trials, text = carry_out(suite(mark), tmp_path / "far", scheduler)
    assert summary.counts == {"ok": 4}, text
    assert len(mark.read_text().split()) == 4
    assert (trials["machine"] == machine()).all()
    assert trials["spawn_s"].notna().all()
    assert all((tmp_path / "far" / log).exists() for log in trials["log"])
    kept = json.loads((tmp_path / "far/environment.json").read_text())["machines"]
    assert list(kept) == [machine()]
    assert {"cpu", "versions", "footprint"} <= set(kept[machine()])
    again, _, text = carry_out(suite(mark), tmp_path / "far", scheduler)
    assert again.counts == {"ok": 4}
    assert "resuming: 4 of 4" in text
    assert len(mark.read_text().split()) == 4, "nothing ran twice"


def test_a_worker_killed_in_the_middle_loses_nothing(scheduler: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    summary, trials, text = carry_out(suite(mark, kills=1, seconds=0.2), tmp_path / "far", scheduler)
    assert summary.counts == {"ok": 4}, text
    ids = [entry.row["trial_id"] for entry in read(tmp_path / "far/journal.jsonl").entries]
    assert sorted(ids) == sorted(trials["trial_id"]), "each trial has one line"
    assert len(mark.read_text().split()) >= 5, "the killed trial ran again"


def test_a_trial_that_kills_every_worker_is_crashed(scheduler: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    loaded = suite(mark, kills=DEATHS, sizes="[10]\nexclude: {pipeline: tree}")
    summary, trials, _ = carry_out(loaded, tmp_path / "far", scheduler)
    assert summary.counts == {"crashed": 1}
    row = trials.iloc[0]
    assert f"the worker died while this trial ran, {DEATHS} times, last on tcp://127.0.0.1" in row["message"]
    assert (row["error_type"], row["phase"]) == ("KilledWorker", "load")
    assert pd.isna(row["machine"]), "nobody knows where it would have run"


def test_a_trial_goes_where_its_memory_is(scheduler: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    loaded = suite(mark, extra="limits: {memory: 1536MiB}")
    summary, _, text = carry_out(loaded, tmp_path / "far", scheduler)
    assert summary.counts == {"ok": 4}, text
    assert len(set(mark.read_text().split())) == 1, "only one worker has that much"


def test_a_scheduler_that_dies_is_one_line_and_what_is_done_is_kept(tmp_path: Path) -> None:
    import dask

    loaded = suite(tmp_path / "mark", seconds=1)
    with cluster(tmp_path, GIB) as (file, process), dask.config.set({"distributed.comm.timeouts.connect": "2s"}):

        class Executioner(ProgressDisplay):
            def finished(self, *args: Any) -> None:
                process.kill()

        def make() -> DaskExecutor:
            return DaskExecutor(None, [FAULTS], file)

        progress = Executioner(Console(file=io.StringIO()))
        with pytest.raises(HarnessError, match=r"the Dask scheduler tcp://\S+ is gone .* every finished trial is kept"):
            run_suite(loaded, RunFolder(tmp_path / "far"), make, home=None, progress=progress, elsewhere=True)
    assert [entry.row["status"] for entry in read(tmp_path / "far/journal.jsonl").entries] == ["ok"]


def test_what_a_worker_cannot_tell_is_one_line_or_runs_again() -> None:
    heard: list[Any] = []

    def future(error: Exception, status: str) -> Any:
        def result(timeout: float) -> Any:
            raise error

        return SimpleNamespace(result=result, status=status, add_done_callback=heard.append)

    executor = DaskExecutor(None, [], "tcp://127.0.0.1:9")
    executor.client = SimpleNamespace(status="running", scheduler=None)  # type: ignore[assignment]

    def ask(error: Exception, status: str) -> Any:
        pending = SimpleNamespace(future=future(error, status), trial=SimpleNamespace(id="one"))
        return executor._result(pending)  # type: ignore[arg-type]

    with pytest.raises(HarnessError, match="a worker could not run a trial: ModuleNotFoundError: No module named 'x';"):
        ask(ModuleNotFoundError("No module named 'x'\nand more"), "error")
    assert ask(TimeoutError(), "pending") is None, "its worker died with the answer: Dask runs it again"
    assert len(heard) == 1


def test_what_no_worker_offers_is_skipped_with_the_command_to_start_one(scheduler: str, tmp_path: Path) -> None:
    loaded = suite(tmp_path / "mark", extra="devices: [cpu, gpu]\nlimits: {memory: 4GiB}", sizes="[10]")
    summary, trials, _ = carry_out(loaded, tmp_path / "far", scheduler)
    assert summary.counts == {"skipped": 4}
    assert trials["machine"].isna().all()
    told = trials.set_index(["pipeline", "device"])["message"]
    command = f"dask worker --scheduler-file {scheduler} --nthreads 1 --resources"
    assert f'{command} "exclusive=1,memory={4 * GIB}"' in told["nb", "cpu"]
    assert f'{command} "exclusive=1,gpu=1,memory={4 * GIB}"' in told["nb", "gpu"]


def test_workers_must_fit_the_run(scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_executor, "__version__", "99")
    with pytest.raises(MisuseError, match=r"the worker tcp://\S+ has harness \S+, this run 99; install"):
        carry_out(suite(tmp_path / "mark"), tmp_path / "one", scheduler)
    monkeypatch.undo()
    with (
        pytest.raises(MisuseError, match=r"the worker tcp://\S+ lacks something: --plugin no\.such\.module"),
        DaskExecutor(None, [FAULTS, "no.such.module"], scheduler) as executor,
    ):
        executor.prepare([], tmp_path)


def test_no_scheduler_and_no_worker_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dask

    with dask.config.set({"distributed.comm.timeouts.connect": "300ms"}):
        with pytest.raises(MisuseError, match=r"--scheduler tcp://127\.0\.0\.1:9: no Dask scheduler answers"):
            DaskExecutor(None, [], "tcp://127.0.0.1:9").__enter__()
        with pytest.raises(MisuseError, match="no Dask scheduler answers"):
            DaskExecutor(None, [], "nonsense://x").__enter__()
        with pytest.raises(MisuseError, match="no Dask scheduler answers"):
            DaskExecutor(None, [], "tls://127.0.0.1:9").__enter__()
        (tmp_path / "other.json").write_text("{}")
        with pytest.raises(MisuseError, match="the file is no scheduler file"):
            DaskExecutor(None, [], str(tmp_path / "other.json")).__enter__()
    with dask_cluster.start_cluster(0) as empty:
        executor = DaskExecutor(None, [], None, patience_s=0.2)
        monkeypatch.setattr(dask_executor, "start_cluster", lambda _: empty)
        with executor, pytest.raises(MisuseError, match=r"no worker joined tls://\S+ within 0.2 s; start one: dask"):
            executor.prepare([], tmp_path)


def test_without_dask_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "find_spec", lambda name: None)
    with pytest.raises(MisuseError, match=r"pip install 'harness\[distributed\]'"):
        DaskExecutor(None)


def test_workers_of_one_machine_have_cores_of_their_own() -> None:
    every = os.sched_getaffinity(0)
    if len(every) < 2:
        pytest.skip("needs two cores")
    try:
        dask_worker.pin(0, 2)
        first = os.sched_getaffinity(0)
        os.sched_setaffinity(0, every)
        dask_worker.pin(1, 2)
        assert not first & os.sched_getaffinity(0)
    finally:
        os.sched_setaffinity(0, every)


def test_ctrl_c_ends_a_cluster_of_our_own(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    loaded = suite(mark, seconds=30, sizes="[10, 20, 30]")
    (tmp_path / "far.yaml").write_text(loaded.text)
    words = ["--plugin", FAULTS, "run", "far.yaml", "--no-report", "--executor", "dask", "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while process.poll() is None and not (mark.exists() and len(mark.read_text().split()) == 2):
            time.sleep(0.05)
        assert process.poll() is None, process.communicate()
        family = psutil.Process(process.pid).children(recursive=True)
        heard = [c for p in (psutil.Process(process.pid), *family) for c in connections(p) if c.status == "LISTEN"]
        assert heard
        assert {c.laddr.ip for c in heard} == {"127.0.0.1"}, "nobody outside this machine can reach it"
        # As a terminal sends it: to every process of the group.
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert "resumes" in stderr
    frame = pd.read_parquet(tmp_path / "runs/far/trials.parquet")
    assert frame["status"].tolist() == ["interrupted"] * 6
    assert frame["message"].str.contains("while this trial ran").sum() == 2
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive


def connections(process: psutil.Process) -> list[Any]:
    try:
        return process.net_connections("inet")
    except psutil.Error:
        return []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--scheduler", "tcp://x:1"], "belong to --executor dask"),
        (["--workers", "2"], "belong to --executor dask"),
        (["--executor", "dask", "--workers", "2", "--scheduler", "tcp://x:1"], "choose"),
    ],
)
def test_options_that_do_not_go_together(words: list[str], told: str) -> None:
    with pytest.raises(MisuseError, match=told):
        app(["run", "quickstart", *words], standalone_mode=False)
