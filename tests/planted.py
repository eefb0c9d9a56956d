"""Whole studies that never happened: every row of the lecture's table with a truth planted, and the verdict it gets."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from harness.analysis.claims import JUDGES
from harness.analysis.frames import complete
from tests.synthetic import MIB
from tests.synthetic_claims import rows, stage_rows, swap_rows
from tests.synthetic_explain import explain_rows

Truth: TypeAlias = Literal["holds", "fails", "undecidable"]
TRUTHS: tuple[Truth, ...] = ("holds", "fails", "undecidable")
EXPECTED = {"holds": "supported", "fails": "refuted", "undecidable": "mixed"}
SIGN = {"holds": 1.0, "fails": -1.0, "undecidable": 0.0}
SIZES = (100, 300, 1000, 3000, 10_000)


class Judged(NamedTuple):
    """A row of a simulated study: what was planted, and what the rules said."""

    row: int
    truth: Truth
    verdict: str

    @property
    def false(self) -> bool:
        """A definite verdict that is not the truth."""
        return self.verdict in ("supported", "refuted") and self.verdict != EXPECTED[self.truth]

    @property
    def exact(self) -> bool:
        return self.verdict == EXPECTED[self.truth]


def study(seed: int) -> Iterator[Judged]:
    """The five rows of one study; truths go round, so that each row meets each and rows differ within a study."""
    makers = (hardware_rows, data_rows, _stages, _swaps, _explained)
    for number, (make, judge) in enumerate(zip(makers, JUDGES, strict=True), 1):
        truth = TRUTHS[(seed + number) % 3]
        yield Judged(number, truth, judge(complete(make(seed, truth))).verdict)


def hardware_rows(seed: int, truth: Truth) -> pd.DataFrame:
    """Deep takes 6 times the seconds and 2 times the memory, a part of them, or as much."""
    random = np.random.default_rng([seed, 1])
    frame = _curves(random, lambda n: n**-0.35, lambda n: n**-0.35)
    deep = (frame["family"] == "deep").to_numpy()
    for column, base, factor in (("train_s", 1.0, 6.0), ("peak_bytes", 400.0 * MIB, 2.0)):
        grows = base * (1 + frame["n_train"].to_numpy() / 1000)
        luck = np.exp(0.1 * random.standard_normal(len(frame)))
        frame[column] = grows * luck * np.where(deep, factor ** SIGN[truth], 1.0)
    return frame


def data_rows(seed: int, truth: Truth) -> pd.DataFrame:
    """Row 2: ahead on little data and flat, behind on much; or the opposite; or the same curve at the border."""
    random = np.random.default_rng([seed, 2])
    if truth == "holds":
        return _curves(random, lambda n: 0.5 * max(n / 100, 1) ** -0.5 if n < 1000 else 0.158, lambda n: 6 * n**-0.5)
    if truth == "fails":
        return _curves(random, lambda n: 5 * n**-0.5, lambda n: 1.2 * n**-0.22)
    # The slope at which the rule turns, and no difference.
    return _curves(random, lambda n: 0.25 * n**-0.05, lambda n: 0.25 * n**-0.05)


def _curves(random: np.random.Generator, traditional, deep) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    """Two pipelines of each family, five seeds, error by size; the second of a family is a little worse."""
    cells = []
    for family, error in (("traditional", traditional), ("deep", deep)):
        for place in range(2):
            for n_train in SIZES:
                said = {"dataset": "mnist", "pipeline": f"{family}{place}", "family": family, "n_train": n_train}
                backend = "tensorflow" if family == "deep" else "sklearn"
                cells.append(({**said, "backend": backend}, 1 - min(0.9, error(n_train) * (1 + 0.2 * place))))
    return rows(random, cells)


def _stages(seed: int, truth: Truth) -> pd.DataFrame:
    return stage_rows(zlib.crc32(b"%d/3" % seed), 0.02 * SIGN[truth])


def _swaps(seed: int, truth: Truth) -> pd.DataFrame:
    """Learned features three points better and choices far apart; or worse and choices alike; or at the border.

    Many test images: without saying which were right, rows leave only the wide intervals of independent samples.
    """
    spread = {"holds": 0.04, "fails": 0.0, "undecidable": 0.0125}[truth]
    return swap_rows(zlib.crc32(b"%d/4" % seed), 0.03 * SIGN[truth], spread=spread, n_test=60_000)


def _explained(seed: int, truth: Truth) -> pd.DataFrame:
    return explain_rows(zlib.crc32(b"%d/5" % seed), easier=SIGN[truth])
