"""What ran into a limit, against published examples of censored data and second implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.analysis import censoring, curves
from harness.analysis.censoring import censored_power_law, kaplan_meier, limit_of, tobit
from harness.analysis.frames import complete
from tests import synthetic

MIB = 2**20


def test_kaplan_meier_of_the_leukaemia_data() -> None:
    # Freireich et al. 1963: weeks of remission under 6-mercaptopurine and placebo. Medians and
    # log-log intervals as R's survfit(conf.type = "log-log") and SAS's PROC LIFETEST give them.
    ended, going_on = [6, 6, 6, 7, 10, 13, 16, 22, 23], [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    assert kaplan_meier(ended + going_on, [False] * 9 + [True] * 12) == (23, 13, math.inf)
    placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    assert kaplan_meier(placebo, [False] * 21) == (8, 4, 11)


def test_a_median_beyond_the_limits_is_infinite() -> None:
    assert kaplan_meier([1.0, 9.0, 9.0], [False, True, True]).value == math.inf
    assert kaplan_meier([9.0, 9.0], [True, True]).value == math.inf
    assert kaplan_meier([4.0, math.nan], [False, True])[0] == 4
    assert math.isnan(kaplan_meier([], []).value)


# Schmee and Hahn 1979 (doi:10.1080/00401706.1979.10489811), as in Tanner 1996, Tools for Statistical Inference: hours
# to failure of motorettes at four temperatures, ten each.
CELSIUS = np.repeat([150.0, 170, 190, 220], 10)
HOURS = np.array(
    [8064] * 10
    + [1764, 2772, 3444, 3542, 3780, 4860, 5196, 5448, 5448, 5448]
    + [408, 408, 1344, 1344, 1440, 1680, 1680, 1680, 1680, 1680]
    + [408, 408, 504, 504, 504, 528, 528, 528, 528, 528],
    dtype=float,
)
RUNNING = np.isin(HOURS, [8064, 5448, 1680, 528])


def test_tobit_of_the_motorettes() -> None:
    fit = tobit(1000 / (CELSIUS + 273.2), np.log10(HOURS), RUNNING)
    assert (fit.intercept, fit.slope, fit.sd) == pytest.approx((-6.019, 4.311, 0.2592), abs=6e-4)


def test_tobit_is_what_em_finds_and_its_error_the_curvature() -> None:
    # Second implementation: expectation-maximization, each censored point replaced by what is expected of it.
    random = np.random.default_rng(0)
    x = np.linspace(0, 3, 30)
    y = 1 + 2 * x + 0.7 * random.standard_normal(30)
    hidden = y > 5
    seen = np.where(hidden, 5.0, y)
    design = np.column_stack([np.ones(30), x])
    filled, beta, sd = seen, np.zeros(2), 1.0
    for _ in range(2000):
        beta = np.linalg.lstsq(design, filled, rcond=None)[0]
        z = (seen - design @ beta) / sd
        hazard = stats.norm.pdf(z) / stats.norm.sf(z)
        spread = np.where(hidden, 1 + z * hazard - hazard**2, 0.0)
        sd = math.sqrt(np.mean((filled - design @ beta) ** 2 + sd**2 * spread))
        z = (seen - design @ beta) / sd
        filled = np.where(hidden, design @ beta + sd * stats.norm.pdf(z) / stats.norm.sf(z), y)
    fit = tobit(x, seen, hidden)
    assert (fit.intercept, fit.slope, fit.sd) == pytest.approx((*beta, sd), rel=1e-4)

    def curvature() -> np.ndarray:
        def minus(theta: np.ndarray) -> float:
            z = (seen - theta[0] - theta[1] * x) / theta[2]
            known = (stats.norm.logpdf(z) - math.log(theta[2]))[~hidden].sum()
            return -float(known + stats.norm.logsf(z)[hidden].sum())

        at, step = np.array([fit.intercept, fit.slope, fit.sd]), 1e-4 * np.eye(3)
        return np.array(
            [
                [(minus(at + a + b) - minus(at + a - b) - minus(at - a + b) + minus(at - a - b)) / 4e-8 for a in step]
                for b in step
            ]
        )

    assert fit.slope_error == pytest.approx(math.sqrt(np.linalg.inv(curvature())[1, 1]), rel=1e-3)


def test_without_censoring_it_is_the_power_law_of_the_curves() -> None:
    random = np.random.default_rng(1)
    n = np.repeat([100.0, 300, 1000, 3000], 3)
    y = 0.01 * n**1.3 * np.exp(0.2 * random.standard_normal(12))
    ours, theirs = censored_power_law(n, y, np.zeros(12, dtype=bool)), curves.power_law(n, y)
    assert ours
    assert theirs
    assert ours.exponent == pytest.approx(theirs.exponent, rel=1e-6)
    assert (ours.constant, ours.sizes) == pytest.approx((theirs.constant, theirs.sizes))
    assert censored_power_law(n, y, n > 300) is None


def test_dropping_what_timed_out_flatters_and_censoring_does_not() -> None:
    random = np.random.default_rng(2)
    n = np.geomspace(100, 10_000, 8)
    dropped, kept, covered = [], [], 0
    for _ in range(60):
        y = 0.01 * n * np.exp(0.5 * random.standard_normal(8))
        hidden = y > 30
        law = censored_power_law(n, np.minimum(y, 30), hidden)
        plain = curves.power_law(n[~hidden], y[~hidden])
        assert law
        assert plain
        dropped.append(plain.exponent.value)
        kept.append(law.exponent.value)
        covered += law.exponent.low <= 1 <= law.exponent.high
    assert np.mean(dropped) < 0.93
    assert np.mean(kept) == pytest.approx(1, abs=0.06)
    assert covered / 60 > 0.9


def row(**values: object) -> dict[str, object]:
    nothing = dict.fromkeys(("spawn_s", "load_s", "tune_s", "features_s", "peak_bytes", "total_s"), math.nan)
    return {**nothing, "status": "timeout", "phase": "fit", "message": "over its time limit of 60 s", **values}


def test_what_a_row_says_that_ran_into_its_limit() -> None:
    stopped = row(total_s=62.5, spawn_s=1.0, load_s=2.0, tune_s=7.0, features_s=10.0)
    assert limit_of(stopped) == 50
    assert limit_of(stopped, "fit_s") == 40
    assert limit_of(stopped, "total_s") == 60
    # Features that came from the cache are charged in full.
    assert limit_of({**stopped, "features_s": 55.0}) == 55
    assert limit_of({**stopped, "phase": "tune"}) == 0
    assert limit_of({**stopped, "phase": "features"}, "fit_s") == 0
    assert limit_of(row(status="oom", message="out of memory", total_s=12.0)) == 10
    assert math.isnan(limit_of(row(status="oom", message="out of memory")))
    over = "used 1,030 MiB, over its limit of 1,024 MiB"
    assert limit_of(row(status="oom", message=over), "peak_bytes") == 1024 * MIB
    assert limit_of(row(status="oom", message=over, peak_bytes=1030.0 * MIB), "peak_bytes") == 1030 * MIB
    assert limit_of(row(peak_bytes=5.0), "peak_bytes") == 5


def test_tables_count_what_ran_into_a_limit() -> None:
    trials = synthetic.trials(synthetic.LIKE_MNIST, sizes=(100, 300, 1000, 3000), seeds=4, noise=0.01)
    last = (trials["pipeline"] == "cnn") & (trials["n_train"] == 3000)
    ended = synthetic.fail(trials, last & (trials["seed"] > 1), "timeout", "over its time limit of 30 s")
    ended.loc[last & (trials["seed"] > 1), "total_s"] = 31.0
    # One that was stopped while it predicted had been trained.
    ended.loc[last & (trials["seed"] == 3), ["phase", "train_s"]] = ["predict", 16.5]
    frame = complete(ended)
    found = censoring.observations(frame)
    assert len(found) == len(trials)
    assert found.loc[found["censored"], "value"].tolist() == [29]
    table = censoring.medians(frame)
    assert table[["dataset", "label", "n_train", "trials", "censored"]].values.tolist() == [
        ["mnist", "cnn", 3000, 4, 1]
    ]
    assert table["median"].iloc[0] == pytest.approx(16, abs=0.6)
    assert table["at_least"].iloc[0] == 29
    laws = censoring.exponents(frame).set_index("label")
    assert laws["censored"].to_dict() == {"cnn": 1, "hog-svm": 0, "mlp": 0, "pixels-rf": 0}
    mlp = frame[frame["label"] == "mlp"]
    law = curves.power_law(mlp["n_train"], mlp["train_s"])
    assert law is not None
    assert laws.loc["mlp", ["exponent", "low", "high"]].tolist() == pytest.approx(law.exponent)
    assert "mlp" not in set(censoring.exponents(frame[frame["n_train"] < 1000])["label"])
    assert censoring.medians(complete(trials)).empty
    assert censoring.medians(complete(trials.head(0))).empty
    assert censoring.exponents(complete(trials.head(0))).empty
