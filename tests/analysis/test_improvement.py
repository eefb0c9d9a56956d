from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.frames import complete
from harness.analysis.improvement import last_sizes, last_slope, slopes
from tests import synthetic
from tests.synthetic import Planted, power


@pytest.mark.parametrize(
    ("sizes", "last"),
    [
        ([100, 200, 400, 800, 1600], (400, 800, 1600)),
        ([1000, 10_000, 30_000, 60_000], (10_000, 30_000, 60_000)),
        ([400, 500, 600, 1600, 100], (400, 500, 600, 1600)),
        ([100, 300], (100, 300)),
    ],
)
def test_last_sizes_are_two_doublings_or_three_sizes(sizes: list[int], last: tuple[int, ...]) -> None:
    assert last_sizes(sizes) == last


def test_slope_is_the_planted_exponent() -> None:
    planted = {
        "good": Planted("traditional", power(2, -0.4)),
        "bad": Planted("traditional", power(9, -0.3)),
        "net": Planted("deep", power(1, -0.9)),
    }
    slope = last_slope(complete(synthetic.trials(planted, n_test=40_000, seeds=8)), "mnist")
    assert slope is not None
    assert slope.slope.value == pytest.approx(-0.4, abs=0.03)
    assert slope.slope.low < -0.4 < slope.slope.high
    assert slope.chosen == ("good",)
    assert slope.sizes == (1000, 3000, 10_000)


def test_faultless_seeds_have_a_slope() -> None:
    trials = synthetic.trials({"svm": Planted("traditional", lambda n: 0.0)}, n_test=300)
    slope = last_slope(complete(trials), "mnist")
    assert slope is not None
    assert slope.slope.value == pytest.approx(0)


def test_one_seed_has_the_interval_that_the_test_images_allow() -> None:
    planted = {"svm": Planted("traditional", power(2, -0.4))}
    trials = complete(synthetic.trials(planted, seeds=100, noise=0.0, n_test=5000))
    spread = np.std([last_slope(trials[trials["seed"] == seed], "mnist").slope.value for seed in range(100)])
    one = last_slope(trials[trials["seed"] == 0], "mnist")
    assert one is not None
    assert one.slope.half_width == pytest.approx(1.96 * spread, rel=0.25)
    assert "one seed" in one.method


def test_one_size_has_no_slope() -> None:
    assert last_slope(complete(synthetic.trials(synthetic.LIKE_MNIST, sizes=(1000,))), "mnist") is None


def test_both_families_have_a_slope_on_every_dataset() -> None:
    planted = {"svm": Planted("traditional", power(2, -0.4)), "net": Planted("deep", power(3, -0.5))}
    table = slopes(complete(synthetic.trials(planted, datasets=("a", "b"), n_test=40_000)))
    assert table[["dataset", "family"]].to_numpy().tolist() == [
        ["a", "traditional"], ["a", "deep"], ["b", "traditional"], ["b", "deep"],
    ]  # fmt: skip
    assert table["slope"].tolist() == pytest.approx([-0.4, -0.5, -0.4, -0.5], abs=0.04)
    assert table["error_change"].iloc[0] == pytest.approx(100 * (2**-0.4 - 1), abs=2)
    assert (table["chosen"].iloc[1], table["first"].iloc[1], table["last"].iloc[1]) == ("net", 1000, 10_000)
