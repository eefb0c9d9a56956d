"""Settings tried one after another, within a budget: the suite's own first, then what Optuna proposes."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np
import optuna

from harness.errors import HarnessError, TrialError, one_line
from harness.suite.domains import Choice, Domain
from harness.suite.model import Tuning
from harness.tuning.spaces import Space

# A candidate that raises one of these has failed, and the search goes on. Scikit-learn raises NotImplementedError for
# settings that do not go together. Memory that runs out ends the trial, as it does without tuning.
FAILURES = (TrialError, ValueError, np.linalg.LinAlgError, NotImplementedError)
# How often in a row the sampler may propose what has been tried before candidates are drawn at random (it learns from
# those too), and how often those may have been tried before the space counts as exhausted: 1,000 draws miss the last of
# 100 equally likely candidates once in 23,000 times.
REPEATS, DRAWS = 3, 1000


class Step(NamedTuple):
    """One candidate that was tried."""

    number: int
    """0 is the suite's own settings."""
    params: dict[str, Any]
    """What it changes in them, as JSON holds it; empty for the first."""
    score: float | None
    """None if it failed."""
    best: float | None
    """The best score so far, this one included; None if all failed."""
    seconds: float
    """Wall time from the search's start to this candidate's end."""
    cpu_seconds: float
    """CPU time likewise, of this process."""
    fate: Literal["ok", "failed"]
    message: str | None
    """Why it failed."""


class Tuned(NamedTuple):
    """What a search has found."""

    params: dict[str, Any]
    """What the best candidate changes in the suite's own settings; empty where those were the best."""
    score: float
    number: int
    """Of the best candidate."""
    own_score: float | None
    """Of the suite's own settings; None if they failed."""
    candidates: int
    """How many were tried, failed ones included."""
    failed: int
    seconds: float
    cpu_seconds: float
    overshoot_s: float
    """Seconds by which the last candidate ended after a budget of time was spent."""
    stopped: Literal["trials", "time", "exhausted"]
    """What ended the search: the budget, or that there was nothing else to try."""


def tune(
    objective: Callable[[dict[str, Any]], float],
    space: Space,
    budget: Tuning,
    seed: int,
    report: Callable[[Step], None],
    *,
    own: Mapping[str, Any] | None = None,
    clock: Callable[[], float] = time.perf_counter,
    cpu_clock: Callable[[], float] = time.process_time,
) -> Tuned:
    """Try settings, the suite's own first, and choose those with the highest score.

    What is proposed depends on the scores so far, the seed and the version of Optuna (tree-structured Parzen estimator,
    after ten random candidates; Bergstra et al., NeurIPS 2011). Nothing is tried twice.

    Parameters
    ----------
    objective
        Gives the score of settings, higher is better, such as the accuracy on the held-out part. Called with `{}` for
        the suite's own settings, then with a value for each parameter of the space.
    space
        What may be tried. With nothing in it, only the suite's own settings are.
    budget
        `trials`: so many candidates, the first included. `time`: no candidate begins after so many seconds, but the
        first always does, and what has begun is finished.
    seed
        0 to 2**32 - 1.
    report
        Called after each candidate.
    own
        What the suite's own settings are, as far as is known (`harness.tuning.settings.own_settings`). Given for the
        whole space, the sampler learns from their score too.
    clock, cpu_clock
        Give seconds, of wall and of CPU.

    Returns
    -------
    The best candidate, of equal ones the earliest: never worse on this score than the suite's own settings.

    Raises
    ------
    Exception
        What the first candidate raised, if no candidate could be scored: the trial fails as it would untuned.
    """
    with _quiet():
        started, cpu_started = clock(), cpu_clock()
        sampler = _Sampler(space, seed)
        steps: list[Step] = []
        best: Step | None = None
        first_error: Exception | None = None
        stopped: Literal["trials", "time", "exhausted"] = "exhausted"
        while True:
            if steps and (spent := _spent(budget, len(steps), clock() - started)):
                stopped = spent
                break
            params = sampler.ask() if steps else {}
            if params is None:
                break
            score, error = _scored(objective, params)
            if steps:
                sampler.tell(score)
            else:
                sampler.learn(own or {}, score)
                # Without its frames, which hold the images and the model.
                first_error = error and error.with_traceback(None)
            better = score is not None and (best is None or best.score is None or score > best.score)
            step = Step(
                number=len(steps),
                params=params,
                score=score,
                best=score if better else best and best.score,
                seconds=clock() - started,
                cpu_seconds=cpu_clock() - cpu_started,
                fate="failed" if error else "ok",
                message=_words(error) if error else None,
            )
            steps.append(step)
            best = step if better else best
            report(step)
    if best is None or best.score is None:
        assert first_error is not None
        raise first_error
    return Tuned(
        params=best.params,
        score=best.score,
        number=best.number,
        own_score=steps[0].score,
        candidates=len(steps),
        failed=sum(step.fate == "failed" for step in steps),
        seconds=steps[-1].seconds,
        cpu_seconds=steps[-1].cpu_seconds,
        overshoot_s=0.0 if budget.time is None else max(0.0, steps[-1].seconds - budget.time),
        stopped=stopped,
    )


