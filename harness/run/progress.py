"""What a person sees while a suite runs: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from harness.run.columns import PHASES
from harness.run.record import Event
from harness.suite.plan import Trial

# Of several trials that run at once, as on a cluster, a line has room for a few.
SHOWN = 3


class ProgressDisplay:
    """Shows what runs, what is done and when it will end."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self.counts: Counter[str] = Counter()
        self.done = self.total = 0
        self.live: Progress | None = None
        self.task: TaskID | None = None
        self.running: dict[str, tuple[str, str]] = {}

    def __enter__(self) -> Self:
        """Begin a live display where there is a terminal."""
        if self.console.is_terminal:
            # Twice a second: a display that redraws more often takes time from what is measured.
            self.live = Progress(
                SpinnerColumn(),
                MofNCompleteColumn(),
                BarColumn(bar_width=20),
                TimeElapsedColumn(),
                TextColumn("{task.fields[eta]}  {task.description}", markup=False),
                console=self.console,
                refresh_per_second=2,
                transient=True,
            )
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the live display."""
        if self.live is not None:
            self.live.stop()

    def begin(self, total: int, already: int) -> None:
        """A run begins, or resumes with some trials done."""
        self.total = total
        if already:
            self.say(f"resuming: {already} of {already + total} trials are done")
        if self.live is not None:
            self.task = self.live.add_task("", total=total, eta="")

    def started(self, trial: Trial, seconds: float, unknown: int) -> None:
        """A trial begins; `seconds` are expected for all that is left, beside `unknown` trials not seen before."""
        self.running[trial.id] = (called(trial.identity()), "")
        if self.live is not None and self.task is not None:
            self.live.update(self.task, description=self.current(), eta=eta(seconds, unknown))

    def event(self, trial: Trial, event: Event) -> None:
        """A running trial reports."""
        if self.live is None or self.task is None or trial.id not in self.running:
            return
        match event:
            case {"event": "phase", "phase": str(phase)} if phase in PHASES:
                step = phase
            case {"event": "epoch", "values": {"epoch": int(epoch), "loss": float() | int() | None as loss}}:
                step = f"epoch {epoch}, loss {loss or float('nan'):.3f}"
            case _:
                return
        self.running[trial.id] = (self.running[trial.id][0], f" · {step}")
        self.live.update(self.task, description=self.current())

    def finished(self, row: Mapping[str, Any], seconds: float, unknown: int) -> None:
        """A trial has its row."""
        self.running.pop(row["trial_id"], None)
        self.done += 1
        self.counts[row["status"]] += 1
        self.say(f"[{self.done}/{self.total}] {line(row)}  {eta(seconds, unknown)}".rstrip())
        if self.live is not None and self.task is not None:
            self.live.update(self.task, advance=1, description=self.current())

    def current(self) -> str:
        """What runs now: the trial, or how many there are and the first of them."""
        words = [what + step for what, step in self.running.values()]
        if len(words) < 2:
            return "".join(words)
        return f"{len(words)} running: " + " | ".join(words[:SHOWN]) + (" | ..." if len(words) > SHOWN else "")

    def say(self, text: str) -> None:
        """Print one line, above the live display where there is one."""
        self.console.print(text, markup=False, highlight=False)


def called(identity: Mapping[str, Any]) -> str:
    """A trial in words: what tells it from the others, and nothing that is as it nearly always is."""
    words = [identity["pipeline"], identity["dataset"], f"n={identity['n_train']:,}", f"seed={identity['seed']}"]
    if identity["repeat"]:
        words.append(f"repeat={identity['repeat']}")
    if identity["backend"] not in ("sklearn", "tensorflow"):
        words.append(identity["backend"])
    if identity["device"] != "cpu":
        words.append(identity["device"])
    return " ".join(words)


def line(row: Mapping[str, Any]) -> str:
    """One finished trial in a line."""
    head = called(row)
    if row["status"] != "ok":
        where = f" in {row['phase']}" if row["phase"] else ""
        return f"{head}: {row['status']}{where}: {row['message']}"
    train = (row.get("features_s") or 0.0) + row["fit_s"]
    return f"{head}: accuracy {row['accuracy']:.4f}, train {duration(train)}, predict {duration(row['predict_s'])}"


def eta(seconds: float, unknown: int) -> str:
    """When it will end: `about 3 min left (16:05)`, with `at least` while some trials are of unknown length."""
    if seconds <= 0:
        return ""
    end = time.strftime("%H:%M", time.localtime(time.time() + seconds))
    return f"{'at least' if unknown else 'about'} {duration(seconds)} left ({end})"


def duration(seconds: float) -> str:
    """Seconds in words."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
