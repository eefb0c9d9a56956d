"""Parametric forms of error against training size: fitted, and chosen by what they predict of larger sizes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares

from harness.analysis.intervals import Floats

LAST = "last"
# With fewer sizes no form of three parameters could be fitted and tested on a larger size.
MIN_SIZES = 4
# Two sizes are held out where the rest still has a point for each parameter of the largest form.
TWO_HELD_OUT = 6
# Mean errors that differ by no more than a hundredth of a point are the same: then the simpler form is taken.
TIE = 1e-4


class Form(NamedTuple):
    """A form of the error at n: `asymptote + amplitude * shape(theta, n / n0)`, where n0 is the smallest size fitted.

    All forms are linear in two of their parameters once the others, `theta`, are given: for these there is a grid, for
    the two a solution in closed form (variable projection: Golub & Pereyra 1973, doi:10.1137/0710036). The shape is 1
    at n0 and falls.

    Attributes
    ----------
    name, formula
        As Viering & Loog 2022 (doi:10.1109/TPAMI.2022.3220744) name and write it.
    low, high
        Bounds of theta, whose first is the logarithm of an exponent.
    shape
        From theta, shape (..., thetas), and n / n0, broadcast against the rest.
    parameters
        From theta, amplitude, asymptote and n0 to the parameters of the formula.
    """

    name: str
    formula: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    shape: Callable[[Floats, Floats], Floats]
    parameters: Callable[[Floats, float, float, float], dict[str, float]]

    @property
    def size(self) -> int:
        """How many parameters it has."""
        return 2 + len(self.low)


def _pow3(theta: Floats, ratio: Floats) -> Floats:
    return np.asarray(ratio ** -np.exp(theta[..., 0]), dtype=float)


def _pow4(theta: Floats, ratio: Floats) -> Floats:
    shift = np.exp(theta[..., 1]) - 1
    return np.asarray(((ratio + shift) / (1 + shift)) ** -np.exp(theta[..., 0]), dtype=float)


def _mmf4(theta: Floats, ratio: Floats) -> Floats:
    power, half = np.exp(theta[..., 0]), theta[..., 1]
    return np.asarray((1 + np.exp(-half * power)) / (1 + np.exp((np.log(ratio) - half) * power)), dtype=float)


def _wbl4(theta: Floats, ratio: Floats) -> Floats:
    return np.asarray(np.exp(-np.exp(theta[..., 1]) * (ratio ** np.exp(theta[..., 0]) - 1)), dtype=float)


def _pow3_parameters(theta: Floats, amplitude: float, asymptote: float, n0: float) -> dict[str, float]:
    power = math.exp(float(theta[0]))
    return {"a": amplitude * n0**power, "b": power, "c": asymptote}


def _pow4_parameters(theta: Floats, amplitude: float, asymptote: float, n0: float) -> dict[str, float]:
    power, shift = math.exp(float(theta[0])), n0 * (math.exp(float(theta[1])) - 1)
    return {"a": amplitude * (n0 + shift) ** power, "b": power, "c": asymptote, "d": shift}


def _mmf4_parameters(theta: Floats, amplitude: float, asymptote: float, n0: float) -> dict[str, float]:
    power, half = math.exp(float(theta[0])), math.log(n0) + float(theta[1])
    start = asymptote + amplitude * (1 + math.exp(-power * float(theta[1])))
    return {"a": start, "b": math.exp(power * half), "c": asymptote, "d": power}


def _wbl4_parameters(theta: Floats, amplitude: float, asymptote: float, n0: float) -> dict[str, float]:
    power, rate = math.exp(float(theta[0])), math.exp(float(theta[1]))
    return {"a": rate / n0**power, "b": amplitude * math.exp(rate), "c": power, "d": 1 - asymptote}


# The forms of four parameters that extrapolated best on LCDB (Mohr, Viering, Loog & van Rijn 2022, ECML PKDD, LNAI
# 13717, pages 3-19), and the power law with a floor.
FORMS = {
    form.name: form
    for form in (
        Form("pow3", "a n^-b + c", (-4.6,), (1.1,), _pow3, _pow3_parameters),
        Form("pow4", "a (n + d)^-b + c", (-4.6, -2.3), (1.1, 4.6), _pow4, _pow4_parameters),
        Form("mmf4", "(a b + c n^d) / (b + n^d)", (-3.0, -4.6), (1.6, 11.5), _mmf4, _mmf4_parameters),
        Form("wbl4", "1 - d + b exp(-a n^c)", (-3.9, -7.0), (1.1, 2.3), _wbl4, _wbl4_parameters),
    )
}
# Values of each theta on the grid, and on the finer ones around the best point so far.
STEPS, FINER, ROUNDS = 13, 7, 6
# Rounds for the draws of a bootstrap: what is then left of an exponent, a percent or two, is small beside their spread.
DRAW_ROUNDS = 3


class Fits(NamedTuple):
    """One form fitted to several curves; NaN where a curve has fewer points than the form has parameters."""

    form: Form
    amplitude: Floats
    asymptote: Floats
    theta: Floats
    n0: float

    def predict(self, n: ArrayLike) -> Floats:
        """Errors at `n`, shape (curves, sizes), within 0 and 1."""
        ratio = np.asarray(n, dtype=float)[None, :] / self.n0
        shape = self.form.shape(self.theta[:, None, :], ratio)
        return np.clip(self.asymptote[:, None] + self.amplitude[:, None] * shape, 0.0, 1.0)

    @property
    def parameters(self) -> dict[str, float]:
        """Those of the formula, for the first curve."""
        first = (float(self.amplitude[0]), float(self.asymptote[0]), self.n0)
        return self.form.parameters(self.theta[0], *first)


def fit_many(
    name: str, sizes: ArrayLike, errors: ArrayLike, weights: ArrayLike | None = None, rounds: int = ROUNDS
) -> Fits:
    """Weighted least squares of one form to several curves at once, on fixed grids, each finer than the last.

    No error may rise with n, none lies below 0: a curve that rises gets a flat fit.

    Parameters
    ----------
    name : str
        One of `FORMS`.
    sizes : array-like of float, shape (sizes,)
    errors : array-like of float, shape (curves, sizes)
        NaN where not measured.
    weights : array-like of float, shape (sizes,), optional
        One over the variances; equal without.
    rounds : int
        How often the grid is made finer.
    """
    form = FORMS[name]
    n, y = np.asarray(sizes, dtype=float), np.atleast_2d(np.asarray(errors, dtype=float))
    known = ~np.isnan(y)
    w = known * (np.ones_like(n) if weights is None else np.asarray(weights, dtype=float))
    w = w / np.maximum(w.sum(axis=1, keepdims=True), 1e-300)
    y = np.where(known, y, 0.0)
    ratio = n / n.min()
    low, high = np.array(form.low), np.array(form.high)
    curves, step = np.arange(len(y)), (high - low) / (STEPS - 1)
    theta = (low + step * _places(STEPS, len(low)))[None]
    for _ in range(rounds):
        loss, _, _ = _solved(form.shape(theta[:, :, None, :], ratio), y, w)
        best = np.argmin(loss, axis=1)
        centre = theta[curves if len(theta) > 1 else 0, best]
        # The next grid reaches the neighbours of this one's best point.
        step = step * 2 / (FINER - 1)
        theta = np.clip(centre[:, None, :] + step * (_places(FINER, len(low)) - FINER // 2), low, high)
    loss, amplitude, asymptote = _solved(form.shape(theta[:, :, None, :], ratio), y, w)
    best = np.argmin(loss, axis=1)
    lost = known.sum(axis=1) < form.size
    found = [each[curves, best] for each in (amplitude, asymptote, theta)]
    for each in found:
        each[lost] = np.nan
    return Fits(form, found[0], found[1], found[2], float(n.min()))


@functools.cache
def _places(steps: int, dimensions: int) -> Floats:
    """The points of a grid, counted from 0; shape (points, dimensions)."""
    return np.stack([axis.ravel() for axis in np.meshgrid(*[np.arange(float(steps))] * dimensions)], axis=1)


def _solved(u: Floats, y: Floats, w: Floats) -> tuple[Floats, Floats, Floats]:
    """Loss, amplitude and asymptote of each curve at each point of the grid, shape (curves, points).

    Parameters
    ----------
    u : float, shape (curves or 1, points, sizes)
        The shape there.
    y, w : float, shape (curves, sizes)
        Errors, and weights whose sum is 1.
    """

    def total(values: Floats, weights: Floats) -> Floats:
        # One grid for all curves is one matrix product.
        return np.asarray(weights @ values[0].T if len(values) == 1 else np.einsum("cgn,cn->cg", values, weights))

    su, suu, suy, sy = total(u, w), total(u**2, w), total(u, w * y), (w * y).sum(axis=1)[:, None]
    amplitude = (suy - su * sy) / np.maximum(suu - su**2, 1e-300)
    asymptote = sy - amplitude * su
    amplitude = np.where(asymptote < 0, suy / np.maximum(suu, 1e-300), amplitude)
    rising = (amplitude < 0) | ~np.isfinite(amplitude)
    amplitude = np.where(rising, 0.0, amplitude)
    asymptote = np.clip(np.where(rising, sy, asymptote), 0, 1)
    # Less the sum of squares of y, which is the same for every point of the grid.
    loss = amplitude * (amplitude * suu - 2 * suy + 2 * asymptote * su) + asymptote * (asymptote - 2 * sy)
    return loss, amplitude, asymptote


def fit(name: str, sizes: ArrayLike, errors: ArrayLike, weights: ArrayLike | None = None) -> Fits | None:
    """Fit one form to one curve: by SciPy's least squares, from the best point of the grids and from a fixed start.

    Parameters
    ----------
    name : str
        One of `FORMS`.
    sizes, errors : array-like of float, shape (sizes,)
    weights : array-like of float, shape (sizes,), optional
        One over the variances; equal without.

    Returns
    -------
    Fits or None
        Of one curve; None where it has fewer points than the form has parameters.
    """
    form = FORMS[name]
    n, y = np.asarray(sizes, dtype=float), np.asarray(errors, dtype=float)
    known = ~np.isnan(y)
    if known.sum() < form.size:
        return None
    n, y = n[known], y[known]
    w = np.ones_like(n) if weights is None else np.asarray(weights, dtype=float)[known]
    root = np.sqrt(w / w.mean()) / max(float(np.ptp(y)), 1e-9)
    ratio = n / n.min()
    low, high = (np.array([0.0, 0.0, *form.low]), np.array([np.inf, 1.0, *form.high]))

    def residuals(x: Floats) -> Floats:
        return np.asarray(root * (x[1] + x[0] * form.shape(x[2:], ratio) - y))

    found = fit_many(name, n, y, w)
    best = np.array([found.amplitude[0], found.asymptote[0], *found.theta[0]])
    least = float((residuals(best) ** 2).sum())
    for start in _starts(form, best, y):
        solved = least_squares(residuals, np.clip(start, low, high), bounds=(low, high), x_scale="jac", max_nfev=60)
        if 2 * solved.cost < least:
            best, least = solved.x, 2 * float(solved.cost)
    return Fits(form, best[:1], best[1:2], best[None, 2:], float(n.min()))


def _starts(form: Form, best: Floats, y: Floats) -> list[Floats]:
    """The grid's best, and a fall with the root of n to half the smallest error."""
    amplitude, floor = max(float(np.ptp(y)), 1e-6), float(y.min()) / 2
    middle = [(low + high) / 2 for low, high in zip(form.low[1:], form.high[1:], strict=True)]
    return [best, np.array([amplitude, floor, math.log(0.5), *middle])]


