"""What networks are fed: images or features, as float32 arrays."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.data.rows import Rows

Inputs: TypeAlias = NDArray[np.uint8] | NDArray[np.float32] | Rows

# Layers with `adapt` look at so many images of those that are read batch by batch.
ADAPT_IMAGES = 20_000


def as_input(images: NDArray[Any]) -> NDArray[np.float32]:
    """What a network takes.

    Parameters
    ----------
    images
        uint8, (n, h, w) or (n, h, w, channels); or features, floating, (n, d).

    Returns
    -------
    float32: images in [0, 1], (n, h, w, channels); features as they are, (n, 1, d, 1).
    """
    x = images.astype(np.float32)
    if images.dtype == np.uint8:
        x /= 255
    if x.ndim == 2:
        return x[:, np.newaxis, :, np.newaxis]
    return x if x.ndim == 4 else x[..., np.newaxis]


def input_shape(images: Inputs) -> tuple[int, ...]:
    """Shape of what `as_input` makes of one of these."""
    return as_input(images.read(slice(0, 1)) if isinstance(images, Rows) else images[:1]).shape[1:]


def sample(images: Inputs, seed: int) -> NDArray[np.float32]:
    """What layers with `adapt` see: all images, or a random part of those that are read batch by batch."""
    if not isinstance(images, Rows):
        return as_input(images)
    chosen = np.random.RandomState(seed).permutation(len(images))[:ADAPT_IMAGES]
    return as_input(images.read(np.sort(chosen)))
