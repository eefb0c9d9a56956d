"""Trials on the workers of a Dask cluster: one started here, or any that has a scheduler (SLURM, Kubernetes, SSH).

A task is one trial, and Dask places it by resources that a worker declares: `exclusive` (how many timed trials it takes
at once: 1), `memory` (bytes) and `gpu`. The run's journal stays the single truth: a task's result is the trial's row,
and what Dask loses is run again.
"""

from __future__ import annotations

import math
import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from harness import __version__
from harness.errors import HarnessError, MisuseError
from harness.files import write_atomic
from harness.run import dask_worker
from harness.run.dask_cluster import QUIET, address_in, require, silent, start_cluster
from harness.run.dask_worker import Answer, Plugin, Setup
from harness.run.executor import NOTHING, About, Watch
from harness.run.record import Record
from harness.suite.plan import Trial

if TYPE_CHECKING:
    from distributed import Client, Future

PATIENCE_S = 60.0
LOOK_S = 1.0
END_S = 10.0
# Trials that are looked at ahead of those that run, so that one that waits for a GPU holds up no other.
AHEAD = 256
Needs = Mapping[str, float]


@dataclass
class Pending:
    """A trial that Dask has."""

    trial: Trial
    record: Record
    needs: Needs
    future: Future[Answer]
    started: bool = False


