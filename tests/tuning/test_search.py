from __future__ import annotations

import json
import math

import numpy as np
import optuna
import pytest

from harness.errors import DivergedError, TrialError
from harness.suite.domains import Choice, Range
from harness.suite.model import Tuning
from harness.tuning.search import Step, tune

COST = {"estimator.C": Range(low=1e-3, high=1e3, log=True)}


class Clock:
    """Time that passes only where a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def searched(objective, space, budget, seed=0, **options):
    steps: list[Step] = []
    tuned = tune(objective, space, Tuning(**budget), seed, steps.append, **options)
    return tuned, steps


def parabola(params):
    """Highest at C = 20."""
    return 1 - (math.log10(params.get("estimator.C", 1.0)) - math.log10(20)) ** 2 / 10


@pytest.mark.parametrize("seed", range(3))
def test_the_top_of_a_parabola_is_found(seed):
    tuned, steps = searched(parabola, COST, {"trials": 40}, seed, own={"estimator.C": 1.0})

    assert abs(math.log10(tuned.params["estimator.C"] / 20)) < 0.1
    assert tuned.score == max(step.score for step in steps)
    assert tuned.own_score == parabola({})
    assert (tuned.candidates, tuned.failed, tuned.stopped) == (40, 0, "trials")
    assert tuned.overshoot_s == 0.0


def test_candidates_are_drawn_evenly_on_a_logarithmic_scale():
    _, steps = searched(lambda params: 0.0, COST, {"trials": 11})
    logs = [math.log10(step.params["estimator.C"]) for step in steps[1:]]

    assert all(-3 <= log <= 3 for log in logs)
    # Ten even draws are all on one side of 1 once in 512 times; on a linear scale nearly all are above 1.
    assert min(logs) < 0 < max(logs)


def test_the_suite_s_own_settings_come_first_and_are_kept_unless_something_is_better():
    seen = []

    def flat(params):
        seen.append(params)
        return 0.5

    tuned, steps = searched(flat, COST, {"trials": 5})

    assert seen[0] == {}
    assert [step.number for step in steps] == [0, 1, 2, 3, 4]
    assert all(set(params) == {"estimator.C"} for params in seen[1:])
    assert (tuned.params, tuned.number, tuned.score) == ({}, 0, 0.5)


def test_of_equal_candidates_the_earliest_is_chosen():
    tuned, steps = searched(lambda params: 0.8 if params else 0.5, COST, {"trials": 5})

    assert tuned.number == 1
    assert tuned.params == steps[1].params
    assert [step.best for step in steps] == [0.5, 0.8, 0.8, 0.8, 0.8]


def test_the_same_seed_gives_the_same_candidates_and_another_others():
    space = {
        **COST,
        "estimator.kernel": Choice(values=("rbf", "poly")),
        "estimator.degree": Range(low=2, high=9, integer=True),
    }
    first, again, other = (
        [step.params for step in searched(parabola, space, {"trials": 20}, seed)[1]] for seed in (3, 3, 4)
    )

    assert first == again
    assert first != other


def test_values_are_of_the_kinds_that_the_space_says_and_json_holds_them():
    sizes = Choice(values=([10], [20, 20], None, True, 1, 1.5))
    space = {**COST, "estimator.n": Range(low=1, high=99, log=True, integer=True), "estimator.sizes": sizes}
    _, steps = searched(lambda params: 0.5, space, {"trials": 20})

    for step in steps[1:]:
        assert type(step.params["estimator.C"]) is float
        assert type(step.params["estimator.n"]) is int
        assert step.params["estimator.sizes"] in sizes.values
    assert json.loads(json.dumps([step.params for step in steps])) == [step.params for step in steps]


def test_an_empty_space_has_one_candidate():
    tuned, steps = searched(lambda params: 0.7, {}, {"trials": 10})

    assert len(steps) == 1
    assert (tuned.params, tuned.score, tuned.stopped) == ({}, 0.7, "exhausted")


def test_nothing_is_tried_twice_and_the_search_ends_when_all_has_been_tried():
    space = {
        "network.activation": Choice(values=("tanh", "relu")),
        "network.layers": Range(low=1, high=3, integer=True),
    }
    own = {"network.activation": "tanh", "network.layers": 1}
    tuned, steps = searched(lambda params: params.get("network.layers", 1) / 4, space, {"trials": 50}, own=own)
    tried = [tuple((own | step.params).values()) for step in steps]

    assert sorted(tried) == [(activation, layers) for activation in ("relu", "tanh") for layers in (1, 2, 3)]
    assert tuned.stopped == "exhausted"
    assert tuned.params["network.layers"] == 3


def test_a_space_of_few_values_is_searched_as_long_as_it_has_others():
    space = {"estimator.k": Range(low=1, high=12, log=True, integer=True), "estimator.p": Choice(values=(1, 2))}
    tuned, steps = searched(lambda params: 1 / params.get("estimator.k", 5), space, {"trials": 22})

    assert tuned.stopped == "trials"
    assert len({tuple(step.params.values()) for step in steps}) == 22


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (TrialError("cnn: depth 9"), "cnn: depth 9"),
        (DivergedError("loss is nan"), "loss is nan"),
        (ValueError("n_neighbors\n> n"), "ValueError: n_neighbors\\n> n"),
        (np.linalg.LinAlgError("singular"), "LinAlgError: singular"),
        (NotImplementedError(), "NotImplementedError"),
    ],
)
def test_a_candidate_that_fails_is_told_and_never_chosen(error, message):
    def objective(params):
        if params and params["estimator.C"] > 1:
            raise error
        return 0.1 if params else 0.2

    tuned, steps = searched(objective, COST, {"trials": 12})
    failed = [step for step in steps if step.fate == "failed"]

    assert tuned.failed == len(failed) > 0
    assert all((step.score, step.message, step.best) == (None, message, 0.2) for step in failed)
    assert tuned.params == {}


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_a_failure(score):
    tuned, steps = searched(lambda params: score if params else 0.0, COST, {"trials": 3})

    assert tuned.number == 0
    assert steps[1].message == f"the score is {score}; expected a number such as an accuracy"


def test_own_settings_that_fail_leave_the_others_their_chance():
    def objective(params):
        if not params:
            raise ValueError("no")
        return 0.3

    tuned, steps = searched(objective, COST, {"trials": 3}, own={"estimator.C": 1.0})

    assert tuned.own_score is None
    assert tuned.number == 1
    assert steps[0].best is None


def test_where_all_fail_the_first_error_is_the_trial_s():
    def objective(params):
        raise DivergedError(f"loss is nan with {params}")

    steps: list[Step] = []
    with pytest.raises(DivergedError, match=r"loss is nan with \{\}"):
        tune(objective, COST, Tuning(trials=4), 0, steps.append)
    assert [step.best for step in steps] == [None] * 4


def test_memory_that_runs_out_ends_the_search():
    def objective(params):
        if params:
            raise MemoryError
        return 0.5

    with pytest.raises(MemoryError):
        searched(objective, COST, {"trials": 4})


def test_the_sampler_keeps_away_from_what_fails():
    def objective(params):
        if params and params["estimator.C"] > 1:
            raise ValueError("too large")
        return 0.5

    _, steps = searched(objective, COST, {"trials": 60})
    late = [step.fate for step in steps[20:]]

    # Half of the range fails; of 40 even draws fewer than 14 would once in 50 times.
    assert late.count("failed") < len(late) / 3


@pytest.mark.parametrize(("seconds", "candidates", "overshoot"), [(0.5, 1, 9.5), (10, 1, 0), (25, 3, 5), (30, 3, 0)])
def test_no_candidate_begins_after_the_time_and_what_has_begun_is_finished(seconds, candidates, overshoot):
    clock = Clock()

    def objective(params):
        clock.now += 10
        return 0.5

    tuned, steps = searched(objective, COST, {"time": seconds}, clock=clock, cpu_clock=lambda: clock.now / 2)

    assert len(steps) == tuned.candidates == candidates
    assert tuned.overshoot_s == overshoot
    assert tuned.stopped == "time"
    assert [step.seconds for step in steps] == [10.0 * number for number in range(1, candidates + 1)]
    assert [step.cpu_seconds for step in steps] == [5.0 * number for number in range(1, candidates + 1)]
    assert (tuned.seconds, tuned.cpu_seconds) == (10.0 * candidates, 5.0 * candidates)


def test_an_objective_cannot_change_what_is_told():
    tuned, steps = searched(lambda params: float(params.pop("estimator.C", 0.0)), COST, {"trials": 3})

    assert tuned.params == steps[tuned.number].params != {}


def test_optuna_says_nothing_and_keeps_its_verbosity(capfd):
    optuna.logging.set_verbosity(optuna.logging.INFO)
    searched(parabola, COST, {"trials": 3})

    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == optuna.logging.INFO
