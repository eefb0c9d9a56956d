"""Wavelet scattering: averages of the moduli of wavelet coefficients, and of the coefficients of those."""

import math
from collections.abc import Iterable
from functools import cache
from itertools import product
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import fft

from harness.features.base import ChannelFeature, Positive, check_side

# Of the Morlet wavelet at scale 0: deviation of its envelope in pixels and frequency in radians a pixel, kymatio's.
SIGMA = 0.8
FREQUENCY = 3 / 4 * math.pi
# Sampling in space repeats a spectrum at each turn; of the Gaussians here, farther repetitions are below 1e-6.
REPETITIONS = (-1, 0, 1)
# Pixels transformed together: with all orientations of their complex coefficients they fit a processor's cache.
CHUNK_PIXELS = 2**14

Reals = NDArray[np.float32]
Spectra = NDArray[np.complexfloating[Any]]


class Scattering(ChannelFeature):
    """Wavelet scattering of orders 0 to 2: stable to shifts and to small deformations, and nothing learned.

    The image is averaged over windows of 2 ** scales pixels; so are the moduli of its coefficients for a family of
    Morlet wavelets (order 1), and the moduli of the coefficients of these moduli for all coarser wavelets (order 2).
    Brightness is taken as 0 to 1, the image is continued by reflection, and a window may reach over its borders. Of a
    colour image, each channel is described by itself. The values shrink with the order: a linear classifier wants
    `sklearn.preprocessing.StandardScaler` after it.

    The transform is written out here, with kymatio's wavelets, because kymatio's last version (0.3.0) is of 2022:
    `kymatio.numpy` cannot be imported beside SciPy 1.17, and its wavelets for 224x224 pixels take seconds.

    Parameters
    ----------
    scales
        Octaves of the wavelets; images must have 2 ** scales pixels along each side.
    orientations
        Orientations of the wavelets, evenly over 180 degrees.
    order
        The highest order.

    References
    ----------
    Bruna and Mallat, Invariant scattering convolution networks (IEEE TPAMI 35, 2013); wavelets as in Andreux et al.,
    Kymatio: scattering transforms in Python (JMLR 21, 2020).
    """

    def __init__(
        self, *, scales: Annotated[int, Field(ge=1, le=8)] = 3, orientations: Positive = 8, order: Literal[1, 2] = 2
    ) -> None:
        self.scales = scales
        self.orientations = orientations
        self.order = order

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse images smaller than a window."""
        check_side(shape, 2**self.scales, f"scattering: {self.scales} scales", "make scales smaller")

    def describe(self, planes: NDArray[np.uint8]) -> Reals:
        """Averages as (m, paths * windows)."""
        bank = filters(planes.shape[1:], self.scales, self.orientations)
        size = max(1, CHUNK_PIXELS // planes[0].size)
        return np.concatenate(
            [self._chunk(planes[start : start + size], bank) for start in range(0, len(planes), size)]
        )

    def _chunk(self, planes: NDArray[np.uint8], bank: "Bank") -> Reals:
        first: Reals = np.pad(planes / np.float32(255), ((0, 0), *bank.margins), mode="reflect")
        spectrum = fft.fft2(first)
        zeroth, firsts, seconds = average(first, bank, 0)[:, None], [], []
        for scale in range(self.scales):
            moduli = wavelet_moduli(spectrum, bank.wavelets[scale][0], scale)
            firsts.append(average(moduli, bank, scale))
            if self.order == 2 and scale + 1 < self.scales:
                spectra = fft.fft2(moduli)
                for orientation, coarser in product(range(self.orientations), range(scale + 1, self.scales)):
                    again = wavelet_moduli(spectra[:, orientation], bank.wavelets[coarser][scale], coarser - scale)
                    seconds.append(average(again, bank, coarser))
        return np.concatenate([zeroth, *firsts, *seconds], axis=1).reshape(len(planes), -1)

    def paths(self) -> list[str]:
        """`mean`, then `SCALE.ORIENTATION` of order 1, then `SCALE.ORIENTATION_SCALE.ORIENTATION` of order 2."""
        scales, orientations = range(self.scales), range(self.orientations)
        found = ["mean", *(f"{scale}.{orientation}" for scale in scales for orientation in orientations)]
        if self.order == 2:
            found += [
                f"{scale}.{orientation}_{coarser}.{other}"
                for scale in scales
                for orientation in orientations
                for coarser in range(scale + 1, self.scales)
                for other in orientations
            ]
        return found

    def names(self) -> Iterable[str]:
        """`scattering_PATH_WINDOWROW_WINDOWCOLUMN`; see `paths`."""
        rows, columns = (range(windows(side, self.scales)) for side in self.image_shape_[:2])
        return (f"scattering_{path}_{row}_{column}" for path in self.paths() for row in rows for column in columns)


class Bank(NamedTuple):
    """What the images of one shape are transformed by.

    `wavelets[j][k]` are the spectra (orientations, h, w) of the wavelets of scale j, for images halved k times;
    `rows[j]` and `columns[j]` average images halved j times over each window, from the left and from the right.
    """

    margins: tuple[tuple[int, int], ...]
    wavelets: tuple[tuple[Reals, ...], ...]
    rows: tuple[Reals, ...]
    columns: tuple[Reals, ...]


def windows(side: int, scales: int) -> int:
    """How many windows cover a side."""
    return math.ceil(side / (1 << scales))


def margin(side: int, scales: int) -> tuple[int, int]:
    """Pixels before and behind a side, so that the windows' centres lie at 1, 2, ... times 2 ** scales."""
    beyond = 2**scales * (windows(side, scales) + 1) - side
    return beyond // 2, beyond - beyond // 2


