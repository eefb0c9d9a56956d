"""The row of one trial, built from what its process reports while it lives."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias, get_args

from harness.run.columns import EPOCH_COLUMNS, EPOCH_IDENTITY, PHASES, TRIAL_COLUMNS, fits
from harness.suite.plan import Trial

Status: TypeAlias = Literal[
    "ok", "timeout", "oom", "oom_gpu", "crashed", "failed", "diverged", "skipped", "interrupted"
]
Event: TypeAlias = dict[str, Any]

STATUSES: tuple[str, ...] = get_args(Status)
MESSAGE_LENGTH = 500
LINE_BYTES = 2**20


class Record:
    """Collects a trial's events into one row and its epochs.

    Events are mappings with an `event` key: `phase` (one begins), `measured` (columns of the row), `epoch` (one line
    of the epochs table) and `end` (the trial's own word on how it ended).
    """

    def __init__(self, trial: Trial, log: str | None) -> None:
        self.identity = trial.identity()
        self.row: dict[str, Any] = {**self.identity, "status": None, "phase": None, "message": None, "log": log}
        self.epochs: list[dict[str, Any]] = []
        self.garbage = 0

    def add(self, event: Event) -> None:
        """Take in one event; one of an unknown kind or shape is counted as garbage."""
        match event:
            case {"event": "phase", "phase": str(phase)} if phase in PHASES:
                self.row["phase"] = phase
            case {"event": "measured", "values": dict(values)} if self.may_say(cells := plain(values)):
                self.row.update(cells)
            case {"event": "epoch", "values": dict(values)} if is_epoch(cells := plain(values)):
                self.epochs.append(cells)
            case {"event": "end", "status": str(status)} if status in STATUSES:
                message = event.get("message")
                self.end(status, message if isinstance(message, str) else None)
            case _:
                self.garbage += 1

    def may_say(self, cells: dict[str, Any]) -> bool:
        """Whether these are columns of the table, of their types, and none that says which trial it is."""
        return not cells.keys() & self.identity.keys() and all(
            name in TRIAL_COLUMNS and fits(value, TRIAL_COLUMNS[name]) for name, value in cells.items()
        )

    @property
    def ended(self) -> bool:
        """Whether the trial has said how it ended."""
        return self.row["status"] is not None

    def end(self, status: str, message: str | None = None) -> None:
        """Set the fate; the first word counts."""
        if self.ended:
            return
        self.row["status"] = status
        if status == "ok":
            self.row["phase"] = None
        if message:
            self.row["message"] = " ".join(message.split())[:MESSAGE_LENGTH]


def is_epoch(cells: dict[str, Any]) -> bool:
    """Whether these are columns of the epochs table, of their types, and none that says which trial it is."""
    return all(
        name in EPOCH_COLUMNS and name not in EPOCH_IDENTITY and fits(value, EPOCH_COLUMNS[name])
        for name, value in cells.items()
    )


def plain(values: dict[Any, Any]) -> dict[str, Any]:
    """What a table and JSON can hold: text, whole and finite numbers; anything else is empty."""
    return {str(key): value if is_plain(value) else None for key, value in values.items()}


def is_plain(value: object) -> bool:
    """Whether a value can stand in a table's cell."""
    return isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))


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
            except ValueError:
                event = None
            yield event if isinstance(event, dict) else {}
