"""How many gradient steps a network's training will take; imports no library, so that a plan can be costed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.suite.model import TrainSpec


def planned(n_images: int, train: TrainSpec) -> tuple[int, int]:
    """How often one epoch passes over that many training images, and the gradient steps of all epochs.

    Once, or as often as `train.min_steps` needs. An epoch costs Keras some 0.1 s beside its steps, so a hundred images
    in more epochs would take many times as long as the same steps in fewer, longer ones.

    Returns
    -------
    tuple of int
        Passes per epoch, and gradient steps in all.
    """
    least = math.ceil(train.min_steps / train.epochs)
    # The fewest passes whose images fill at least that many batches, the last of which may be small.
    passes = max(1, train.batch_size * (least - 1) // n_images + 1)
    return passes, train.epochs * math.ceil(n_images * passes / train.batch_size)
