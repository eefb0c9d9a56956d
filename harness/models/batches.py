"""Training images that are too many for memory, batch by batch. It imports Keras: import it only to train."""

from __future__ import annotations

import math

import keras
import numpy as np
from numpy.typing import NDArray

from harness.data.rows import Rows
from harness.models.inputs import as_input


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is not typed
    """Images read batch by batch, in a new random order in each epoch where a seed is given.

    Parameters
    ----------
    images, y
        Images and their labels, (n,).
    batch_size
        Images per batch; the last one may be smaller.
    passes
        How often an epoch goes through all images.
    seed
        Of the order; without it the images come as they lie.
    """

    def __init__(
        self, images: Rows, y: NDArray[np.int64], batch_size: int, passes: int = 1, seed: int | None = None
    ) -> None:
        super().__init__()
        self.images = images
        self.y = y
        self.batch_size = batch_size
        self.passes = passes
        self.random = None if seed is None else np.random.RandomState(seed)
        self.order = np.arange(len(images))
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self.order) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """One batch."""
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return as_input(self.images.read(chosen)), self.y[chosen]

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        if self.random is not None:
            every = [self.random.permutation(len(self.images)) for _ in range(self.passes)]
            self.order = np.concatenate(every)
