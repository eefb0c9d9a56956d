"""Moments that do not change under shift, scale and rotation."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

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
        moments = invariants(normalised_moments(planes))
        logarithms: NDArray[np.float64] = np.sign(moments) * np.log10(1 + np.abs(moments) / FLOOR)
        return logarithms

    def names(self) -> Iterable[str]:
        """`hu_1` to `hu_7`."""
        return (f"hu_{index}" for index in range(1, 8))


def normalised_moments(planes: NDArray[np.uint8] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Normalised central moments of brightness 0 to 1, (m, h, w) to (m, 4, 4); all 0 where an image is all 0."""
    brightness = planes / 255
    # The profile along an axis has the centre of mass of the image; products with ones add up faster than `sum`.
    profiles = brightness @ np.ones(planes.shape[2]), np.ones(planes.shape[1]) @ brightness
    total = profiles[0].sum(axis=1)
    total[total == 0] = 1
    weighted = []
    for profile in profiles:
        places = np.arange(profile.shape[1], dtype=np.float64)
        distance = places - (profile @ places / total)[:, None]
        square = distance**2  # multiplied, because a cube by `**` takes a hundred times as long
        weighted.append(np.stack([np.ones_like(distance), distance, square, square * distance], axis=1))
    orders = np.add.outer(np.arange(4), np.arange(4))
    central = weighted[0] @ brightness @ weighted[1].transpose(0, 2, 1)
    normalised: NDArray[np.float64] = central / total[:, None, None] ** (orders / 2 + 1)
    return normalised


def invariants(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hu's seven moments (m, 7) of normalised central moments (m, 4, 4)."""
    n = moments.transpose(1, 2, 0)
    difference, across = n[2, 0] - n[0, 2], 2 * n[1, 1]
    skew, other_skew = n[3, 0] - 3 * n[1, 2], 3 * n[2, 1] - n[0, 3]
    lean, other_lean = n[3, 0] + n[1, 2], n[2, 1] + n[0, 3]
    cubic, other_cubic = lean * (lean**2 - 3 * other_lean**2), other_lean * (3 * lean**2 - other_lean**2)
    return np.column_stack(
        [
            n[2, 0] + n[0, 2],
            difference**2 + across**2,
            skew**2 + other_skew**2,
            lean**2 + other_lean**2,
            skew * cubic + other_skew * other_cubic,
            difference * (lean**2 - other_lean**2) + 2 * across * lean * other_lean,
            other_skew * cubic - skew * other_cubic,
        ]
    )
