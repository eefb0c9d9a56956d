"""Distribution of brightness or colour."""

from collections.abc import Iterable
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.features.base import ChannelFeature, cell_histograms


class Colour(ChannelFeature):
    """Colour histograms and moments: of each channel, shares of pixels, mean, standard deviation and skewness.

    A grey image has one channel. Moments are of brightness 0 to 1; skewness is the cube root of the third central
    moment, which has the unit of the others.

    Parameters
    ----------
    bins
        Bins of a histogram, equally wide over the 256 values.

    References
    ----------
    Swain and Ballard, Color indexing (International Journal of Computer Vision 7, 1991); Stricker and Orengo,
    Similarity of color images (SPIE 2420, 1995).
    """

    def __init__(self, *, bins: Annotated[int, Field(ge=1, le=256)] = 16) -> None:
        self.bins = bins

    def describe(self, planes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Histograms and moments as (m, bins + 3)."""
        histograms = cell_histograms(planes.astype(np.intp) * self.bins >> 8, self.bins, grid=1)
        brightness = planes.reshape(len(planes), -1) / 255
        mean = brightness.mean(axis=1)
        centred = brightness - mean[:, None]
        squared = centred**2
        deviation, skewness = np.sqrt(squared.mean(axis=1)), np.cbrt((squared * centred).mean(axis=1))
        return np.column_stack([histograms.reshape(len(planes), -1), mean, deviation, skewness])

    def names(self) -> Iterable[str]:
        """`colour_BIN`, then `colour_mean`, `colour_std`, `colour_skewness`."""
        return (f"colour_{what}" for what in (*range(self.bins), "mean", "std", "skewness"))
