"""How near the forecast comes: the rows of real runs replayed in their order, each predicted just before it ran.

Every run in `results/` is judged, twice where it can be: from the rows before a trial (its pipeline's smaller sizes,
as they finish), and with an earlier run, for which the rows of all other seeds stand. A prediction is right within a
factor of 1.5. Every miss counts, whatever disturbed the row; a trial of which nothing is known yet, as the first of a
pipeline, has no prediction and is counted apart. There is no chance in it: the same rows give the same figures.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from harness.results import load_results
from harness.run.forecast import BYTES, Forecast, costs_of
from harness.run.history import Rebuild, about
from harness.suite.load import load_suite
from harness.suite.plan import Trial

RESULTS = Path(__file__).parents[2] / "results"
FACTOR = 1.5
SHARE = 0.9

Pair: TypeAlias = tuple[Trial, Mapping[str, Any]]


class Guess(NamedTuple):
    """What was predicted of a trial (None: unknown), and what it measured: seconds or bytes."""

    trial: Trial
    source: str
    predicted: float | None
    measured: float

    @property
    def off(self) -> float:
        """The factor, at least 1, by which a prediction is wrong."""
        return math.exp(abs(math.log(max(self.predicted or 0, 1e-9) / self.measured)))


class Score(NamedTuple):
    """Predictions of one quantity, in the whole of a replay."""

    known: list[Guess]
    unknown: int

    @property
    def misses(self) -> list[Guess]:
        return [guess for guess in self.known if guess.off > FACTOR]

    @property
    def share(self) -> float:
        return 1 - len(self.misses) / len(self.known)


def pairs_of(folder: Path) -> list[Pair]:
    """The rows of a run in the order in which they began, and their trials, by name: ids change with the format."""
    rebuild = Rebuild(load_suite(str(folder / "suite.yaml"), check=False).suite)
    frame = load_results(folder).trials.sort_values("started_at")
    rows = [
        {str(name): value.item() if hasattr(value, "item") else value for name, value in row.items() if value == value}
        for row in frame.astype(object).where(frame.notna(), None).to_dict("records")
    ]
    return [(trial, row) for row in rows if (trial := rebuild(row)) is not None]


def replay(pairs: Sequence[Pair], earlier: Iterable[Pair] = ()) -> dict[str, list[Guess]]:
    """Predict each trial from the earlier rows and those before it."""
    forecast = Forecast([trial for trial, _ in pairs], about(None, {}))
    for trial, row in earlier:
        forecast.learn(trial, row)
    guesses: dict[str, list[Guess]] = {"time": [], "memory": []}
    for trial, row in pairs:
        if row["status"] in ("ok", "diverged"):
            parts = costs_of(row, trial)
            seconds = math.fsum(value for part, value in parts.items() if part not in BYTES)
            peak = math.fsum(value for part, value in parts.items() if part in BYTES)
            source = forecast.source(trial)
            guesses["time"].append(Guess(trial, source, forecast.seconds(trial), seconds))
            guesses["memory"].append(Guess(trial, source, forecast.memory(trial), peak))
        forecast.learn(trial, row)
        forecast.done(trial)
    return guesses


def with_other_seeds(pairs: Sequence[Pair]) -> dict[str, list[Guess]]:
    """Replay the trials of each seed as a run of its own, to which those of all other seeds are an earlier run."""
    guesses: dict[str, list[Guess]] = {"time": [], "memory": []}
    for seed in sorted({trial.seed for trial, _ in pairs}):
        mine = [pair for pair in pairs if pair[0].seed == seed]
        others = [pair for pair in pairs if pair[0].seed != seed]
        for what, found in replay(mine, others).items():
            guesses[what] += found
    return guesses


def score(guesses: Sequence[Guess]) -> Score:
    """Judge predictions."""
    known = [guess for guess in guesses if guess.predicted is not None]
    return Score(known, len(guesses) - len(known))


def line(run: str, knowledge: str, what: str, found: Score) -> str:
    """A line of the table."""
    offs = sorted(guess.off for guess in found.known)
    worst = statistics.quantiles(offs, n=10)[-1]
    counts = f"{len(found.known) - len(found.misses)}/{len(found.known)}"
    return (
        f"{run:<16} {knowledge:<12} {what:<7} {counts:>9} {100 * found.share:6.1f} % {found.unknown:>8}"
        f" {statistics.median(offs):>8.2f} {worst:>8.2f}"
    )


def report(scores: Mapping[tuple[str, str, str], Score]) -> str:
    """The table, and every miss."""
    head = f"{'run':<16} {'knowledge':<12} {'what':<7} {'within':>9}    share  unknown   median  9 in 10"
    lines = [head, *(line(*key, found) for key, found in scores.items() if found.known), "", "misses:"]
    for (run, knowledge, what), found in scores.items():
        lines += [
            f"{run} {knowledge} {what}: {guess.trial.pipeline} n={guess.trial.n_train:,} seed={guess.trial.seed} "
            f"({guess.source}): {guess.predicted:.4g} predicted, {guess.measured:.4g} measured"
            for guess in found.misses
        ]
    return "\n".join(lines)


def judge(folders: Sequence[Path]) -> dict[tuple[str, str, str], Score]:
    """The scores of runs by run, knowledge and quantity."""
    scores: dict[tuple[str, str, str], Score] = {}
    for folder in folders:
        pairs = pairs_of(folder)
        kinds = {"run so far": replay(pairs)}
        if len({trial.seed for trial, _ in pairs}) > 1:
            kinds["earlier run"] = with_other_seeds(pairs)
        for knowledge, guesses in kinds.items():
            scores |= {(folder.name, knowledge, what): score(found) for what, found in guesses.items()}
    return scores


def test_nine_in_ten_predictions_are_right_within_a_factor_of_one_and_a_half(benchmark: Any) -> None:
    folders = [
        file.parent for file in sorted(RESULTS.glob("*/trials.parquet")) if (file.parent / "suite.yaml").exists()
    ]
    scores = benchmark.pedantic(judge, args=(folders,), rounds=1, iterations=1)
    print(f"\n{report(scores)}")
    for knowledge in ("run so far", "earlier run"):
        for what in ("time", "memory"):
            of = [found for (_, how, quantity), found in scores.items() if (how, quantity) == (knowledge, what)]
            pooled = Score([guess for found in of for guess in found.known], sum(found.unknown for found in of))
            benchmark.extra_info[f"{what}, {knowledge}"] = {
                "within_1.5": round(pooled.share, 3),
                "predictions": len(pooled.known),
                "unknown": pooled.unknown,
                "median_factor": round(statistics.median(guess.off for guess in pooled.known), 3),
            }
            assert len(pooled.known) > pooled.unknown, "what is never told is never wrong"
            assert pooled.share >= SHARE, (knowledge, what, pooled.share)
