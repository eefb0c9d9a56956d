from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from harness.analysis.families import contenders
from harness.analysis.frames import complete
from harness.analysis.parameters import gain, gain_per_doubling, series, support_vectors
from harness.report.figures import parameters
from tests import synthetic
from tests.synthetic import Planted, grown

WIDTHS = {4: 1_000, 8: 4_000, 16: 16_000, 32: 64_000}


def widths(exponent: float = -0.3, **rows: object) -> pd.DataFrame:
    return grown("cnn", "deep", lambda count: 2 * count**exponent, parameters=WIDTHS, **{"sizes": (100, 1000)} | rows)  # type: ignore[arg-type]


def test_the_gain_is_that_planted() -> None:
    table = gain_per_doubling(complete(widths(seeds=8, n_test=40_000)))
    assert table["series"].tolist() == ["cnn/width"] * 2
    assert table["n_train"].tolist() == [100, 1000]
    assert table["slope"].tolist() == pytest.approx([-0.3] * 2, abs=0.01)
    assert ((table["low"] < -0.3) & (table["high"] > -0.3)).all()
    assert table["error_change"].tolist() == pytest.approx([100 * (2**-0.3 - 1)] * 2, abs=0.6)
    assert table[["values", "least", "most", "seeds"]].iloc[0].tolist() == [4, 1000, 64_000, 8]
    errors = np.array([2 * count**-0.3 for count in WIDTHS.values()])
    points = -100 * np.polyfit(np.log2(list(WIDTHS.values())), errors, 1)[0]
    assert table["points"].tolist() == pytest.approx([points] * 2, rel=0.05)


def test_probes_have_a_series_and_are_never_the_best_of_their_family() -> None:
    trials = complete(widths(seeds=2).assign(contends=False))
    assert len(series(trials)) == 2
    assert contenders(trials).empty


def test_one_seed_has_the_interval_that_the_test_images_allow() -> None:
    (whole,) = series(complete(widths(seeds=60, noise=0.0, n_test=5000, sizes=(1000,))))
    each = [
        gain(whole._replace(seeds=(seed,), error=whole.error[:, [seed]], parameters=whole.parameters[:, [seed]]))
        for seed in range(60)
    ]
    assert each[0].slope.half_width == pytest.approx(1.96 * np.std([found.slope.value for found in each]), rel=0.3)
    assert each[0].points.half_width == pytest.approx(1.96 * np.std([found.points.value for found in each]), rel=0.3)
    assert "one seed" in each[0].method


def test_a_value_that_few_seeds_completed_is_left_out_and_then_a_seed_that_lacks_one() -> None:
    trials = widths(seeds=4, sizes=(1000,))
    wide = (trials["series_value"] == 32) & (trials["seed"] > 0)
    one = (trials["series_value"] == 8) & (trials["seed"] == 3)
    row = gain_per_doubling(complete(synthetic.fail(trials, wide | one, "timeout", "over 60 s"))).iloc[0]
    assert row[["values", "seeds", "most"]].tolist() == [3, 3, 16_000]


def test_a_series_that_leaves_the_parameters_as_they_are_is_none() -> None:
    trials = widths()
    assert gain_per_doubling(complete(trials.assign(n_parameters=7.0))).empty
    assert gain_per_doubling(complete(trials[trials["series_value"] == 4])).empty
    assert gain_per_doubling(complete(synthetic.trials(synthetic.LIKE_MNIST))).empty


def test_support_vectors_are_told_against_the_training_images() -> None:
    trials = synthetic.trials({"svm": Planted("traditional", lambda n: n**-0.4)}, sizes=(100, 1000, 10_000), seeds=3)
    trials["n_support"] = (2 * trials["n_train"] ** 0.75).round()
    table = support_vectors(complete(trials))
    assert table["support_vectors"].tolist() == pytest.approx([63, 356, 2000])
    assert table["share"].iloc[-1] == pytest.approx(0.2)
    assert table["exponent"].iloc[0] == pytest.approx(0.75, abs=0.01)
    assert table["error_exponent"].iloc[0] == pytest.approx(-0.4, abs=0.05)
    assert support_vectors(complete(synthetic.trials(synthetic.LIKE_MNIST))).empty


def test_the_figure_shows_each_series_at_its_largest_size() -> None:
    forest = grown(
        "rf", "traditional", lambda count: 0.2, parameters={10: 1e4, 99: 1e5}, parameter="trees", sizes=(100,)
    )
    facts = parameters.facts(complete(pd.concat([widths(noise=0.0), forest], ignore_index=True)))
    (panel,) = facts.panels
    assert facts.lines == (("rf/trees", "traditional"), ("cnn/width", "deep"))
    assert panel.sizes == {"rf/trees": 100, "cnn/width": 1000}
    deep = panel.lines[[line.label for line in panel.lines].index("cnn/width")]
    assert deep.x == (1000, 4000, 16_000, 64_000)
    assert deep.y == pytest.approx([2 * count**-0.3 for count in WIDTHS.values()], rel=0.03)
    assert "cnn/width at 1,000 images" in parameters.caption(facts)
    assert len(parameters.draw(facts).axes) == 1