def _spent(budget: Tuning, candidates: int, seconds: float) -> Literal["trials", "time"] | None:
    if budget.trials is not None and candidates >= budget.trials:
        return "trials"
    return "time" if budget.time is not None and seconds >= budget.time else None


def _scored(
    objective: Callable[[dict[str, Any]], float], params: dict[str, Any]
) -> tuple[float | None, Exception | None]:
    """A candidate's score, or why it has none."""
    try:
        score = float(objective(dict(params)))
    except FAILURES as error:
        return None, error
    if not math.isfinite(score):
        return None, TrialError(f"the score is {score}; expected a number such as an accuracy")
    return score, None


def _words(error: Exception) -> str:
    """The harness's own errors say it all; others need their class, which may be all they have."""
    words = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
    return one_line(words).removesuffix(": ")


class _Sampler:
    """Proposes settings of a space, each once."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.distributions = {key: _distribution(domain) for key, domain in space.items()}
        self.samplers = (optuna.samplers.TPESampler(seed=seed), optuna.samplers.RandomSampler(seed=seed))
        self.study = optuna.create_study(direction="maximize")
        self.seen: set[str] = set()
        self.asked: optuna.Trial | None = None

    def learn(self, own: Mapping[str, Any], score: float | None) -> None:
        """Tell the score of settings that were not proposed, where they lie in the space."""
        if self.space and set(own) == set(self.space):
            self.seen.add(_written(own))
            encoded = {key: _encoded(domain, own[key]) for key, domain in self.space.items()}
            if None not in encoded.values():
                state = optuna.trial.TrialState.PRUNED if score is None else optuna.trial.TrialState.COMPLETE
                self.study.add_trial(
                    optuna.trial.create_trial(
                        state=state, value=score, params=encoded, distributions=self.distributions
                    )
                )

    def ask(self) -> dict[str, Any] | None:
        """Settings that have not been seen; None where there seem to be no others."""
        for attempt in range(REPEATS + DRAWS if self.space else 0):
            self.study.sampler = self.samplers[attempt >= REPEATS]
            self.asked = self.study.ask(self.distributions)
            params = {key: _decoded(domain, self.asked.params[key]) for key, domain in self.space.items()}
            if (written := _written(params)) not in self.seen:
                self.seen.add(written)
                return params
            # One that failed teaches the sampler nothing: the score of a repeated one would count twice.
            self.study.tell(self.asked, state=optuna.trial.TrialState.FAIL)
        return None

    def tell(self, score: float | None) -> None:
        """The score of what was last asked for."""
        assert self.asked is not None
        if score is None:
            # Pruned rather than failed, so that the sampler keeps away from there.
            self.study.tell(self.asked, state=optuna.trial.TrialState.PRUNED)
        else:
            self.study.tell(self.asked, score)


def _distribution(domain: Domain) -> optuna.distributions.BaseDistribution:
    if isinstance(domain, Choice):
        # By their places: Optuna knows no lists, and takes 1, 1.0 and true for the same.
        return optuna.distributions.CategoricalDistribution(range(len(domain.values)))
    if domain.integer:
        return optuna.distributions.IntDistribution(int(domain.low), int(domain.high), log=domain.log)
    return optuna.distributions.FloatDistribution(domain.low, domain.high, log=domain.log)


def _decoded(domain: Domain, drawn: Any) -> Any:
    return domain.values[drawn] if isinstance(domain, Choice) else drawn


def _encoded(domain: Domain, value: Any) -> Any:
    """What Optuna would have drawn for a value; None for a value outside."""
    if isinstance(domain, Choice):
        return next((place for place, known in enumerate(domain.values) if _written(known) == _written(value)), None)
    number = isinstance(value, int | float) and not isinstance(value, bool) and domain.low <= value <= domain.high
    return value if number and not (domain.integer and value != int(value)) else None


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna's log, which goes to standard error, only from warnings on."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