class Choice(NamedTuple):
    """The form that predicted the held-out sizes best; mean absolute errors of all that could be fitted."""

    form: str
    held_out: tuple[int, ...]
    scores: dict[str, float]


def held_out(n_sizes: int) -> int:
    """How many of the largest sizes are held out to choose by."""
    return 0 if n_sizes < MIN_SIZES else 1 if n_sizes < TWO_HELD_OUT else 2


def choose(sizes: ArrayLike, errors: ArrayLike, weights: ArrayLike | None = None) -> Choice:
    """Choose the form of a curve by the error of its predictions of larger sizes than it was fitted to.

    How well a form fits says little of how well it extrapolates (Viering & Loog 2022, section 4.2; Mohr et al. 2022,
    LCDB 1.0): every form is fitted to all but the largest size, or the largest two of six and more, and predicts those.
    The last value measured competes, and wins ties; with fewer than four sizes it is all there is.

    Parameters
    ----------
    sizes, errors : array-like of float, shape (sizes,)
    weights : array-like of float, shape (sizes,), optional
        One over the variances; equal without.
    """
    n, y = np.asarray(sizes, dtype=float), np.asarray(errors, dtype=float)
    order = np.argsort(n)[~np.isnan(y[np.argsort(n)])]
    w = np.ones_like(n) if weights is None else np.asarray(weights, dtype=float)
    names, scores = choose_many(n[order], y[None, order], w[order])
    out = held_out(len(order))
    told = {name: float(score[0]) for name, score in scores.items() if not math.isnan(score[0])}
    return Choice(names[0], tuple(int(size) for size in n[order][len(order) - out :]) if out else (), told)


