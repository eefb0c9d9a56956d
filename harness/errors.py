"""Every error the harness raises on purpose.

    HarnessError                 one line for the person reading it
    ├── MisuseError              the input is wrong: exit status 2
    │   ├── SuiteError           mistakes in a suite file, each with its place
    │   ├── DataError            a dataset is absent, altered or unusable
    │   └── RunFolderError       a run folder cannot be used as asked
    └── TrialError               one trial cannot be carried out: its row says why
        └── DivergedError        the loss became NaN or infinite

Anything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LINE_LENGTH = 1000


def one_line(text: object) -> str:
    """Text as one line that a terminal shows: control characters escaped, the middle of a very long one left out."""
    shown = str(text)
    if len(shown) > LINE_LENGTH:
        shown = f"{shown[: LINE_LENGTH // 2]} ... {shown[-LINE_LENGTH // 2 :]}"
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
    return shown


class HarnessError(Exception):
    """Base class; the message is one line that says what, where and what to do."""


class MisuseError(HarnessError):
    """The input is wrong; the command ends with exit status 2."""


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a suite: where it stands and what is wrong."""

    source: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        return one_line(f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}")


class SuiteError(MisuseError):
    """All mistakes of one suite, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DataError(MisuseError):
    """A dataset is absent, altered or unusable."""


class RunFolderError(MisuseError):
    """A run folder cannot be used as asked."""


class TrialError(HarnessError):
    """One trial cannot be carried out; its row carries the message."""


class DivergedError(TrialError):
    """Training produced a loss that is NaN or infinite."""
