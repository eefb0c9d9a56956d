"""What the handcrafted features have in common.

A feature is a scikit-learn transformer whose keyword-only constructor only stores its parameters. Its class says what
it `takes`: `images` (where it does not say), uint8 of (n, h, w) or (n, h, w, c), or a `matrix`, (n, d), which an
earlier feature made. It gives float32 of (n, d) and names the d columns in `get_feature_names_out`. A `random_state`
parameter receives the trial's seed.
"""

from itertools import product
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.errors import TrialError

Takes: TypeAlias = Literal["images", "matrix"]
FloatMatrix: TypeAlias = NDArray[np.float32]


def check_images(images: Any, shape: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """The shape of one image, having made sure that these are images of `shape`.

    Raises
    ------
    TrialError
        If they are not.
    """
    if not isinstance(images, np.ndarray) or images.ndim not in (3, 4) or images.dtype != np.uint8:
        found = f"{images.dtype} of {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise TrialError(f"expected images as uint8 of (n, h, w) or (n, h, w, c), received {found}")
    received: tuple[int, ...] = images.shape[1:]
    if shape is not None and received != shape:
        raise TrialError(f"fitted on images of shape {shape}, received images of shape {received}")
    return received


def names_of_axes(prefix: str, shape: tuple[int, ...]) -> NDArray[np.object_]:
    """Names of a raveled array's entries by their indices: `prefix_0_0`, `prefix_0_1`, ..."""
    return np.array([f"{prefix}_" + "_".join(map(str, index)) for index in product(*map(range, shape))], dtype=object)
