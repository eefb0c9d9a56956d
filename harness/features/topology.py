"""How many parts and holes an image has."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from harness.features.base import ChannelFeature
from harness.features.foreground import Threshold, foreground

# Which pixels of a stack of images are neighbours: by edges, or by edges and corners, but never those of two images.
NEIGHBOURS = {
    4: np.pad(ndimage.generate_binary_structure(2, 1)[None], ((1, 1), (0, 0), (0, 0))),
    8: np.pad(ndimage.generate_binary_structure(2, 2)[None], ((1, 1), (0, 0), (0, 0))),
}


class Topology(ChannelFeature):
    """Numbers of components and holes of the foreground, Euler numbers, and the holes' area and position; by SciPy.

    A hole is background that the foreground separates from the image's surroundings. Components and holes are counted
    twice: with pixels that touch at a corner taken as connected (8), where the background is connected by edges only,
    and the other way round (4). The Euler number is components less holes. Area and position are those of the holes
    of 8-connected foreground together. Of a colour image, each channel is described by itself.

    Parameters
    ----------
    threshold
        Brightness, 0 to 1, above which a pixel is foreground; `otsu` finds one for each image.

    References
    ----------
    Rosenfeld, Connectivity in digital pictures (Journal of the ACM 17, 1970).
    """

    def __init__(self, *, threshold: Threshold = "otsu") -> None:
        self.threshold = threshold

    def describe(self, planes: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Numbers, area and position as (m, 9)."""
        # The edge of background that is added makes one component of all that surrounds the foreground.
        inside = np.pad(foreground(planes, self.threshold), ((0, 0), (1, 1), (1, 1)))
        columns = []
        for connectivity in (4, 8):
            components, _ = count_components(inside, connectivity)
            pieces, labels = count_components(~inside, 12 - connectivity)
            columns += [components, pieces - 1, components - (pieces - 1)]
        # Labels are those of the last turn, 8. An image's surroundings are what its first pixel belongs to.
        holes = ((labels != labels[:, :1, :1]) & ~inside)[:, 1:-1, 1:-1]
        area = holes.sum(axis=(1, 2))
        columns.append(area / (planes.shape[1] * planes.shape[2]))
        for axis in (1, 2):
            side = planes.shape[axis]
            mean = holes.sum(axis=3 - axis) @ (np.arange(side) + 0.5) / np.maximum(area, 1)
            columns.append(np.where(area, mean / side, 0.5))
        return np.stack(columns, axis=1).astype(np.float64)

    def names(self) -> Iterable[str]:
        """`topology_components_4`, `_holes_4`, `_euler_4`, likewise 8; shares: `_hole_area`, `_hole_row`, `_column`.

        Row and column, 0 to 1 from the top left, are 0.5 where there is no hole.
        """
        counts = [f"{what}_{connectivity}" for connectivity in (4, 8) for what in ("components", "holes", "euler")]
        return (f"topology_{what}" for what in (*counts, "hole_area", "hole_row", "hole_column"))


def count_components(stack: NDArray[np.bool_], connectivity: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """How many components each image of (m, h, w) has, and the component of each pixel, numbered through the stack."""
    labels, total = ndimage.label(stack, NEIGHBOURS[connectivity])
    flat = labels.reshape(len(stack), -1)
    # A component lies in one image, so that its first pixel tells which.
    found, first = np.unique(flat, return_index=True)
    images = first[found > 0] // flat.shape[1]
    assert len(images) == total
    return np.bincount(images, minlength=len(stack)), labels
