"""How long the trials still to come will take, from those that are done."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from harness.suite.plan import Trial

# Growth of time with training size where only one size of a pipeline has been seen: in proportion.
ASSUMED_EXPONENT = 1.0
EXPONENTS = (0.0, 2.5)


class Forecast:
    """Learns a power law of time against training size for each pipeline, dataset and device."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))

    def learn(self, pipeline: str, dataset: str, device: str, n_train: int, seconds: float) -> None:
        """Take in the time of one finished trial."""
        self.seen[pipeline, dataset, device][n_train].append(seconds)

    def seconds(self, trial: Trial) -> float | None:
        """Expected time of a trial; None while nothing of its pipeline has finished."""
        sizes = self.seen.get((trial.pipeline, trial.dataset.name, trial.device))
        if not sizes:
            return None
        means = {n: sum(times) / len(times) for n, times in sizes.items()}
        if trial.n_train in means:
            return means[trial.n_train]
        nearest, *others = sorted(means, key=lambda n: abs(math.log(n / trial.n_train)))
        exponent = ASSUMED_EXPONENT
        if others:
            rise = math.log(means[nearest] / means[others[0]]) / math.log(nearest / others[0])
            exponent = min(max(rise, EXPONENTS[0]), EXPONENTS[1])
        return float(means[nearest] * (trial.n_train / nearest) ** exponent)

    def remaining(self, trials: Iterable[Trial]) -> tuple[float, int]:
        """Seconds of all trials whose time can be told, and the number of those whose time cannot."""
        times = [self.seconds(trial) for trial in trials]
        known = [t for t in times if t is not None]
        return sum(known), len(times) - len(known)
