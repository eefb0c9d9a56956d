"""Intervals of a difference that was measured with several seeds on the same test images: both vary, and both count."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from harness.analysis.intervals import LEVEL, NOTHING, Floats, Interval

# Bytes of counts that the bootstrap holds at once.
CHUNK = 2**25


class Spread(NamedTuple):
    """The mean of a matrix of seeds and images, and how far it may be off.

    Attributes
    ----------
    mean
        Over all seeds and images.
    variance
        Of that mean, over other seeds (and training subsets) and other test images.
    df
        Satterthwaite's degrees of freedom of that variance.
    seeds_share
        How much of the variance is due to the seeds, between 0 and 1; 0 with one seed, of which nothing can be told.
    """

    mean: float
    variance: float
    df: float
    seeds_share: float

    @property
    def interval(self) -> Interval:
        """The mean with its 95% t interval."""
        if math.isnan(self.variance):
            return Interval(self.mean, math.nan, math.nan)
        half = float(stats.t.ppf((1 + LEVEL) / 2, self.df)) * math.sqrt(self.variance)
        return Interval(self.mean, self.mean - half, self.mean + half)

    @property
    def p(self) -> float:
        """Of the two-sided t test that the mean is 0; NaN where no variance is known."""
        if math.isnan(self.variance):
            return math.nan
        if self.variance == 0:
            return float(self.mean == 0)
        return 2 * float(stats.t.sf(abs(self.mean) / math.sqrt(self.variance), self.df))


def spread(differences: ArrayLike) -> Spread:
    """The variance of the mean over seeds and images: that between seeds, plus that between images, less the residual.

    Seeds and images are crossed: every seed meets the same images. The variance of the row means holds the seeds' part
    and a share of the residual, that of the column means the images' part and the same share, so one share is taken
    off (two-way clustering, Cameron, Gelbach and Miller 2011, doi:10.1198/jbes.2010.07136; the same for readers and
    cases of multi-reader studies, Gallas 2006, doi:10.1016/j.acra.2005.11.030). These are mean squares, so the estimate
    has no bias for crossed random effects. Where it falls below that of the seeds alone or the images alone, which can
    happen by chance, the larger of these stands.

    Parameters
    ----------
    differences : array-like of float, shape (seeds, images)
        Such as 1 where only the first classifier is right, -1 where only the second is, 0 elsewhere. Rows of NaN, seeds
        that were not measured, are left out.

    Returns
    -------
    Spread
        Its interval covers 93% to 97% in simulations with 3 to 10 seeds; about 90% with two where most of the variance
        is theirs, for two may agree by chance. With one seed it is that of the images alone. Classifiers that agree on
        all images have variance 0.
    """
    d = np.asarray(differences, dtype=float)
    d = d[~np.isnan(d).any(axis=1)]
    seeds, images = d.shape
    if seeds == 0 or images == 0:
        return Spread(math.nan, math.nan, math.nan, math.nan)
    mean = float(d.mean())
    if images == 1:
        return Spread(mean, math.nan, math.nan, math.nan)
    of_seed, of_image = d.mean(axis=1), d.mean(axis=0)
    by_images = float(of_image.var(ddof=1)) / images
    if seeds == 1:
        return Spread(mean, by_images, images - 1, 0.0)
    by_seeds = float(of_seed.var(ddof=1)) / seeds
    # The residual sum of squares by subtraction, without a matrix of residuals.
    squares = float(((d - mean) ** 2).sum())
    squares -= images * float(((of_seed - mean) ** 2).sum()) + seeds * float(((of_image - mean) ** 2).sum())
    residual = max(squares, 0.0) / ((seeds - 1) * (images - 1)) / (seeds * images)
    both = by_seeds + by_images - residual
    if both <= max(by_seeds, by_images):
        one_way, df = max((by_seeds, seeds - 1), (by_images, images - 1))
        return Spread(mean, one_way, df, float(by_seeds >= by_images and by_seeds > 0))
    parts = by_seeds**2 / (seeds - 1) + by_images**2 / (images - 1) + residual**2 / ((seeds - 1) * (images - 1))
    return Spread(mean, both, both**2 / parts, max(0.0, by_seeds - residual) / both)


def crossed(differences: ArrayLike) -> Interval:
    """The mean of a matrix (seeds, images) with its 95% interval over both; see `spread`."""
    found = spread(differences)
    return NOTHING if math.isnan(found.mean) else found.interval


def pigeonhole(differences: ArrayLike, draws: int, seed: int = 0) -> Floats:
    """Means of such matrices with seeds and images both drawn anew: the bootstrap against which `crossed` is checked.

    Owen 2007 (The Annals of Applied Statistics 1(2), doi:10.1214/07-AOAS122): rows and columns are drawn independently
    of each other. The spread of the draws counts the residual up to three times, and the part of the seeds
    (seeds - 1) / seeds times.

    Parameters
    ----------
    differences : array-like of float, shape (..., seeds, images)
        Without NaN. Several matrices are given the same draws.
    draws : int
        How many.
    seed : int
        Of the random numbers: the same at every call.

    Returns
    -------
    float, shape (..., draws)
    """
    return over_drawn_seeds(over_drawn_images(differences, draws, seed), seed)


def over_drawn_images(values: ArrayLike, draws: int, seed: int = 0) -> Floats:
    """The first half of `pigeonhole`: means over images that were drawn anew, the same ones for all rows.

    Parameters
    ----------
    values : array-like of float, shape (..., images)
        Without NaN.
    draws, seed
        As of `pigeonhole`.

    Returns
    -------
    float, shape (..., draws)
        Means of a difference are differences of means, so many pairs can share this half, which takes the time.
    """
    d = np.asarray(values, dtype=np.float32)
    images = d.shape[-1]
    random = np.random.default_rng(seed)
    found = np.empty((*d.shape[:-1], draws))
    at_once = max(1, CHUNK // (8 * images))
    for start in range(0, draws, at_once):
        count = min(at_once, draws - start)
        found[..., start : start + count] = d @ _counts(random, count, images).T / images
    return found


def over_drawn_seeds(means: Floats, seed: int = 0) -> Floats:
    """The second half: from means of each seed, shape (..., seeds, draws), to means over seeds drawn anew."""
    seeds, draws = means.shape[-2:]
    # Other numbers than those that drew the images.
    of_seeds = _counts(np.random.default_rng((seed, 1)), draws, seeds)
    return np.asarray(np.einsum("...sk,ks->...k", means, of_seeds) / seeds)


def _counts(random: np.random.Generator, draws: int, n: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """How often each of n things was drawn with replacement, shape (draws, n)."""
    drawn = random.integers(0, n, size=(draws, n)) + n * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float32)
