"""The figures of rows 3 and 4."""

from __future__ import annotations

import math

import pytest

from harness.report.figures import stages, swap
from tests.synthetic_claims import stage_rows, swap_rows


def test_a_line_for_each_way_of_training_and_a_bar_for_each_stage() -> None:
    facts = stages.facts(stage_rows(0, 0.03, sizes=(100, 1000)))
    (network,), (falls,) = facts.networks, facts.falls
    assert (network.dataset, network.architecture) == ("mnist", "cnn(width=16)")
    assert [line.label for line in network.lines] == ["joint", "transferred", "stagewise", "frozen"]
    assert network.lines[0].x == (100, 1000)
    assert network.lines[0].low[0] < network.lines[0].y[0] < network.lines[0].high[0]
    assert set(falls.stages) == {"deskew", "hog", "pca", "StandardScaler"}
    values = [fall.value for fall in falls.falls]
    assert values == sorted(values, reverse=True)
    left, right = stages.draw(facts).axes
    assert left.get_title() == "mnist, cnn(width=16)"
    assert right.get_xlabel() == "accuracy lost without the stage (points)"
    assert "jointly" in stages.caption(facts)


def test_rows_and_columns_are_classifiers_and_origins_and_the_network_is_a_line() -> None:
    facts = swap.facts(swap_rows(0, 0.02))
    (matrix,), (tried,) = facts.matrices, facts.tried
    assert matrix.origins == ("hand", "learned", "transferred", "random", "shuffled", "end_to_end")
    assert matrix.classifiers[-1] == "network"
    assert math.isnan(matrix.accuracies[-1][0])
    assert matrix.accuracies[-1][-1] == pytest.approx(0.87, abs=0.02)
    assert [len(line.x) for line in tried.lines] == [5, 5, 5]
    assert tried.network.value == pytest.approx(0.87, abs=0.02)
    left, right = swap.draw(facts).axes
    assert [text.get_text() for text in left.get_yticklabels()][-1] == "network"
    assert right.get_xlabel() == "handcrafted features tried"
    assert "network on pixels" in [text.get_text() for text in right.texts]


def test_with_nothing_to_draw_they_say_so() -> None:
    nothing = stage_rows(0).iloc[:0]
    for module in (stages, swap):
        facts = module.facts(nothing)
        assert facts.panels == ()
        assert module.caption(facts).startswith("Nothing to draw")
