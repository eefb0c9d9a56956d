"""Which pixels of an image belong to the object."""

from typing import Annotated, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from skimage.filters import threshold_otsu

Threshold: TypeAlias = Literal["otsu"] | Annotated[float, Field(ge=0, lt=1)]


def foreground(planes: NDArray[np.uint8], threshold: Threshold) -> NDArray[np.bool_]:
    """Pixels brighter than the threshold.

    Parameters
    ----------
    planes
        uint8 of (m, h, w).
    threshold
        Brightness, 0 to 1; or `otsu`, for each image the one that leaves the least variance on either side (Otsu, A
        threshold selection method from gray-level histograms, IEEE Transactions on Systems, Man, and Cybernetics 9,
        1979), by scikit-image. An image of one brightness has no foreground then.

    Returns
    -------
    bool of (m, h, w).
    """
    if threshold == "otsu":
        thresholds = np.array([threshold_otsu(plane) for plane in planes])
        return planes > thresholds[:, None, None]
    return planes > threshold * 255
