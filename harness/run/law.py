"""The law of one quantity against the amount of work: offset + scale * work ** exponent."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Rows of one size that count: the latest, so that a machine that has changed is followed.
RECENT = 5
# Relative noise of a time on a shared machine; against it the data are weighed with the prior.
NOISE = 0.1
# How far from the prior, in parts of the smallest value, the offset may be before it costs as much as noise does.
OFFSET_SPREAD = 0.2
EXPONENTS: NDArray[np.float64] = np.linspace(0.0, 3.0, 61)
SMALLEST = 1e-9
# See `Curve`.
PATIENCE = 16


class Prior(NamedTuple):
    """What is believed of a law before anything is seen.

    Attributes
    ----------
    exponent, spread
        Growth with the work, and the standard deviation of that belief.
    half
        Amount of work whose growing part costs as much as the offset: below it the constant part rules.
    """

    exponent: float
    spread: float
    half: float


CONSTANT = Prior(0.0, 0.1, 0.0)


class Law(NamedTuple):
    """offset + scale * (work / unit) ** exponent; never falls, and is never negative."""

    offset: float
    scale: float
    exponent: float
    unit: float

    def at(self, work: float) -> float:
        """The value at an amount of work."""
        return self.offset + self.scale * math.pow(work / self.unit, self.exponent)


def fit(work: Sequence[float], values: Sequence[float], prior: Prior) -> Law:
    """The most probable law (maximum a posteriori) under relative Gaussian noise.

    For each exponent of a grid, offset and scale are the weighted least squares solution, neither negative; the
    exponent with the least sum of squares, prior included, wins.

    Parameters
    ----------
    work
        Distinct positive amounts, ascending.
    values
        What was measured at each; not negative.
    prior
        What is believed beforehand.
    """
    unit = float(work[-1])
    w, t = np.asarray(work, dtype=float) / unit, np.maximum(np.asarray(values, dtype=float), SMALLEST)
    share = (prior.half / work[0]) ** prior.exponent if prior.half else 0.0
    believed = float(t[0]) * share / (1 + share)
    if len(w) == 1:
        return Law(believed, float(t[0]) - believed, prior.exponent, unit)
    strength = (NOISE / (OFFSET_SPREAD * float(t.min()))) ** 2
    offset, scale, loss = solve(w, t, EXPONENTS, strength, believed)
    cost = loss / NOISE**2 + ((EXPONENTS - prior.exponent) / prior.spread) ** 2
    best = int(cost.argmin())
    return Law(float(offset[best]), float(scale[best]), float(EXPONENTS[best]), unit)


def solve(
    w: NDArray[np.float64], t: NDArray[np.float64], exponents: NDArray[np.float64], strength: float, believed: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The best offset, scale and sum of squared relative errors for each exponent, neither of the first two negative.

    The prior counts as one more value: that the offset is `believed`, with weight `strength`.
    """
    weight = 1 / t**2
    x = w[:, None] ** exponents
    # The normal equations of offset + scale * x = t.
    s0, s1, s2 = weight.sum() + strength, weight @ x, weight @ x**2
    t0, t1 = weight @ t + strength * believed, (weight * t) @ x
    determinant = s0 * s2 - s1**2
    flat = determinant <= 1e-12 * s0 * s2
    scale = np.where(flat, 0.0, (s0 * t1 - s1 * t0) / np.where(flat, 1.0, determinant))
    scale = np.maximum(scale, 0.0)
    offset = (t0 - scale * s1) / s0
    through_zero = offset < 0
    offset = np.where(through_zero, 0.0, offset)
    scale = np.where(through_zero, t1 / s2, scale)
    errors = offset + scale * x - t[:, None]
    return offset, scale, weight @ errors**2 + strength * (offset - believed) ** 2


class Curve:
    """Values seen at amounts of work, and what they say of any amount; more work never costs less.

    Fitting takes a fraction of a millisecond, so it waits until somebody asks and what is new is worth it: an amount
    not seen before, or one row in `PATIENCE` of all. Up to that many rows, every one counts at once.
    """

    def __init__(self, prior: Prior) -> None:
        self.prior = prior
        self.recent: dict[float, deque[float]] = {}
        self.rows = self.fresh = 0
        self.amounts: list[float] = []
        self.values: list[float] = []
        """What is believed at each amount; empty where that is to be thought about again."""
        self.law: Law | None = None

    def learn(self, work: float, value: float) -> None:
        """Take in one value."""
        self.rows += 1
        self.fresh += 1
        if work not in self.recent:
            self.recent[work] = deque(maxlen=RECENT)
            self.values.clear()
        if self.fresh * PATIENCE >= self.rows:
            self.values.clear()
        self.recent[work].append(max(value, SMALLEST))

    def at(self, work: float) -> float:
        """The value expected at an amount of work."""
        if not self.values:
            self._settle()
        place = bisect_left(self.amounts, work)
        if place < len(self.amounts) and self.amounts[place] == work:
            return self.values[place]
        assert self.law is not None
        least = self.values[place - 1] if place else 0.0
        most = self.values[place] if place < len(self.amounts) else math.inf
        return min(max(self.law.at(work), least), most)

    def _settle(self) -> None:
        """Fit the law, and believe at each amount seen the median there and the law, which weighs as much as a row."""
        self.fresh = 0
        self.amounts = sorted(self.recent)
        medians = [median(self.recent[work]) for work in self.amounts]
        self.law = fit(self.amounts, medians, self.prior)
        weights = [len(self.recent[work]) for work in self.amounts]
        logs = [
            (weight * math.log(value) + math.log(max(self.law.at(work), SMALLEST))) / (weight + 1)
            for work, value, weight in zip(self.amounts, medians, weights, strict=True)
        ]
        self.values = [math.exp(log) for log in rising(logs, weights)]


def rising(values: Sequence[float], weights: Sequence[int]) -> list[float]:
    """The nearest sequence that never falls, in weighted squares.

    Pool adjacent violators: Ayer, Brunk, Ewing, Reid and Silverman, An empirical distribution function for sampling
    with incomplete information (1955).
    """
    blocks: list[tuple[float, int, int]] = []
    for value, weight in zip(values, weights, strict=True):
        block = (value, weight, 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, heavy, length = blocks.pop()
            total = heavy + block[1]
            block = ((mean * heavy + block[0] * block[1]) / total, total, length + block[2])
        blocks.append(block)
    return [value for value, _, length in blocks for _ in range(length)]
