"""The facts of the two figures of row 5, and that they can be drawn."""

from __future__ import annotations

import pandas as pd
import pytest

from harness.report.figures import explained_features, explanation, style
from tests.report.test_figures import texts
from tests.synthetic_explain import explain_rows, explanation_lines


@pytest.fixture(scope="module")
def run() -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = explain_rows(0, datasets=("digits", "mnist"), seeds=2)
    rows.loc[rows["pipeline"].isin(("lbp", "cnn")), "accuracy"] = 0.95
    return rows, explanation_lines(rows)


def test_explanation_has_a_panel_for_each_dataset_handcrafted_first(run: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    facts = explanation.facts(*run)
    assert [panel.dataset for panel in facts.panels] == ["digits", "mnist"]
    assert [entry.pipeline for entry in facts.panels[0].entries][:5] == ["hog", "lbp", "zernike", "autoencoder", "cnn"]
    assert facts.panels[0].entries[0].values[0].known
    assert "no people were asked" in explanation.caption(facts)


def test_explained_features_are_those_that_matter_most_to_the_best(run: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    facts = explained_features.facts(*run)
    hand, learned = facts.panels[1].features
    assert (hand.pipeline, hand.item, learned.pipeline) == ("lbp", "lbp_1", "cnn")
    assert hand.contributions == {"area": 0.2, "symmetry_left_right": 0.01}
    assert hand.activations == tuple(1.0 - image for image in range(8))
    assert [int(image[0, 0]) for image in facts.panels[1].images] == [10 * image for image in range(8)]
    assert "lbp_1 of lbp" in explained_features.caption(facts)


def test_both_are_drawn_with_nothing_cut(run: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    one = run[0][run[0]["dataset"] == "mnist"]
    for module in (explanation, explained_features):
        figure = module.draw(module.facts(one, run[1]))
        with style.styled():
            figure.draw_without_rendering()
        for axes in figure.axes:
            assert axes.get_xlabel() or not axes.axison
            assert axes.get_ylabel() or not axes.axison
        for text in texts(figure):
            box = text.get_window_extent()
            assert box.x0 >= -1, text
            assert box.x1 <= figure.bbox.x1 + 1, text


@pytest.mark.parametrize("damage", ["no lines", "cut", "no image", "bomb", "no trials"])
def test_without_what_they_need_there_is_nothing_to_draw(run: tuple[pd.DataFrame, pd.DataFrame], damage: str) -> None:
    rows, lines = run[0], run[1].copy()
    images = lines["measure"] == "image"
    match damage:
        case "no lines":
            lines = pd.DataFrame()
        case "cut":
            lines.loc[images, "content"] = lines.loc[images, "content"].str[:-8]
        case "no image":
            lines = lines[~images]
        case "bomb":
            lines.loc[images, "item"] = "100000x100000"
        case "no trials":
            rows = pd.DataFrame()
    assert explained_features.facts(rows, lines).panels == ()
    assert explained_features.caption(explained_features.facts(rows, lines)).startswith("Nothing to draw: ")
    if damage == "no trials":
        assert explanation.caption(explanation.facts(rows, lines)).startswith("Nothing to draw: ")
