"""The facts of each figure, and that no text of a drawing is cut or lies on another."""

from __future__ import annotations

import itertools
import math
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from harness.report.figures import accuracy, cost, crossover, optimizers, pareto, style
from tests import synthetic

FIGURES = (accuracy, cost, pareto, optimizers, crossover)


def facts_of(module: ModuleType, trials: pd.DataFrame, epochs: pd.DataFrame | None = None) -> Any:
    if module is optimizers:
        return module.facts(trials, synthetic.epochs(trials) if epochs is None else epochs)
    return module.facts(trials)


@pytest.fixture(scope="module")
def runs() -> dict[str, pd.DataFrame]:
    sizes = (100, 300, 1000, 3000, 10_000, 30_000, 60_000)
    like_mnist = synthetic.trials(synthetic.LIKE_MNIST, sizes=sizes)
    digits = synthetic.trials(
        synthetic.LIKE_MNIST, datasets=("digits", "mnist"), sizes=(50, 100, 200, 400, 800, 1437), seeds=2, n_test=360
    )
    names = {"$x^2$ _ {": "hog-svm", "_hidden": "mlp", "<b>&" + "long" * 12: "cnn"}
    strange = synthetic.trials({name: synthetic.LIKE_MNIST[of] for name, of in names.items()}, seeds=2)
    return {
        "seven sizes": like_mnist,
        "eighteen optimizers": synthetic.trials(synthetic.eighteen(), seeds=2),
        "two datasets": digits,
        "one size, one seed": synthetic.trials(synthetic.LIKE_MNIST, sizes=(1000,), seeds=1),
        "faultless": synthetic.trials(
            {name: planted._replace(error=lambda n: 0.0) for name, planted in synthetic.LIKE_MNIST.items()}, seeds=2
        ),
        "strange names": strange,
    }


def texts(figure: Figure) -> list[Text]:
    shown = figure.findobj(
        lambda artist: isinstance(artist, Text) and artist.get_visible() and artist.get_text().strip()
    )
    return [text for text in shown if isinstance(text, Text)]


@pytest.mark.parametrize("module", FIGURES, ids=lambda module: module.NAME)
@pytest.mark.parametrize(
    "run", ["seven sizes", "eighteen optimizers", "two datasets", "one size, one seed", "faultless", "strange names"]
)
def test_nothing_is_cut_and_no_text_lies_on_another(
    module: ModuleType, run: str, runs: dict[str, pd.DataFrame]
) -> None:
    facts = facts_of(module, runs[run])
    assert module.caption(facts)
    if not facts.panels:
        assert module is optimizers
        assert run != "eighteen optimizers"
        return
    figure = module.draw(facts)
    with style.styled():
        figure.draw_without_rendering()
    # matplotlib keeps unused tick labels outside the axes' limits: those that are drawn are what counts.
    ticks = {id(tick.label1) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for tick in _all(axis)}
    drawn = {
        id(tick.label1)
        for axes in figure.axes
        if axes.axison
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis._update_ticks()
    }
    boxes = {
        f"{number} {text.get_text()}": text.get_window_extent()
        for number, text in enumerate(texts(figure))
        if id(text) not in ticks or id(text) in drawn
    }
    canvas = figure.bbox
    for name, box in boxes.items():
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= canvas.x1 + 1 and box.y1 <= canvas.y1 + 1
        assert inside, f"{name!r} is cut"
    for (name, box), (other, other_box) in itertools.combinations(boxes.items(), 2):
        wide = min(box.x1, other_box.x1) - max(box.x0, other_box.x0)
        high = min(box.y1, other_box.y1) - max(box.y0, other_box.y0)
        assert wide <= 1 or high <= 1, f"{name!r} and {other!r} overlap"
    for axes in figure.axes:
        assert axes.get_xlabel() or not axes.axison
        assert axes.get_ylabel() or not axes.axison


def _all(axis: Any) -> list[Any]:
    return [*axis.majorTicks, *axis.minorTicks]


@pytest.mark.parametrize("module", FIGURES, ids=lambda module: module.NAME)
@pytest.mark.parametrize("made", ["empty", "nothing completed"])
def test_without_results_there_is_nothing_to_draw_and_the_caption_says_why(module: ModuleType, made: str) -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100,), seeds=1)
    lost = synthetic.fail(trials, trials["seed"] >= 0, "crashed", "signal 9")
    facts = facts_of(module, pd.DataFrame() if made == "empty" else lost, pd.DataFrame())
    assert facts.panels == ()
    assert module.caption(facts).startswith("Nothing to draw: ")


def test_accuracy_says_what_the_bars_are(runs: dict[str, pd.DataFrame]) -> None:
    several = accuracy.facts(runs["seven sizes"])
    assert "95% t intervals over 5 seeds" in accuracy.caption(several)
    one = accuracy.facts(runs["one size, one seed"])
    assert "no interval is drawn" in accuracy.caption(one)
    assert all(math.isnan(end) for line in one.panels[0].lines for end in line.low)


def test_accuracy_has_a_panel_for_each_dataset(runs: dict[str, pd.DataFrame]) -> None:
    facts = accuracy.facts(runs["two datasets"])
    assert [panel.dataset for panel in facts.panels] == ["digits", "mnist"]
    assert [line.label for line in facts.panels[0].lines] == ["cnn", "hog-svm", "mlp", "pixels-rf"]
    assert facts.panels[0].lines[0].x == (50, 100, 200, 400, 800, 1437)


