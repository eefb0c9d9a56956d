"""How long the trials still to come will take, from those that are done."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from harness.suite.plan import Trial

# Growth of time with the work where only one amount of it has been seen: in proportion.
ASSUMED_EXPONENT = 1.0
EXPONENTS = (0.0, 2.5)


class Forecast:
    """Learns a power law of time against work for each pipeline, dataset, device and backend."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, ...], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))

    def learn(self, trial: Trial, seconds: float) -> None:
        """Take in the time of one finished trial."""
        self.seen[kind(trial)][work(trial)].append(seconds)

    def seconds(self, trial: Trial) -> float | None:
        """Expected time of a trial; None while nothing of its pipeline has finished."""
        seen = self.seen.get(kind(trial))
        if not seen:
            return None
        means = {amount: sum(times) / len(times) for amount, times in seen.items()}
        wanted = work(trial)
        if wanted in means:
            return means[wanted]
        nearest, *others = sorted(means, key=lambda amount: abs(math.log(amount / wanted)))
        exponent = ASSUMED_EXPONENT
        if others:
            rise = math.log(means[nearest] / means[others[0]]) / math.log(nearest / others[0])
            exponent = min(max(rise, EXPONENTS[0]), EXPONENTS[1])
        return float(means[nearest] * (wanted / nearest) ** exponent)

    def remaining(self, trials: Iterable[Trial]) -> tuple[float, int]:
        """Seconds of all trials whose time can be told, and the number of those whose time cannot."""
        times = [self.seconds(trial) for trial in trials]
        known = [t for t in times if t is not None]
        return sum(known), len(times) - len(known)


def kind(trial: Trial) -> tuple[str, ...]:
    """What two trials share whose times follow one law."""
    return (trial.pipeline, trial.dataset.name, trial.device, trial.backend or "")


def work(trial: Trial) -> int:
    """Images that training goes through: a network's small sizes are passed over many times (`min_steps`)."""
    if trial.spec.network is None:
        return trial.n_train
    return max(trial.train.epochs * trial.n_train, trial.train.min_steps * trial.train.batch_size)
