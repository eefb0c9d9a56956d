"""One check of a part, and how it came out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from harness.errors import one_line


class Subject(NamedTuple):
    """The part that is checked."""

    kind: str
    name: str
    params: dict[str, Any]
    shape: tuple[int, int]
    """Height and width of the images that features and networks are checked with."""
    home: Path | None
    """The data home of a dataset."""


Check: TypeAlias = tuple[str, Callable[[], None]]
"""What the part is to do, and a function that raises an AssertionError where it does not."""


class Outcome(NamedTuple):
    """How one check came out."""

    what: str
    """What the part is to do."""
    problem: str | None
    """What was found instead; None where all is well."""

    def __str__(self) -> str:
        """`ok    gives ...`, or `FAIL  gives ...: what was found instead`."""
        return f"ok    {self.what}" if self.problem is None else one_line(f"FAIL  {self.what}: {self.problem}")


def carried_out(what: str, test: Callable[[], None]) -> Outcome:
    """Make one check; what the part warns of is no failure and is not shown."""
    try:
        with warnings.catch_warnings(action="ignore"):
            test()
    except AssertionError as error:
        return Outcome(what, " ".join(str(error).split()) or "an assertion in the part failed")
    except Exception as error:  # noqa: BLE001  (somebody else's part can raise anything)
        return Outcome(what, " ".join(f"{type(error).__name__}: {error}".split()))
    return Outcome(what, None)


def expect(good: Any, problem: str) -> None:
    """Raise an AssertionError that says what was found, where it is not `good`; also when Python runs with -O."""
    if not good:
        raise AssertionError(problem)
