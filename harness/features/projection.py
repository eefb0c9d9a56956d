"""Row and column profiles."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from harness.features.base import ChannelFeature, names_of_axes


class Projection(ChannelFeature):
    """Projection profiles: the mean brightness, 0 to 1, of each row and of each column.

    Of a colour image, each channel is described by itself.

    References
    ----------
    Trier, Jain and Taxt, Feature extraction methods for character recognition (Pattern Recognition 29, 1996),
    section on projection histograms.
    """

    def describe(self, planes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Profiles as (m, h + w), rows first."""
        height, width = planes.shape[1:]
        # A product with ones adds up several times faster than `mean`.
        brightness = planes.astype(np.float64)
        rows, columns = brightness @ np.ones(width), np.ones(height) @ brightness
        return np.concatenate([rows / (255 * width), columns / (255 * height)], axis=1)

    def names(self) -> Iterable[str]:
        """`projection_row_ROW`, then `projection_column_COLUMN`."""
        height, width = self.image_shape_[:2]
        return (*names_of_axes("projection_row", (height,)), *names_of_axes("projection_column", (width,)))
