"""Size, place and shape of the foreground."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from skimage.measure import regionprops

from harness.features.base import ChannelFeature
from harness.features.foreground import Threshold, foreground

NAMES = (
    "area",
    "row",
    "column",
    "top",
    "left",
    "bottom",
    "right",
    "major_axis",
    "minor_axis",
    "eccentricity",
    "orientation_cos",
    "orientation_sin",
    "extent",
    "solidity",
    "perimeter",
)


class Regions(ChannelFeature):
    """Area, centroid, bounding box, axes, orientation, solidity and so on of the foreground, by scikit-image.

    All foreground is taken as one region, whether connected or not. Lengths and places are shares of the image: area of
    its pixels, rows of its height, columns of its width, axes of its diagonal, perimeter of its own. Orientation, the
    major axis's angle to the vertical, comes as cosine and sine of twice the angle, times the eccentricity: without a
    jump where it turns over, and 0 for a disc, which has none. An image without foreground is all 0. Of a colour image,
    each channel is described by itself.

    Parameters
    ----------
    threshold
        Brightness, 0 to 1, above which a pixel is foreground; `otsu` finds one for each image.

    References
    ----------
    Yang, Kpalma and Ronsin, A survey of shape feature extraction techniques (2008), section on simple shape features;
    perimeter: Benkrid and Crookes, Design and FPGA implementation of a perimeter estimator (2000).
    """

    def __init__(self, *, threshold: Threshold = "otsu") -> None:
        self.threshold = threshold

    def describe(self, planes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Properties as (m, 15)."""
        described = np.zeros((len(planes), len(NAMES)))
        for row, inside in zip(described, foreground(planes, self.threshold), strict=True):
            if inside.any():
                row[:] = properties(inside)
        return described

    def names(self) -> Iterable[str]:
        """`regions_area`, `regions_row`, ..."""
        return (f"regions_{name}" for name in NAMES)


def properties(inside: NDArray[np.bool_]) -> list[float]:
    """Values of `NAMES` for one image, (h, w), that has foreground."""
    (region,) = regionprops(inside.astype(np.uint8))
    height, width = inside.shape
    row, column = region.centroid
    top, left, bottom, right = region.bbox
    diagonal = math.hypot(height, width)
    return [
        region.area / inside.size,
        # The middle of a pixel, so that the centre of the image is 0.5.
        (row + 0.5) / height,
        (column + 0.5) / width,
        top / height,
        left / width,
        bottom / height,
        right / width,
        region.axis_major_length / diagonal,
        region.axis_minor_length / diagonal,
        region.eccentricity,
        region.eccentricity * math.cos(2 * region.orientation),
        region.eccentricity * math.sin(2 * region.orientation),
        region.extent,
        region.solidity,
        region.perimeter / (2 * (height + width)),
    ]
