"""Intervals over seeds and images together, against second implementations and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.anova import anova_lm

from harness.analysis.crossed import crossed, pigeonhole, spread
from harness.analysis.intervals import expanded_percentile, percentile, resamples, t_interval


def drawn(random: np.random.Generator, seeds: int, images: int, of_seeds: float, of_images: float) -> np.ndarray:
    """Crossed random effects with residual 1 and mean 0."""
    effects = of_seeds * random.standard_normal((seeds, 1)) + of_images * random.standard_normal(images)
    return effects + random.standard_normal((seeds, images))


def test_it_is_the_analysis_of_variance() -> None:
    # Second implementation: mean squares of the two-way table without replication, by statsmodels.
    d = drawn(np.random.default_rng(0), 4, 30, 1.0, 0.8)
    seed, image = np.indices(d.shape)
    table = pd.DataFrame({"y": d.ravel(), "seed": seed.ravel(), "image": image.ravel()})
    squares = anova_lm(ols("y ~ C(seed) + C(image)", table).fit())
    mean = squares["sum_sq"] / squares["df"]
    variance = (mean["C(seed)"] + mean["C(image)"] - mean["Residual"]) / d.size
    df = (variance * d.size) ** 2 / (mean**2 / squares["df"]).sum()
    found = spread(d)
    assert (found.mean, found.variance, found.df) == pytest.approx((d.mean(), variance, df))
    half = stats.t.ppf(0.975, df) * math.sqrt(variance)
    assert crossed(d) == pytest.approx((d.mean(), d.mean() - half, d.mean() + half))


def test_it_is_clustering_by_two_ways() -> None:
    # Cameron, Gelbach and Miller 2011 as statsmodels has it; with many of both the corrections for few vanish.
    d = drawn(np.random.default_rng(1), 120, 150, 0.3, 0.4)
    seed, image = np.indices(d.shape)
    fit = OLS(d.ravel(), np.ones(d.size)).fit(
        cov_type="cluster", cov_kwds={"groups": np.column_stack([seed.ravel(), image.ravel()])}
    )
    assert math.sqrt(spread(d).variance) == pytest.approx(float(fit.bse[0]), rel=0.01)


def test_one_seed_has_images_only_and_missing_seeds_are_left_out() -> None:
    d = np.random.default_rng(2).integers(-1, 2, size=(3, 50)).astype(float)
    assert crossed(d[:1]) == pytest.approx(t_interval(d[0]))
    missing = np.insert(d, 1, np.nan, axis=0)
    assert crossed(missing) == crossed(d)
    assert not crossed(np.full((2, 5), np.nan)).known
    assert not crossed(d[:, :1]).known


def test_the_variance_is_never_below_one_way() -> None:
    # The same images right and wrong in turn: images and seeds average out, all is residual.
    d = np.where(np.indices((4, 6)).sum(axis=0) % 2, 1.0, -1.0)
    assert spread(d).variance == 0
    assert crossed(d) == (0, 0, 0)
    d[0] += 0.5
    found = spread(d)
    assert found.variance == pytest.approx(d.mean(axis=1).var(ddof=1) / 4)
    assert found.df == 3
    assert found.p == pytest.approx(stats.ttest_1samp(d.mean(axis=1), 0).pvalue)


@pytest.mark.parametrize(("of_seeds", "of_images"), [(0.0, 1.0), (0.1, 0.5), (0.3, 0.0)])
def test_coverage_with_five_seeds_is_near_95_percent(of_seeds: float, of_images: float) -> None:
    random = np.random.default_rng(3)
    inside = seeds_only = images_only = 0
    times = 500
    for _ in range(times):
        d = drawn(random, 5, 200, of_seeds, of_images)
        interval = crossed(d)
        inside += interval.low <= 0 <= interval.high
        over_seeds, over_images = t_interval(d.mean(axis=1)), t_interval(d.mean(axis=0))
        seeds_only += over_seeds.low <= 0 <= over_seeds.high
        images_only += over_images.low <= 0 <= over_images.high
    assert 0.93 <= inside / times <= 0.985
    # What one of them alone would have done.
    if of_images == 1.0:
        assert seeds_only / times < 0.8
    if of_seeds == 0.3:
        assert images_only / times < 0.5


def test_the_pigeonhole_bootstrap_agrees() -> None:
    d = np.sign(np.round(drawn(np.random.default_rng(4), 25, 400, 0.2, 0.6) * 0.5 + 0.1))
    ours, theirs = crossed(d), percentile(d.mean(), pigeonhole(d, 3000))
    assert theirs.half_width == pytest.approx(ours.half_width, rel=0.1)
    assert (theirs.low + theirs.high) / 2 == pytest.approx(d.mean(), abs=0.1 * ours.half_width)
    both = pigeonhole(np.stack([d, -d]), 40)
    assert both[0] == pytest.approx(-both[1])
    # With one seed it is the bootstrap over images.
    one = pigeonhole(d[:1], 4000)
    assert one.std() == pytest.approx(d[0].std() / math.sqrt(400), rel=0.05)


def test_the_expanded_bootstrap_covers_more_with_few_seeds() -> None:
    random = np.random.default_rng(5)
    positions = resamples(5, 1000)
    plain = expanded = 0
    for _ in range(400):
        values = random.standard_normal(5)
        means = values[positions].mean(axis=1)
        for wide in (False, True):
            interval = expanded_percentile(values.mean(), means, 5) if wide else percentile(values.mean(), means)
            inside = interval.low <= 0 <= interval.high
            expanded, plain = expanded + (wide and inside), plain + (inside and not wide)
    assert plain / 400 < 0.87
    assert plain / 400 + 0.06 < expanded / 400 < 0.97