def choose_many(
    sizes: Floats, errors: Floats, weights: Floats, rounds: int = ROUNDS
) -> tuple[list[str], dict[str, Floats]]:
    """`choose` for several curves at once.

    Parameters
    ----------
    sizes, weights : float, shape (sizes,), sizes ascending
    errors : float, shape (curves, sizes)
        NaN where not measured.

    Returns
    -------
    names, scores
        The chosen form of each curve, and each form's mean absolute error on the held-out sizes, shape (curves,).
    """
    out = held_out(len(sizes))
    if not out:
        return [LAST] * len(errors), {}
    small, large = slice(0, len(sizes) - out), slice(len(sizes) - out, None)
    scores = {LAST: _missed(last_known(errors[:, small])[:, None], errors[:, large])}
    for name, form in FORMS.items():
        if form.size <= len(sizes) - out:
            predicted = fit_many(name, sizes[small], errors[:, small], weights[small], rounds).predict(sizes[large])
            scores[name] = _missed(predicted, errors[:, large])
    table = np.stack([np.nan_to_num(score, nan=np.inf) for score in scores.values()])
    names = list(scores)
    # The first of those that are as good as the best; argmax finds it.
    return [names[first] for first in np.argmax(table <= table.min(axis=0) + TIE, axis=0)], scores


