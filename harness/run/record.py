"""The row of one trial, built from what its process reports while it lives."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, get_args

from harness.hits import sound
from harness.run.columns import (
    EPOCH_COLUMNS,
    EPOCH_IDENTITY,
    EXPLANATION_COLUMNS,
    LONG,
    PHASES,
    TRIAL_COLUMNS,
    TUNING_COLUMNS,
    fits,
    sensible,
)
from harness.run.logs import plain_text
from harness.suite.plan import Trial

Status: TypeAlias = Literal[
    "ok", "timeout", "oom", "oom_gpu", "crashed", "failed", "diverged", "skipped", "interrupted"
]
Event: TypeAlias = dict[str, Any]

STATUSES: tuple[str, ...] = get_args(Status)
# What a trial can say of itself; the rest is for others to say.
OWN_WORDS = ("ok", "failed", "diverged", "oom", "oom_gpu")
# Without these there is no result.
RESULT = ("accuracy", "fit_s", "predict_s")
MESSAGE_LENGTH = 500
TEXT_LENGTH = 2000
LINE_BYTES = 2**20
# No training is that long, and no tuning; what floods the pipe is not kept.
MAX_EPOCHS = MAX_CANDIDATES = 100_000
# Lines of an explanation, and characters of what those hold beside numbers and names: a few images.
MAX_EXPLANATIONS, MAX_CONTENT = 5_000, 2**22


class Record:
    """Collects a trial's events into one row and its epochs; of bounded size, whatever the trial sends.

    Events are mappings with an `event` key: `phase` (one begins), `measured` (columns of the row), `epoch` (one line
    of the epochs table), `tuning` (one of the tuning table), `explanation` (one of the explanations table) and `end`
    (the trial's own word on how it ended).
    """

    def __init__(self, trial: Trial, log: str | None) -> None:
        self.identity = trial.identity()
        self.memory_limit = trial.limits.memory
        self.row: dict[str, Any] = {
            **self.identity,
            "status": None,
            "phase": None,
            "error_type": None,
            "message": None,
            "log": log,
            "log_tail": None,
        }
        self.epochs: list[dict[str, Any]] = []
        self.tuning: list[dict[str, Any]] = []
        self.explanations: list[dict[str, Any]] = []
        self.content = 0
        self.reached: str | None = None
        self.garbage = 0
        self.surplus = 0

    def add(self, event: Event) -> None:
        """Take in one event; one of an unknown kind or shape is counted as garbage."""
        match event:
            case {"event": "phase", "phase": str(phase)} if phase in PHASES:
                self.row["phase"] = self.reached = phase
            case {"event": "measured", "values": dict(values)} if self.may_say(cells := plain(values)):
                self.row.update(cells)
            case {"event": "epoch"} if len(self.epochs) >= MAX_EPOCHS:
                self.surplus += 1
            case {"event": "tuning"} if len(self.tuning) >= MAX_CANDIDATES:
                self.surplus += 1
            case {"event": "explanation"} if len(self.explanations) >= MAX_EXPLANATIONS or self.content >= MAX_CONTENT:
                self.surplus += 1
            case {"event": "epoch", "values": dict(values)} if is_line(cells := plain(values), EPOCH_COLUMNS):
                self.epochs.append(cells)
            case {"event": "tuning", "values": dict(values)} if is_line(cells := plain(values), TUNING_COLUMNS):
                self.tuning.append(cells)
            case {"event": "explanation", "values": dict(values)} if is_line(
                cells := plain(values), EXPLANATION_COLUMNS
            ):
                self.explanations.append(cells)
                self.content += len(cells.get("content") or "")
            case {"event": "end", "status": str(status)} if status in OWN_WORDS:
                message, kind = event.get("message"), event.get("error_type")
                self.end(status, message if isinstance(message, str) else None, kind if isinstance(kind, str) else None)
            case _:
                self.garbage += 1

    def may_say(self, cells: dict[str, Any]) -> bool:
        """Whether these can stand in the table's columns, and none of them says which trial it is or how it ended."""
        return (
            not cells.keys() & RESERVED.union(self.identity)
            and all(
                name in TRIAL_COLUMNS
                and fits(value, TRIAL_COLUMNS[name])
                and (not isinstance(value, int | float) or sensible(name, value))
                for name, value in cells.items()
            )
            and sound(*((self.row | cells).get(name) for name in ("correct", "n_test")))
        )

    @property
    def ended(self) -> bool:
        """Whether the trial has said how it ended."""
        return self.row["status"] is not None

    def end(self, status: str, message: str | None = None, error_type: str | None = None) -> None:
        """Set the fate; the first word counts.

        Parameters
        ----------
        status
            One of `STATUSES`.
        message
            For people; cut to one line of `MESSAGE_LENGTH` characters.
        error_type
            Class of the exception, or name of the signal, that ended it.
        """
        if self.ended:
            return
        self.row["status"] = status
        if status == "ok":
            self.row["phase"] = None
        if message:
            self.row["message"] = one_line(message)
        if error_type:
            self.row["error_type"] = one_line(error_type)

    def overrule(self, status: str, message: str) -> None:
        """Set the fate, whatever was said of it before."""
        self.row |= {"status": None, "phase": self.reached, "message": None, "error_type": None}
        self.end(status, message)

    def check_result(self) -> None:
        """Take `ok` back where there is no result to go with it."""
        if self.row["status"] == "ok" and any(self.row.get(name) is None for name in RESULT):
            self.overrule("crashed", "its process said that all went well, but sent no result")

    def remark(self, text: str) -> None:
        """Add a remark to the message, which makes room for it."""
        before = (self.row["message"] or "")[: MESSAGE_LENGTH - len(text) - 2]
        self.row["message"] = f"{before}; {text}" if before else text

    def remark_losses(self) -> None:
        """Say in the message what was left out of what the trial sent."""
        if self.garbage:
            self.remark(f"{self.garbage:,} lines of its report were not understood")
        if self.surplus:
            self.remark(f"{self.surplus:,} epochs, tried settings or explanations more than are kept were left out")


RESERVED = frozenset(("status", "phase", "error_type", "message", "log", "log_tail", "suite"))


def now() -> str:
    """The time of day for a row to tell, UTC in milliseconds; durations come from clocks that nobody sets."""
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")


def one_line(text: str) -> str:
    """Text as one line of at most `MESSAGE_LENGTH` characters."""
    return " ".join(plain_text(text).split())[:MESSAGE_LENGTH]


def is_line(cells: dict[str, Any], columns: Mapping[str, str]) -> bool:
    """Whether these are columns of that table, of their types, and none that says which trial it is."""
    return all(
        name in columns
        and name not in EPOCH_IDENTITY
        and fits(value, columns[name])
        and (not isinstance(value, int | float) or sensible(name, value))
        for name, value in cells.items()
    )


def plain(values: dict[Any, Any]) -> dict[str, Any]:
    """What a table and JSON can hold: text, whole and finite numbers; anything else is empty."""
    return {str(key): cell(value, LONG.get(str(key))) for key, value in values.items()}


def cell(value: object, most: int | None = None) -> bool | int | float | str | None:
    """A value as it can stand in a table's cell; None for what cannot.

    Text is cut to `TEXT_LENGTH`; where `most` says how long it may be, one that is longer is none: it is no text for
    people, and half of it is worth nothing.
    """
    if isinstance(value, str) and most is not None:
        return value if len(value) <= most and value.isprintable() else None
    if isinstance(value, str):
        # Half of a surrogate pair is text for Python, and for nothing that writes UTF-8.
        return plain_text(value[:TEXT_LENGTH]) if not value.isprintable() else value[:TEXT_LENGTH]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    # Beyond 64 bits no column can hold it.
    return value if isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**63) else None


class EventReader:
    """Bytes from a trial's pipe as events, whole lines only."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> Iterator[Event]:
        """Events completed by `data`; a line that is no event comes out as an empty mapping."""
        *lines, rest = (self.rest + data).split(b"\n")
        # No event is that long: what never ends a line is not kept.
        self.rest = rest[-LINE_BYTES:]
        for line in lines:
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                # Too many brackets are a RecursionError.
                event = None
            yield event if isinstance(event, dict) else {}
