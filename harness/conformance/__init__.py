"""Does a part, one's own or somebody else's, keep to what the harness asks of its kind?

A plug-in's test is one line for each of its parts:

    from harness.conformance import check

    def test_thin():
        check("networks", "thin", {"width": 4})

and on the command line it is `harness --plugin thin.py conform thin`. The built-in parts are tested by the same
functions.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.conformance.outcome import Outcome, Subject, carried_out
from harness.errors import MisuseError

SHAPE = (16, 18)
"""Of the images that features and networks are checked with: not square, so that a part that mixes up height and width
is found out."""

KINDS = ("datasets", "features", "networks", "optimizers", "estimators")


def outcomes(
    kind: str,
    name: str,
    params: Mapping[str, Any] | None = None,
    *,
    shape: tuple[int, int] = SHAPE,
    home: Path | None = None,
) -> Iterator[Outcome]:
    """Make every check of a part's kind, one after the other.

    Parameters
    ----------
    kind
        `datasets`, `features`, `networks`, `optimizers` or `estimators`.
    name
        A registered name; for `estimators` also a scikit-learn classifier by its dotted name.
    params
        Its parameters; the defaults where not given.
    shape
        Height and width of the images that features and networks are checked with.
    home
        The data home of a dataset.

    Yields
    ------
    Outcome
        As soon as a check is done.

    Raises
    ------
    MisuseError
        If there is no such kind or name, or a parameter is wrong.
    """
    from harness.suite.parts import check_part

    if kind not in KINDS:
        raise MisuseError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")
    given = dict(params or {})
    for _, message in check_part(kind, {name: given}, ()):  # type: ignore[arg-type]
        raise MisuseError(f"{name}: {message}")
    checks = importlib.import_module(f"harness.conformance.{kind}").checks
    for what, test in checks(Subject(kind, name, given, shape, home)):
        yield carried_out(what, test)


def check(
    kind: str,
    name: str,
    params: Mapping[str, Any] | None = None,
    *,
    shape: tuple[int, int] = SHAPE,
    home: Path | None = None,
) -> None:
    """Make every check, as a test does; parameters as of `outcomes`.

    Raises
    ------
    AssertionError
        With a line for each check that failed.
    MisuseError
        If there is no such kind or name, or a parameter is wrong.
    """
    failed = [outcome for outcome in outcomes(kind, name, params, shape=shape, home=home) if outcome.problem]
    if failed:
        raise AssertionError("\n".join(f"{name}: {outcome}" for outcome in failed))