@cache
def filters(shape: tuple[int, int], scales: int, orientations: int) -> Bank:
    """The filters for images of a shape; kept, because each batch of images asks for them."""
    margins = tuple(margin(side, scales) for side in shape)
    padded = [side + sum(beyond) for side, beyond in zip(shape, margins, strict=True)]
    # The slant, which narrows a wavelet's band with the number of its orientations, is kymatio's.
    wavelets = [
        np.stack(
            [morlet(padded, scale, math.pi * index / orientations, 4 / orientations) for index in range(orientations)]
        )
        for scale in range(scales)
    ]
    rows, columns = (
        tuple(averaging(side, windows(inner, scales), scales, halved) for halved in range(scales))
        for side, inner in zip(padded, shape, strict=True)
    )
    return Bank(
        margins,
        tuple(tuple(halve(wavelet, times) for times in range(scale + 1)) for scale, wavelet in enumerate(wavelets)),
        rows,
        columns,
    )


def gaussian(
    down: NDArray[np.float64], across: NDArray[np.float64], sigma: float, angle: float, slant: float
) -> NDArray[np.float64]:
    """Spectrum of a Gaussian of deviation `sigma` along a direction, given by its angle, and `sigma / slant` across."""
    along = down * math.cos(angle) + across * math.sin(angle)
    beside = across * math.cos(angle) - down * math.sin(angle)
    spectrum: NDArray[np.float64] = np.exp(-(sigma**2) / 2 * (along**2 + (beside / slant) ** 2))
    return spectrum


def morlet(sides: list[int], scale: int, angle: float, slant: float) -> NDArray[np.float64]:
    """Spectrum of a Morlet wavelet, which is real, sampled at the pixels of a periodic image."""
    sigma, frequency = SIGMA * 2**scale, FREQUENCY / 2**scale
    wave, envelope = np.zeros(sides), np.zeros(sides)
    for turn_down, turn_across in product(REPETITIONS, repeat=2):
        down = 2 * math.pi * (fft.fftfreq(sides[0])[:, None] + turn_down)
        across = 2 * math.pi * (fft.fftfreq(sides[1]) + turn_across)
        wave += gaussian(down - frequency * math.cos(angle), across - frequency * math.sin(angle), sigma, angle, slant)
        envelope += gaussian(down, across, sigma, angle, slant)
    # Brightness that is the same everywhere gives nothing.
    wavelet: NDArray[np.float64] = wave - wave[0, 0] / envelope[0, 0] * envelope
    return wavelet


def halve(spectra: NDArray[np.float64], times: int) -> Reals:
    """Spectra of filters for images that were halved: the lower frequencies."""
    kept = [low_frequencies(side, times) for side in spectra.shape[-2:]]
    return spectra[..., kept[0][:, None], kept[1]].astype(np.float32)


def low_frequencies(side: int, times: int) -> NDArray[np.intp]:
    """Where the frequencies that an axis halved so many times has stand in the whole spectrum."""
    half = side // 2**times // 2
    return np.concatenate([np.arange(half), np.arange(side - half, side)])


def averaging(side: int, count: int, scales: int, halved: int) -> Reals:
    """The matrix that averages an axis, halved so many times, over each of `count` windows."""
    sigma = SIGMA * 2 ** (scales - 1)
    spectrum = sum(np.exp(-((sigma * 2 * math.pi * (fft.fftfreq(side) + turn)) ** 2) / 2) for turn in REPETITIONS)
    window = fft.ifft(spectrum[low_frequencies(side, halved)]).real
    centres = 2 ** (scales - halved) * np.arange(1, count + 1)
    matrix: Reals = window[centres[:, None] - np.arange(len(window))].astype(np.float32)
    return matrix


def wavelet_moduli(spectra: Spectra, wavelets: Reals, halvings: int) -> Reals:
    """Moduli (m, orientations, h', w') of the coefficients of images with spectra (m, h, w), halved so many times."""
    parts = 2**halvings
    height, width = (side // parts for side in spectra.shape[1:])
    folded = np.zeros((len(spectra), len(wavelets), height, width), spectra.dtype)
    # Leaving pixels out folds the spectrum.
    for row, column in product(range(parts), repeat=2):
        here = np.s_[..., row * height : (row + 1) * height, column * width : (column + 1) * width]
        folded += spectra[:, None][here] * wavelets[here]
    moduli: Reals = np.abs(fft.ifft2(folded, overwrite_x=True)) / np.float32(parts**2)
    return moduli


def average(values: Reals, bank: Bank, halved: int) -> Reals:
    """Averages (..., windows down, windows across) of values halved so many times."""
    averaged: Reals = bank.rows[halved] @ (values @ bank.columns[halved].T)
    return averaged