class DaskExecutor:
    """Runs trials on Dask workers.

    Parameters
    ----------
    home
        The data home on the workers; None stands for each worker's own default.
    plugins
        `--plugin` options. Files are sent with their content, modules must be installed there.
    scheduler
        Address or scheduler file of a cluster that is there; None starts one on this machine, on loopback only.
    workers
        Workers of a cluster that is started here, which share its cores, memory and GPUs.
    patience_s
        Seconds to wait for a worker before giving up.

    Attributes
    ----------
    machines
        What `harness.measure.environment.environment` says on each machine that ran a trial, by machine id, and
        `footprint`, what the libraries take there.
    """

    # Workers tell of theirs, in `machines`.
    footprints: About = NOTHING

    def __init__(
        self,
        home: Path | None,
        plugins: Sequence[str] = (),
        scheduler: str | None = None,
        workers: int = 1,
        patience_s: float = PATIENCE_S,
    ) -> None:
        require(scheduler)
        self.scheduler = scheduler
        self.workers = workers
        self.patience_s = patience_s
        self.machines: dict[str, dict[str, Any]] = {}
        sent = tuple(map(Plugin.of, plugins))
        share = 1 if scheduler else workers
        self.setup = Setup(uuid.uuid4().hex[:12], __version__, str(home.absolute()) if home else None, sent, share)
        self.stack = ExitStack()
        self.client: Client
        self.pending: dict[str, Pending] = {}
        self.news: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self.offers: dict[str, tuple[float, Needs]] = {}
        self.looked = -math.inf

    def __enter__(self) -> Self:
        """Connect, or start workers here.

        Raises
        ------
        MisuseError
            If there is no scheduler at that address.
        """
        import dask
        from distributed import Client

        with ExitStack() as stack:
            stack.enter_context(dask.config.set(QUIET))
            stack.enter_context(silent())
            try:
                if self.scheduler is None:
                    cluster = stack.enter_context(start_cluster(self.workers))
                    self.client = stack.enter_context(Client(cluster))
                else:
                    self.client = stack.enter_context(Client(address_in(self.scheduler)))
            except Exception as error:  # noqa: BLE001  (for a wrong address or file Dask raises anything)
                where = self.scheduler or "127.0.0.1"
                first = str(error).partition("\n")[0] or type(error).__name__
                raise MisuseError(f"--scheduler {where}: no Dask scheduler answers there: {first}") from None
            self.client.subscribe_topic(dask_worker.topic(self.setup.run), self._on_event)
            stack.callback(self._leave)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End what still runs, and let go of the workers."""
        self.stack.close()

    def _leave(self) -> None:
        """Stop this run's trials and close its forkservers, on workers that may serve others afterwards."""
        with suppress(OSError, ValueError, RuntimeError):
            running = [pending.future for pending in self.pending.values()]
            self.pending.clear()
            if running:
                self.client.cancel(running, force=True)
                self.client.run(dask_worker.stop, self.setup.run, on_error="ignore")
                self._wait_until_idle()
            self.client.run(dask_worker.release, self.setup.run, on_error="ignore")

    def _wait_until_idle(self) -> None:
        own = dask_worker.topic(self.setup.run)
        end = time.monotonic() + END_S
        while time.monotonic() < end:
            if not any(str(key).startswith(own) for keys in self.client.processing().values() for key in keys):
                return
            time.sleep(0.05)

    def _on_event(self, event: tuple[float, dict[str, Any]]) -> None:
        self.news.put(("event", event[1]))

    def prepare(self, trials: Sequence[Trial], logs: Path) -> None:
        """Wait for a worker, and see that all that are there have what the trials need.

        Raises
        ------
        MisuseError
            If no worker comes, or one has another harness or lacks data or a plug-in; in one line.
        """
        self._wait_for_worker(MisuseError)
        versions: dict[str, Any] = self.client.get_versions(packages=["harness"])["workers"]  # type: ignore[index]
        for address, found in sorted(versions.items()):
            theirs = found["packages"].get("harness")
            if theirs != __version__:
                has = f"harness {theirs}" if theirs else "no harness"
                raise MisuseError(f"the worker {address} has {has}, this run {__version__}; install the same on both")
        parts = {trial.dataset.label: trial.dataset for trial in trials}
        values = [part.model_dump(mode="json") for part in parts.values()]
        for address, missing in sorted(self.client.run(dask_worker.lacks, self.setup, values).items()):
            if missing:
                raise MisuseError(f"the worker {address} lacks something: {missing}")

    def run(self, trials: Iterable[Trial], logs: Path, watch: Watch) -> Iterator[tuple[Trial, Record]]:
        """Hand trials to Dask, a few more than can run, and yield each as it ends."""
        trials = iter(trials)
        waiting: dict[str, deque[Trial]] = {"cpu": deque(), "gpu": deque()}
        while True:
            for trial in next_of(trials, AHEAD - sum(map(len, waiting.values()))):
                waiting[trial.device].append(trial)
            for trial, reason in self._submit(waiting, watch):
                yield trial, skipped(trial, reason)
            if not self.pending:
                if not any(waiting.values()):
                    return
                self._wait_for_worker(HarnessError)
                self.looked = -math.inf
                continue
            try:
                kind, news = self.news.get(timeout=LOOK_S)
            except Empty:
                yield from self._homeless()
                continue
            if kind == "event":
                self._take_event(news, watch)
            elif (pending := self.pending.get(news)) is not None:
                if (answer := self._result(pending)) is None:
                    continue
                # Its place is filled before anything is written: the worker does not wait for the journal.
                del self.pending[news]
                refused = list(self._submit(waiting, watch))
                if not pending.started:
                    watch.started(pending.trial)
                yield pending.trial, self._record(pending, answer, logs)
                for trial, reason in refused:
                    yield trial, skipped(trial, reason)

    def _submit(self, waiting: Mapping[str, deque[Trial]], watch: Watch) -> Iterator[tuple[Trial, str]]:
        """Fill the window; yields trials that no worker can take, with the reason."""
        offers = self._look()
        if not offers:
            return
        for device, queue in waiting.items():
            room = sum(int(offer.get("exclusive", 0)) for offer in offers if device == "cpu" or offer.get("gpu"))
            while queue and (not room or self._in_flight(device) < room):
                trial = queue.popleft()
                needs = self._needs(trial, watch.memory(trial), offers)
                if not any(fits(needs, offer) for offer in offers):
                    yield trial, self._unplaceable(needs)
                    continue
                self._hand_over(trial, needs)

    def _in_flight(self, device: str) -> int:
        return sum(pending.trial.device == device for pending in self.pending.values())

    def _needs(self, trial: Trial, expected: int | None, offers: Sequence[Needs]) -> dict[str, float]:
        needs: dict[str, float] = {"exclusive": 1}
        if trial.device == "gpu":
            needs["gpu"] = 1
        if trial.limits.memory:
            needs["memory"] = trial.limits.memory
        elif expected and any(fits({**needs, "memory": expected}, offer) for offer in offers):
            # A forecast only chooses among workers; it keeps no trial from running.
            needs["memory"] = expected
        return needs

    def _hand_over(self, trial: Trial, needs: Needs) -> None:
        future = self.client.submit(
            dask_worker.run_trial,
            self.setup,
            trial.model_dump(mode="json"),
            key=f"{dask_worker.topic(self.setup.run)}-{trial.id}",
            resources=dict(needs),
            pure=False,
        )
        self.pending[trial.id] = Pending(trial, Record(trial, None), needs, future)
        self._listen(trial.id, future)

    def _listen(self, trial_id: str, future: Future[Answer]) -> None:
        future.add_done_callback(partial(self._on_done, trial_id))

    def _on_done(self, trial_id: str, _: object) -> None:
        self.news.put(("done", trial_id))

    def _take_event(self, event: dict[str, Any], watch: Watch) -> None:
        pending = self.pending.get(event.get("trial_id", ""))
        if pending is None:
            return
        if event["event"] == "started":
            # A trial whose worker died starts again.
            pending.record = Record(pending.trial, None)
            if not pending.started:
                pending.started = True
                watch.started(pending.trial)
            return
        pending.record.add(event)
        watch.event(pending.trial, event)

    def _result(self, pending: Pending) -> Answer | None:
        """What became of a task; None where its worker died with the answer, so that it runs again.

        Raises
        ------
        HarnessError
            If the scheduler is gone, or a worker can run no trial at all.
        """
        from distributed import KilledWorker

        future = pending.future
        try:
            answer = future.result(timeout=self.patience_s)
        except KilledWorker as killed:
            worker = killed.last_worker
            times = f"{killed.allowed_failures + 1} times, last on" if killed.allowed_failures else "on"
            message = (
                f"the worker died while this trial ran, {times} {worker.name} ({worker.address}); "
                "the system does this when memory runs out"
            )
            return Answer(unfit="", row={"status": "crashed", "message": message, "error_type": "KilledWorker"})
        except Exception as error:  # noqa: BLE001  (a worker without this harness can raise anything)
            what = f"{type(error).__name__}: {error}".partition("\n")[0]
            if future.status == "error":
                raise HarnessError(f"a worker could not run a trial: {what}; every finished trial is kept") from None
            if isinstance(error, TimeoutError) and self.client.status == "running":
                self._listen(pending.trial.id, future)
                return None
            raise HarnessError(
                f"the Dask scheduler {self._address()} is gone ({what}); every finished trial is kept, "
                "and the same command again resumes"
            ) from None
        if "error" in answer:
            raise HarnessError(answer["error"])
        return answer

    def _record(self, pending: Pending, answer: Answer, logs: Path) -> Record:
        record = pending.record
        if "epochs" not in answer:
            if reason := answer.get("unfit"):
                return skipped(pending.trial, reason)
            row = answer["row"]
            record.end(row["status"], row["message"])
            record.row["error_type"] = row["error_type"]
            return record
        record = Record(pending.trial, f"{logs.name}/{pending.trial.id}.log")
        record.row |= answer["row"] | record.identity
        record.epochs, record.tuning, record.explanations = (
            answer["epochs"],
            answer["tuning"],
            answer["explanations"],
        )
        about = self.machines.setdefault(answer["machine"], {"footprint": {}})
        about |= answer.get("environment", {})
        about["footprint"] |= answer["footprint"]
        # A log that cannot be written costs the log; a full disk is told by the journal.
        with suppress(OSError):
            write_atomic(logs / f"{pending.trial.id}.log", lambda beside: beside.write_bytes(answer["log"]))
        return record

    def _look(self) -> list[Needs]:
        """What each worker offers that was there within the last while; the scheduler is asked once a second."""
        now = time.monotonic()
        if now - self.looked >= LOOK_S:
            workers = self.client.scheduler_info(n_workers=-1)["workers"]
            self.looked = now
            for address, worker in workers.items():
                self.offers[address] = (now, worker.get("resources") or {})
            # One that has just died may be on its way back.
            self.offers = {key: value for key, value in self.offers.items() if now - value[0] < self.patience_s}
        return [offer for _, offer in self.offers.values()]

    def _wait_for_worker(self, kind: type[HarnessError]) -> None:
        try:
            self.client.wait_for_workers(1, timeout=self.patience_s)
        except TimeoutError:
            raise kind(self._no_worker()) from None

    def _homeless(self) -> Iterator[tuple[Trial, Record]]:
        """Trials that Dask keeps although every worker that could take them has gone, and does not come back."""
        offers = self._look()
        if not offers:
            raise HarnessError(self._no_worker())
        for key, pending in list(self.pending.items()):
            if not pending.future.done() and not any(fits(pending.needs, offer) for offer in offers):
                del self.pending[key]
                self.client.cancel([pending.future], force=True)
                yield pending.trial, skipped(pending.trial, self._unplaceable(pending.needs))

    def _unplaceable(self, needs: Needs) -> str:
        words = ",".join(f"{name}={amount:.0f}" for name, amount in needs.items())
        if self.scheduler is None:
            return f"no worker on this machine offers {words}; try fewer --workers"
        return f"no worker offers {words}; start one that does: {self._command(needs)}; and run the same command again"

    def _no_worker(self) -> str:
        command = self._command({"exclusive": 1})
        return f"no worker joined {self._address()} within {self.patience_s:g} s; start one: {command}"

    def _command(self, needs: Needs) -> str:
        words = ",".join(f"{name}={amount:.0f}" for name, amount in needs.items())
        where = self._address()
        if self.scheduler and Path(self.scheduler).is_file():
            where = f"--scheduler-file {self.scheduler}"
        return f'dask worker {where} --nthreads 1 --resources "{words}"'

    def _address(self) -> str:
        return str(self.client.scheduler.address) if self.client.scheduler else str(self.scheduler)


def skipped(trial: Trial, reason: str) -> Record:
    """The record of a trial that no worker can take now."""
    record = Record(trial, None)
    record.end("skipped", reason)
    return record


def fits(needs: Needs, offer: Needs) -> bool:
    """Whether a worker offers what a trial needs."""
    return all(offer.get(name, 0) >= amount for name, amount in needs.items())


def next_of(trials: Iterator[Trial], count: int) -> Iterator[Trial]:
    """The next few trials."""
    for _ in range(count):
        trial = next(trials, None)
        if trial is None:
            return
        yield trial
