"""A row of the lecture's table with its verdict, and the measured parts that it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.analysis.intervals import NOTHING, Interval
from harness.analysis.rules import ROWS, RULES, Unit, Verdict, judge, together


@dataclass(frozen=True)
class Part:
    """One measured statement; `rule` is its name in `rules.RULES`, `dataset` is empty where it is about several."""

    rule: str
    dataset: str
    statement: str
    verdict: Verdict
    effect: Interval
    unit: Unit
    threshold: float
    method: str
    detail: str
    trial_ids: tuple[str, ...] = ()
    decides: bool = True


@dataclass(frozen=True)
class Claim:
    """One row of the lecture's table with its verdict."""

    number: int
    topic: str
    traditional: str
    deep: str
    verdict: Verdict
    sentence: str
    parts: tuple[Part, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def trial_ids(self) -> tuple[str, ...]:
        """The trials behind the row, each once."""
        return tuple(dict.fromkeys(trial for part in self.parts for trial in part.trial_ids))


def part(
    name: str,
    effect: Interval,
    *,
    method: str,
    detail: str,
    trial_ids: Iterable[str] = (),
    dataset: str = "",
    **words: object,
) -> Part:
    """A part judged by its rule.

    Parameters
    ----------
    name
        Of the rule, in `rules.RULES`.
    effect
        The number with its 95% interval.
    method
        How the interval was made, in a few words.
    detail
        One sentence for people, with the figures.
    trial_ids
        The trials behind it.
    dataset, words
        What the rule's statement has in braces.
    """
    rule = RULES[name]
    return Part(
        name,
        dataset,
        rule.statement.format(dataset=dataset, **words),
        judge(rule, effect),
        effect,
        rule.unit,
        rule.threshold,
        method,
        detail,
        tuple(trial_ids),
        rule.decides,
    )


def unmeasured(name: str, reason: str, *, dataset: str = "", **words: object) -> Part:
    """A part for which there are no rows."""
    return part(name, NOTHING, method=reason, detail=reason, trial_ids=(), dataset=dataset, **words)


def claim(number: int, parts: Iterable[Part], sentence: str, remarks: Iterable[str] = ()) -> Claim:
    """A row with the verdict that its deciding parts give."""
    row = ROWS[number - 1]
    parts = tuple(parts)
    return Claim(*row, together(each.verdict for each in parts if each.decides), sentence, parts, tuple(remarks))
