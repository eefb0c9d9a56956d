"""The figure of average ranks."""

from __future__ import annotations

import pytest

from harness.report.figures import ranks
from tests import synthetic


def test_few_datasets_are_described_without_bars() -> None:
    facts = ranks.facts(synthetic.trials(synthetic.LIKE_MNIST, seeds=2))
    (panel,) = facts.panels
    assert [label for label, _ in panel.ranks][-1] == "mlp"
    assert sum(rank for _, rank in panel.ranks) == pytest.approx(1 + 2 + 3 + 4)
    assert panel.groups == ()
    assert ranks.caption(facts).startswith("Descriptive: ")
    (axes,) = ranks.draw(facts).axes
    assert len(axes.lines) == 4
    assert axes.get_xlabel().endswith("descriptive")


def test_ten_datasets_give_bars_over_what_is_not_told_apart() -> None:
    names = [f"d{i}" for i in range(12)]
    facts = ranks.facts(synthetic.trials(synthetic.LIKE_MNIST, sizes=(1000,), datasets=names, seeds=1))
    (panel,) = facts.panels
    assert facts.sufficient
    assert panel.groups
    for best, worst in panel.groups:
        assert panel.ranks[worst][1] - panel.ranks[best][1] < panel.critical_difference
    assert "Descriptive" not in ranks.caption(facts)
    (axes,) = ranks.draw(facts).axes
    assert len(axes.lines) == 4 + len(panel.groups)
    assert axes.get_xlabel() == "average rank (1 is best)"


def test_a_pipeline_that_never_ended_well_is_last_and_nothing_to_rank_is_said() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, seeds=1)
    facts = ranks.facts(synthetic.fail(trials, trials["pipeline"] == "cnn", "oom", "out of memory"))
    assert facts.panels[0].ranks[-1] == ("cnn", 4.0)
    assert ("cnn", "deep") in facts.lines
    assert ranks.draw(facts).axes
    nothing = ranks.facts(trials[trials["n_train"] == 100])
    assert nothing.panels == ()
    assert "Nothing to draw" in ranks.caption(nothing)
