"""Moments on a disc that do not change under rotation."""

import math
from collections.abc import Iterable
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.features.base import ChannelFeature


class Zernike(ChannelFeature):
    """Magnitudes of Zernike moments on a disc, which keep their values under rotation.

    As mahotas defines them: brightness is divided by its sum over the disc, outside of which nothing counts. The first
    moment is therefore always 1 / pi, but 0 where all is black. Of a colour image, each channel is described by itself.

    Parameters
    ----------
    degree
        Highest degree of the polynomials; 8 gives 25 moments. Much higher ones than 20 would be noise of float64.
    radius
        Radius of the disc in pixels; half the image's shorter side where not given.
    centre
        Where the disc lies: on the centre of the brightness's `mass`, or on that of the `image`.

    References
    ----------
    Teague, Image analysis via the general theory of moments (J. Opt. Soc. Am. 70, 1980); Khotanzad and Hong, Invariant
    image recognition by Zernike moments (IEEE TPAMI 12, 1990).
    """

    def __init__(
        self,
        *,
        degree: Annotated[int, Field(ge=1, le=20)] = 8,
        radius: Annotated[float, Field(ge=1)] | None = None,
        centre: Literal["mass", "image"] = "mass",
    ) -> None:
        self.degree = degree
        self.radius = radius
        self.centre = centre

    def describe(self, planes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Magnitudes as (m, moments)."""
        m, height, width = planes.shape
        brightness = planes.astype(np.float64)
        centres = centres_of_mass(brightness) if self.centre == "mass" else np.array([[height - 1, width - 1]]) / 2
        radius = min(height, width) / 2 if self.radius is None else self.radius
        # With the centre of the image, these have one entry for all images.
        y, x = ((np.arange(side) - centres[:, axis, None]) / radius for axis, side in enumerate((height, width)))
        place = (x[:, None, :] + 1j * y[:, :, None]).reshape(-1, height * width)
        squares = np.abs(place) ** 2
        weights = brightness.reshape(m, -1) * (squares <= 1)
        total = weights.sum(axis=1, keepdims=True)
        weights /= np.where(total, total, 1)

        sums = power_sums(weights, place.conj(), squares, self.degree)
        return np.stack(
            [
                (n + 1) / math.pi * np.abs(sum(factor * sums[k, s] for s, factor in enumerate(radial(n, k))))
                for n, k in orders(self.degree)
            ],
            axis=1,
        )

    def names(self) -> Iterable[str]:
        """`zernike_DEGREE_REPETITION`."""
        return (f"zernike_{n}_{k}" for n, k in orders(self.degree))


def orders(degree: int) -> list[tuple[int, int]]:
    """Degree n and angular repetition k of each moment, in the order of mahotas."""
    return [(n, k) for n in range(degree + 1) for k in range(n % 2, n + 1, 2)]


def radial(n: int, k: int) -> list[float]:
    """Factors of r ** k, r ** (k + 2), ..., r ** n in the radial polynomial (Teague 1980)."""
    half = (n - k) // 2
    fact = math.factorial
    return [(-1) ** m * fact(n - m) / (fact(m) * fact((n + k) // 2 - m) * fact(half - m)) for m in range(half, -1, -1)]


def power_sums(
    weights: NDArray[np.float64], turned: NDArray[np.complex128], squares: NDArray[np.float64], degree: int
) -> dict[tuple[int, int], NDArray[np.complex128]]:
    """Sums of weight * turned ** k * squares ** s over the pixels, (m,) for each (k, s) with k + 2 * s <= degree."""
    sums = {}
    angular = weights.astype(np.complex128)
    for k in range(degree + 1):
        power = angular.copy()
        for s in range((degree - k) // 2 + 1):
            sums[k, s] = power.sum(axis=1)
            power *= squares
        angular *= turned
    return sums


def centres_of_mass(brightness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row and column of each centre of mass, (m, h, w) to (m, 2); 0 where an image is all 0."""
    total = brightness.sum(axis=(1, 2))
    total[total == 0] = 1
    return np.stack(
        [brightness.sum(axis=3 - axis) @ np.arange(brightness.shape[axis]) / total for axis in (1, 2)], axis=1
    )
