"""What learning curves promise beyond the largest size, and how such promises turned out where they can be checked."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from harness.analysis.curves import LINE
from harness.analysis.frames import ok
from harness.analysis.intervals import Floats, Interval, expanded_percentile, mean_known
from harness.analysis.learning_curves import FORMS, LAST, MIN_SIZES, choose, fit, last_known, predict_many, variances
from harness.analysis.redraw import drawn_seeds, weighted_mean
from harness.analysis.timing import one_per_seed

DRAWS = 200
# As many times the largest size used.
TIMES = (2, 10)


class Curve(NamedTuple):
    """The errors of one line: shape (seeds, sizes), NaN where not measured; sizes ascending."""

    dataset: str
    label: str
    family: str
    sizes: Floats
    errors: Floats
    n_test: float

    @property
    def mean(self) -> Floats:
        """Mean error over the seeds, shape (sizes,)."""
        return mean_known(self.errors, axis=0)

    @property
    def weights(self) -> Floats:
        """One over the variance of that mean, of seeds and test images together, shape (sizes,)."""
        return 1 / variances(self.errors, self.n_test)

    def up_to(self, size: float) -> Curve:
        """The part of the curve at sizes no larger than this."""
        small = self.sizes <= size
        return self._replace(sizes=self.sizes[small], errors=self.errors[:, small])


class Promise(NamedTuple):
    """Errors predicted at some sizes by the form that was chosen, with 95% intervals; `last` is the last value."""

    form: str
    parameters: dict[str, float]
    errors: tuple[Interval, ...]
    last: float


def curves(trials: pd.DataFrame) -> list[Curve]:
    """The learning curve of every dataset and label, from `complete` trials that ended well."""
    rows = one_per_seed(ok(trials))
    rows = rows[rows["accuracy"].notna() & (rows["n_test"] > 0)]
    made = []
    for (dataset, label, family), group in rows.groupby(LINE, sort=True):
        n, column = np.unique(group["n_train"].to_numpy(dtype=float), return_inverse=True)
        seeds, row = np.unique(group["seed"].to_numpy(), return_inverse=True)
        count, total = np.zeros((2, len(seeds), len(n)))
        np.add.at(count, (row, column), 1)
        np.add.at(total, (row, column), 1 - group["accuracy"].to_numpy(dtype=float))
        errors = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        made.append(Curve(str(dataset), str(label), str(family), n, errors, float(group["n_test"].median())))
    return made


def promise(curve: Curve, at: Floats) -> Promise:
    """Choose a form, fit it to the whole curve, predict the error at some sizes.

    The interval is a bootstrap over seeds, each of which is a whole curve on its own training subsets; every draw
    chooses its form anew, so that doubt about the form is part of the interval. It has no ends with one seed. Chance
    in the choice of the test images is not in it: they are the same at every size.
    """
    chosen = choose(curve.sizes, curve.mean, curve.weights).form
    found = None if chosen == LAST else fit(chosen, curve.sizes, curve.mean, curve.weights)
    last = float(last_known(curve.mean[None])[0])
    values = np.full(len(at), last) if found is None else found.predict(at)[0]
    seeds = len(curve.errors)
    if seeds < 2:
        intervals = tuple(Interval(float(value), math.nan, math.nan) for value in values)
    else:
        counts = drawn_seeds(seeds, DRAWS)
        drawn = weighted_mean(curve.errors.T[:, None, :], counts[None]).T
        _, redrawn = predict_many(curve.sizes, drawn, curve.weights, at)
        intervals = tuple(
            expanded_percentile(float(value), draws, seeds) for value, draws in zip(values, redrawn.T, strict=True)
        )
    return Promise(chosen, {} if found is None else found.parameters, intervals, last)


def predictions(trials: pd.DataFrame) -> pd.DataFrame:
    """The error of every line at twice and ten times the data that it was measured on.

    Returns
    -------
    DataFrame
        A row for each line of two sizes and more and each of `TIMES`: `dataset`, `label`, `family`, `sizes` (how many),
        `largest`, `form` (`last` where no form predicted held-out sizes better than the last value), `formula`,
        `parameters` (as text), `held_out` (the sizes it was chosen by), `held_out_error` and `held_out_last` (mean
        absolute errors there, of the form and of the last value), `n_train`, `error`, `low`, `high`, `last_error`.
    """
    rows = []
    for curve in curves(trials):
        if len(curve.sizes) < 2:
            continue
        choice = choose(curve.sizes, curve.mean, curve.weights)
        at = curve.sizes[-1] * np.array(TIMES, dtype=float)
        promised = promise(curve, at)
        of_form = (choice.scores.get(name, math.nan) for name in (choice.form, LAST))
        shared = (
            len(curve.sizes),
            int(curve.sizes[-1]),
            choice.form,
            FORMS[choice.form].formula if choice.form in FORMS else "",
            ", ".join(
                f"{name} = {value if abs(value) > 1e-9 else 0:.4g}" for name, value in promised.parameters.items()
            ),
            ", ".join(f"{size:,}" for size in choice.held_out),
            *of_form,
        )
        for n, error in zip(at, promised.errors, strict=True):
            rows.append((curve.dataset, curve.label, curve.family, *shared, int(n), *error, promised.last))
    names = ["sizes", "largest", "form", "formula", "parameters", "held_out", "held_out_error", "held_out_last"]
    return pd.DataFrame(rows, columns=[*LINE, *names, "n_train", "error", "low", "high", "last_error"])


def backtest(trials: pd.DataFrame) -> pd.DataFrame:
    """Predictions that can be checked: from sizes up to n / 2 and n / 10, of the error measured at n.

    Returns
    -------
    DataFrame
        A row for each line, each of `TIMES`, and each measured size n that has four smaller sizes to predict from:
        `dataset`, `label`, `family`, `times`, `n_train` (n), `fitted_to` (the largest size used), `sizes` (how many),
        `form`, `predicted`, `low`, `high`, `measured`, `missed_points` and `last_missed_points` (absolute errors in
        points of accuracy, of the form and of the last value), `inside` (whether the interval held what was measured;
        empty where there is none).
    """
    rows = []
    for curve in curves(trials):
        for times in TIMES:
            for n, measured in zip(curve.sizes, curve.mean, strict=True):
                part = curve.up_to(n / times)
                if len(part.sizes) < MIN_SIZES or np.isnan(part.mean).any():
                    continue
                promised = promise(part, np.array([n]))
                (error,) = promised.errors
                missed = [100 * abs(value - measured) for value in (error.value, promised.last)]
                inside = ("yes" if error.low <= measured <= error.high else "no") if error.known else ""
                fitted = (times, int(n), int(part.sizes[-1]), len(part.sizes), promised.form)
                rows.append((curve.dataset, curve.label, curve.family, *fitted, *error, measured, *missed, inside))
    names = ["times", "n_train", "fitted_to", "sizes", "form", "predicted", "low", "high", "measured"]
    return pd.DataFrame(rows, columns=[*LINE, *names, "missed_points", "last_missed_points", "inside"])


def scored(backtested: pd.DataFrame) -> pd.DataFrame:
    """How the predictions of `backtest` turned out, over all lines.

    Returns
    -------
    DataFrame
        A row for each of `TIMES`, and for all forms together and each alone: `times`, `form`, `predictions` (how many),
        `missed_points`, `last_missed_points` (mean absolute errors), `better` (share that missed by less than the last
        value), `inside` (share of the intervals that held what was measured; NaN without any).
    """
    rows = []
    for times, of_times in backtested.groupby("times", sort=True):
        for form, group in [("all", of_times), *of_times.groupby("form", sort=True)]:
            better = float((group["missed_points"] < group["last_missed_points"]).mean())
            known = group[group["inside"] != ""]
            inside = float((known["inside"] == "yes").mean()) if len(known) else math.nan
            means = (float(group[name].mean()) for name in ("missed_points", "last_missed_points"))
            rows.append((times, form, len(group), *means, better, inside))
    names = ["times", "form", "predictions", "missed_points", "last_missed_points", "better", "inside"]
    return pd.DataFrame(rows, columns=names)
