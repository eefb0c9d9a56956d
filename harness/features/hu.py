"""Moments that do not change under shift, scale and rotation."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from skimage.measure import moments_hu

from harness.features.base import ChannelFeature

# Moments nearer to 0 than this are noise of float64; the logarithm is linear there and keeps their sign.
FLOOR = 1e-12


class Hu(ChannelFeature):
    """Hu's seven moments, which keep their values under shift, scale and rotation, on a logarithmic scale.

    A moment h becomes sign(h) * log10(1 + |h| / 1e-12): unlike the usual logarithm, it goes through 0 for h = 0, as
    the moments of symmetrical shapes are, and of an image that is all 0. Of a colour image, each channel is described
    by itself.

    References
    ----------
    Hu, Visual pattern recognition by moment invariants (IRE Transactions on Information Theory 8, 1962).
    """

    def describe(self, planes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Moments as (m, 7)."""
        moments = np.array([moments_hu(normalised) for normalised in normalised_moments(planes)])
        logarithms: NDArray[np.float64] = np.sign(moments) * np.log10(1 + np.abs(moments) / FLOOR)
        return logarithms

    def names(self) -> Iterable[str]:
        """`hu_1` to `hu_7`."""
        return (f"hu_{index}" for index in range(1, 8))


def normalised_moments(planes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Normalised central moments of brightness 0 to 1, (m, h, w) to (m, 4, 4); all 0 where an image is all 0."""
    brightness = planes / 255
    total = brightness.sum(axis=(1, 2))
    total[total == 0] = 1
    powers = np.arange(4)[:, None]
    weighted = []
    for axis in (1, 2):
        # The profile along an axis has the centre of mass of the image.
        profile, places = brightness.sum(axis=3 - axis), np.arange(planes.shape[axis])
        centre = (profile * places).sum(axis=1) / total
        weighted.append((places - centre[:, None])[:, None] ** powers)
    central = weighted[0] @ brightness @ weighted[1].transpose(0, 2, 1)
    normalised: NDArray[np.float64] = central / total[:, None, None] ** ((powers + powers.T) / 2 + 1)
    return normalised
