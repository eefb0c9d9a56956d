"""Learning curves with their continuation, and accuracy within budgets."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from harness.report.figures import budget, learning_curves
from tests import synthetic
from tests.report import test_figures

SIZES = (100, 300, 1000, 3000, 10_000)
RUNS = {
    "five sizes": synthetic.trials(synthetic.LIKE_MNIST, sizes=SIZES, seeds=3, datasets=("digits", "mnist")),
    "one size, one seed": synthetic.trials(synthetic.LIKE_MNIST, sizes=(1000,), seeds=1),
    "faultless": synthetic.trials(
        {name: planted._replace(error=lambda n: 0.0) for name, planted in synthetic.LIKE_MNIST.items()}, seeds=2
    ),
}


@pytest.mark.parametrize("module", [learning_curves, budget], ids=lambda module: module.NAME)
@pytest.mark.parametrize("run", RUNS)
def test_drawings_are_whole(module: ModuleType, run: str) -> None:
    test_figures.test_nothing_is_cut_and_no_text_lies_on_another(module, run, RUNS)


@pytest.mark.parametrize("module", [learning_curves, budget], ids=lambda module: module.NAME)
def test_without_trials_there_is_nothing_to_draw(module: ModuleType) -> None:
    facts = module.facts(pd.DataFrame())
    assert facts.panels == ()
    assert module.caption(facts).startswith("Nothing to draw: ")


def test_a_curve_is_continued_to_ten_times_the_data_and_rings_what_it_was_chosen_by() -> None:
    facts = learning_curves.facts(RUNS["five sizes"])
    assert [panel.dataset for panel in facts.panels] == ["digits", "mnist"]
    cnn = next(line for line in facts.panels[1].lines if line.measured.label == "cnn")
    assert cnn.measured.x == SIZES
    assert cnn.held_out.x == (10_000,)
    assert cnn.held_out.y == cnn.measured.y[-1:]
    assert (cnn.unseen.x[0], cnn.unseen.x[-1]) == pytest.approx((3000, 10_000))
    assert (cnn.fit.x[0], cnn.fit.x[-1]) == pytest.approx((100, 100_000))
    beyond = np.array(cnn.fit.x) >= 10_000
    assert (np.isnan(cnn.fit.low) == ~beyond).all()
    assert cnn.fit.low[-1] < cnn.fit.y[-1] < cnn.fit.high[-1] < cnn.measured.y[-1]
    assert "the dotted line is that prediction" in learning_curves.caption(facts)


def test_only_the_two_best_of_a_family_are_drawn_with_the_looks_of_the_report() -> None:
    planted = {f"net{i}": synthetic.Planted("deep", synthetic.power(2.0 + i, -0.5)) for i in range(4)}
    facts = learning_curves.facts(synthetic.trials(planted, sizes=(300, 1000), seeds=2))
    assert facts.drawn == (("net0", "deep"), ("net1", "deep"))
    assert len(facts.lines) == 4
    assert all(line.form == "last" and not line.unseen.x for line in facts.panels[0].lines)


def test_energy_that_no_counter_told_is_said_not_to_be_measured() -> None:
    facts = budget.facts(RUNS["five sizes"])
    assert [(panel.dataset, panel.cost, bool(panel.lines)) for panel in facts.panels] == [
        ("digits", "seconds", True),
        ("digits", "joules", False),
        ("mnist", "seconds", True),
        ("mnist", "joules", False),
    ]
    assert "Energy was not measured" in budget.caption(facts)
    shown = [text.get_text() for text in test_figures.texts(budget.draw(facts))]
    assert "joules of training: not measured" in shown
    assert not any(math.isnan(y) for panel in facts.panels for line in panel.lines for y in line.y)