def _missed(predicted: Floats, measured: Floats) -> Floats:
    """Mean absolute error over what was measured; NaN where nothing was predicted."""
    apart = np.abs(predicted - measured)
    known = ~np.isnan(measured)
    count = known.sum(axis=1)
    total = np.where(known, apart, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def last_known(errors: Floats) -> Floats:
    """The value at the largest size measured of each curve, shape (curves,); NaN where there is none."""
    known = ~np.isnan(errors)
    last = errors.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    return np.asarray(errors[np.arange(len(errors)), last], dtype=float)


def predict_many(sizes: Floats, errors: Floats, weights: Floats, at: Floats) -> tuple[list[str], Floats]:
    """Choose a form for each of several curves, fit it to all sizes and predict; shape (curves, len(at))."""
    # Of few seeds there are few different draws.
    apart, back = np.unique(errors, axis=0, return_inverse=True)
    names, _ = choose_many(sizes, apart, weights, DRAW_ROUNDS)
    predicted = np.repeat(last_known(apart)[:, None], len(at), axis=1)
    for name in set(names) - {LAST}:
        rows = np.array([each == name for each in names])
        predicted[rows] = fit_many(name, sizes, apart[rows], weights, DRAW_ROUNDS).predict(at)
    return [names[position] for position in back], predicted[back]


def variances(errors: Floats, n_test: float) -> Floats:
    """Variance of the mean error at each size: of the test images (binomial) and of the seeds.

    Parameters
    ----------
    errors : float, shape (seeds, sizes)
        NaN where not measured.
    n_test : float
        Number of test images.

    Returns
    -------
    Floats
        Shape (sizes,). The spread over seeds is pooled over the sizes, relative to the error: of a handful of seeds it
        is too uncertain at each.
    """
    known = ~np.isnan(errors)
    count = known.sum(axis=0)
    mean = np.where(known, errors, 0.0).sum(axis=0) / np.maximum(count, 1)
    apart = np.where(known, errors - mean, 0.0)
    several = (count > 1) & (mean > 0)
    freedom = (count[several] - 1).sum()
    relative = (apart[:, several] ** 2 / mean[several] ** 2).sum() / freedom if freedom else 0.0
    # An error of k images counts as k + 1/2: none of them is known for certain.
    share = (mean * n_test + 0.5) / (n_test + 1)
    return np.asarray(share * (1 - share) / n_test + relative * mean**2 / np.maximum(count, 1), dtype=float)
