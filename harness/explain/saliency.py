"""Whether the patches of an image that seem to matter to a pipeline do matter: deletion and insertion.

Petsiuk, Das and Saenko, RISE: randomized input sampling for explanation of black-box models (BMVC 2018), section 4.
Pixels go and come in patches of one grid, the same for all representations: a pipeline is only asked for predictions,
so that what lies between image and features does not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.explain.scores import probabilities
from harness.features.base import FloatMatrix, cell_of_pixel

STEPS = 12
RANDOM_ORDERS = 2
BATCH = 2048


class Curves(NamedTuple):
    """Mean probability of the class that was predicted first, at each share of the patches deleted or inserted."""

    share: NDArray[np.float64]
    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]
    random_deletion: NDArray[np.float64]
    random_insertion: NDArray[np.float64]

    @property
    def deletion_area(self) -> float:
        """Area under random deletion less that under deletion: the higher, the more what seemed to matter did."""
        return float(np.trapezoid(self.random_deletion - self.deletion, self.share))

    @property
    def insertion_area(self) -> float:
        """Area under insertion less that under random insertion: likewise."""
        return float(np.trapezoid(self.insertion - self.random_insertion, self.share))


def curves(
    images: NDArray[np.uint8],
    blank: NDArray[np.uint8],
    transform: Callable[[NDArray[np.uint8]], FloatMatrix],
    estimator: Any,
    patches: int,
    seed: int,
) -> Curves:
    """Delete and insert patches in the order of their importance, and in random orders.

    A patch's importance is the fall of the predicted class's probability where it alone is blanked (occlusion: Zeiler
    and Fergus, ECCV 2014).

    Parameters
    ----------
    images
        uint8 of (n, h, w) or (n, h, w, c).
    blank
        What deleted pixels show, one image; the mean of the training images.
    transform, estimator
        From images to features, and from features to classes.
    patches
        Along each side; not more than pixels.
    seed
        Decides the random orders.
    """
    height, width = images.shape[1:3]
    rows, columns = min(patches, height), min(patches, width)
    patch = cell_of_pixel(height, rows)[:, None] * columns + cell_of_pixel(width, columns)
    count, n = rows * columns, len(images)
    predicted = probabilities(estimator, transform(images)).argmax(axis=1)

    def score(which: NDArray[np.intp], shown: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Probability for images (m,) of which the patches (m, count) are shown."""
        made = []
        for start in range(0, len(which), BATCH):
            part, seen = which[start : start + BATCH], shown[start : start + BATCH][:, patch]
            seen = seen[..., None] if images.ndim == 4 else seen
            features = transform(np.where(seen, images[part], blank))
            made.append(probabilities(estimator, features)[np.arange(len(part)), predicted[part]])
        return np.concatenate(made)

    everyone = np.arange(n)
    alone = score(np.repeat(everyone, count), np.tile(~np.eye(count, dtype=bool), (n, 1))).reshape(n, count)
    # The stable sort of equal falls goes by place, which is no information; so they are shuffled first.
    random = np.random.default_rng(seed)
    shuffle = random.permuted(np.tile(np.arange(count), (n, 1)), axis=1)
    important = np.take_along_axis(shuffle, np.take_along_axis(alone, shuffle, 1).argsort(axis=1, kind="stable"), 1)
    orders = [important]
    orders += [random.permuted(important, axis=1) for _ in range(RANDOM_ORDERS)]
    steps = np.unique(np.round(np.linspace(0, count, STEPS + 1)).astype(int))
    rank = [order.argsort(axis=1) for order in orders]
    # (orders, steps, images, patches): whether the patch is among the first of the order.
    first = np.stack(rank)[:, None] < steps[None, :, None, None]
    which = np.tile(everyone, len(orders) * len(steps))
    deleted, inserted = (
        score(which, shown.reshape(-1, count)).reshape(len(orders), len(steps), n).mean(axis=2)
        for shown in (~first, first)
    )
    return Curves(steps / count, deleted[0], inserted[0], deleted[1:].mean(axis=0), inserted[1:].mean(axis=0))