def test_cost_is_in_seconds_and_mib_with_exponents_from_three_sizes_on(runs: dict[str, pd.DataFrame]) -> None:
    facts = cost.facts(runs["seven sizes"])
    time, memory = facts.panels
    assert (time.metric, memory.metric) == ("train_s", "peak_bytes")
    assert memory.lines[0].y[0] == pytest.approx(681)
    assert set(facts.exponents["metric"]) == {"train_s", "peak_bytes"}
    assert cost.facts(runs["one size, one seed"]).exponents.empty
    assert "No exponent was fitted" in cost.caption(cost.facts(runs["one size, one seed"]))


def test_cost_draws_time_where_memory_was_not_recorded(runs: dict[str, pd.DataFrame]) -> None:
    facts = cost.facts(runs["seven sizes"].drop(columns="peak_bytes"))
    shown = [text.get_text() for text in texts(cost.draw(facts))]
    assert "peak memory, MiB: not measured" in shown


def test_pareto_front_is_named(runs: dict[str, pd.DataFrame]) -> None:
    facts = pareto.facts(runs["seven sizes"])
    front = facts.panels[0].front
    assert [best.train_s for best in front] == sorted(best.train_s for best in front)
    assert [best.accuracy for best in front] == sorted(best.accuracy for best in front)
    assert (front[-1].label, front[-1].n_train) == ("cnn", 60_000)
    assert "cnn (30,000 · 60,000)" in pareto.caption(facts)


def test_optimizers_are_compared_by_network_on_validation_accuracy(runs: dict[str, pd.DataFrame]) -> None:
    trials = runs["eighteen optimizers"]
    facts = optimizers.facts(trials, synthetic.epochs(trials))
    assert [(panel.model, panel.n_train, panel.metric) for panel in facts.panels] == [
        ("cnn", 10_000, "val_accuracy"),
        ("vgg16", 10_000, "val_accuracy"),
    ]
    assert facts.rates["cnn/adam"] == "0.001"
    line = facts.panels[0].by_epoch[0]
    assert line.x == tuple(range(1, 13))
    assert facts.panels[0].by_second[0].y == line.y
    assert facts.panels[0].by_second[0].x[-1] == pytest.approx(44, rel=0.1)


def test_optimizers_without_validation_show_the_training_loss(runs: dict[str, pd.DataFrame]) -> None:
    trials = runs["eighteen optimizers"]
    facts = optimizers.facts(trials, synthetic.epochs(trials, validation=False))
    assert {panel.metric for panel in facts.panels} == {"loss"}
    assert "training loss" in " ".join(text.get_text() for text in texts(optimizers.draw(facts)))


def test_optimizers_end_with_the_first_seed_and_name_the_lost(runs: dict[str, pd.DataFrame]) -> None:
    trials = runs["eighteen optimizers"]
    at = (trials["pipeline"] == "cnn/sgd") & (trials["n_train"] == 10_000)
    stopped = trials.loc[at & (trials["seed"] == 0), "trial_id"].item()
    epochs = synthetic.epochs(trials)
    epochs = epochs[(epochs["trial_id"] != stopped) | (epochs["epoch"] <= 4)]
    lost = (trials["pipeline"] == "cnn/nadam") & (trials["n_train"] == 10_000) & (trials["seed"] == 1)
    facts = optimizers.facts(synthetic.fail(trials, lost, "diverged", "NaN in epoch 2"), epochs)
    ends = {line.label: line.x[-1] for line in facts.panels[0].by_epoch}
    assert (ends["cnn/sgd"], ends["cnn/adam"]) == (4, 12)
    assert facts.lost == (("cnn/nadam", 1),)
    assert "cnn/nadam (1)" in optimizers.caption(facts)


def test_crossover_draws_n_star(runs: dict[str, pd.DataFrame]) -> None:
    facts = crossover.facts(runs["seven sizes"])
    (axes,) = crossover.draw(facts).axes
    assert axes.get_title().startswith("mnist: n* = 4,")
    assert crossover.draw(crossover.facts(runs["one size, one seed"])).axes[0].get_title() == "mnist: n* above 1,000"


def test_lines_differ_without_colour() -> None:
    lines = (("svm", "traditional"), ("bovw", "hybrid"), *((f"{net}/{opt}", "deep") for net in "ab" for opt in "xyz"))
    looks = style.looks(lines)
    assert looks["svm"].dash == looks["bovw"].dash == style.SOLID
    assert not looks["svm"].hollow
    assert looks["a/x"].hollow
    assert looks["a/x"].dash != style.SOLID
    assert looks["a/x"].colour == looks["b/x"].colour
    assert looks["a/x"].marker != looks["b/x"].marker
    assert len({(look.colour, look.marker) for look in looks.values()}) == len(lines)
    many = style.looks((*((f"cnn/{number}", "deep") for number in range(30)), ("vgg16/0", "deep")))
    assert len({(look.colour, look.marker) for look in many.values()}) == 31


def test_size_ticks_stand_at_every_size_with_labels_where_they_fit() -> None:
    with style.styled():
        _, (axes,) = style.panels(1)
        style.size_axis(axes, [60_000, 30_000, 100, 300, 1000, 3000, 10_000])
    assert list(axes.get_xticks()) == [100, 300, 1000, 3000, 10_000, 30_000, 60_000]
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert labels[:4] == ["100", "300", "1,000", "3,000"]
    assert labels[-1] == "60,000"


def test_accuracy_axis_gives_good_pipelines_room() -> None:
    with style.styled():
        _, (axes,) = style.panels(1)
        style.accuracy_axis(axes, [0.5, 0.9, 0.99, 1.0], [], "test accuracy")
        heights = axes.transData.transform(np.array([(1, value) for value in (0.8, 0.9, 0.98, 0.99)]))[:, 1]
    assert heights[1] - heights[0] == pytest.approx(heights[3] - heights[2])
    assert axes.get_ylim()[1] < 1
    assert "log error" in axes.get_ylabel()
