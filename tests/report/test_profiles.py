"""The figure of performance profiles."""

from __future__ import annotations

import pandas as pd
import pytest

from harness.analysis.frames import complete
from harness.analysis.profiles import to_target
from harness.report.figures import profiles
from tests import synthetic


def test_profiles_are_steps_and_failures_keep_them_below_one() -> None:
    costs = pd.DataFrame(
        [("p", "adam", 1.0, False), ("p", "sgd", 4.0, False), ("q", "adam", 9.0, True), ("q", "sgd", 3.0, False)],
        columns=["problem", "solver", "cost", "censored"],
    )
    facts = profiles.facts(costs)
    (panel,) = facts.panels
    adam, sgd = panel.profiles
    assert panel.problems == 2
    assert (adam.x[0], adam.y[0], adam.y[-1]) == (1, 0.5, 0.5)
    assert (sgd.x[:2], sgd.y) == ((1, 4), (0.5, 1, 1))
    assert facts.lines == (("adam", "solvers"), ("sgd", "solvers"))
    (axes,) = profiles.draw(facts).axes
    assert axes.get_xlim()[0] == 1
    assert "2 problems" in profiles.caption(facts)


def test_pipelines_to_95_percent_of_the_best() -> None:
    facts = profiles.facts(to_target(complete(synthetic.trials(synthetic.LIKE_MNIST, seeds=2))))
    assert facts.panels[0].problems == 10
    assert [family for _, family in facts.lines] == ["traditional", "traditional", "deep", "deep"]
    assert {line.label: line.y[-1] for line in facts.panels[0].profiles}["mlp"] == pytest.approx(0.6, abs=0.4)
    assert profiles.draw(facts).axes


def test_a_single_solver_is_nothing_to_draw_and_what_is_left_out_is_said() -> None:
    costs = pd.DataFrame({"problem": list("pqr"), "solver": "a", "cost": 1.0, "censored": False})
    assert profiles.facts(costs).panels == ()
    assert "Nothing to draw" in profiles.caption(profiles.facts(costs))
    more = pd.concat([costs, costs.head(2).assign(solver="b"), costs.head(1).assign(solver="c")])
    said = profiles.caption(profiles.facts(more))
    assert "given it: 1 more" in said
    assert "left out: c" in said
