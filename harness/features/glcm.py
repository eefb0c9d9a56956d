"""Properties of grey-level co-occurrence."""

from collections.abc import Iterable
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from skimage.feature import graycomatrix, graycoprops

from harness.features.base import ChannelFeature, Positive, check_side

PROPERTIES = ("contrast", "dissimilarity", "homogeneity", "ASM", "energy", "correlation")
DEGREES = (0, 45, 90, 135)

# Of so many numbers are the matrices that are looked at together, 2 MB as float64.
MATRIX_CELLS = 2**18


class Glcm(ChannelFeature):
    """Haralick's texture properties of grey-level co-occurrence matrices (GLCM), by scikit-image.

    A matrix counts how often two grey levels stand at a distance and direction from each other, in either order. Of
    each, contrast, dissimilarity, homogeneity, angular second moment (ASM), energy and correlation are taken. Of a
    colour image, each channel is described by itself.

    Parameters
    ----------
    distances
        Distances of the two pixels; each is taken at 0, 45, 90 and 135 degrees, rounded to whole pixels.
    levels
        Grey levels, equally wide, that the 256 are summed up to.

    References
    ----------
    Haralick, Shanmugam and Dinstein, Textural features for image classification (IEEE Transactions on Systems, Man, and
    Cybernetics 3, 1973).
    """

    def __init__(
        self,
        *,
        distances: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1, 2, 3),
        levels: Annotated[int, Field(ge=2, le=256)] = 8,
    ) -> None:
        self.distances = distances
        self.levels = levels

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse images of which no two pixels have the largest distance."""
        most = max(self.distances)
        check_side(shape, most + 1, f"glcm: a distance of {most}", "make distances smaller")

    def describe(self, planes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Properties as (m, 6 * distances * 4)."""
        quantised = (planes.astype(np.uint16) * self.levels >> 8).astype(np.uint8)
        size = max(1, MATRIX_CELLS // (self.levels**2 * len(self.distances) * len(DEGREES)))
        return np.concatenate(
            [self._properties(quantised[start : start + size]) for start in range(0, len(planes), size)]
        )

    def _properties(self, quantised: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Properties of a few images that have only the grey levels."""
        angles = np.radians(DEGREES)
        matrices = [graycomatrix(plane, self.distances, angles, self.levels, symmetric=True) for plane in quantised]
        # All images' matrices, one behind another where scikit-image expects distances, cost one call a property.
        together = np.concatenate(matrices, axis=2)
        found = np.stack([graycoprops(together, name).reshape(len(quantised), -1) for name in PROPERTIES], axis=1)
        properties: NDArray[np.float64] = found.reshape(len(quantised), -1)
        return properties

    def names(self) -> Iterable[str]:
        """`glcm_PROPERTY_DISTANCE_DEGREES`."""
        return (
            f"glcm_{name}_{distance}_{angle}" for name in PROPERTIES for distance in self.distances for angle in DEGREES
        )
