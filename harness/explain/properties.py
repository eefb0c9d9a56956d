"""A bank of image properties that have a name: what a person could say of an image without any feature.

The object is what Otsu's threshold sets apart (Otsu 1979, by scikit-image), on the side that holds the smaller share of
the image's border: ink on paper, bright or dark, and in a photograph whatever stands out in the middle, which need not
be what the photograph is of.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.color import rgb2gray, rgb2hsv
from skimage.filters import sobel
from skimage.measure import euler_number, label, regionprops
from skimage.morphology import skeletonize

from harness.features.foreground import foreground

SHAPE = (
    "area", "length", "thickness", "slant", "width", "height", "holes", "symmetry_left_right", "symmetry_top_bottom",
    "edge_density", "brightness", "contrast",
)  # fmt: skip
HUE = ("hue_cos", "hue_sin")


class Bank(NamedTuple):
    """Names of p properties, and their values of n images, float64 of (n, p)."""

    names: tuple[str, ...]
    values: NDArray[np.float64]


def bank(images: NDArray[np.uint8]) -> Bank:
    """The properties of images.

    ===================== ==========================================================================================
    property              what it is
    ===================== ==========================================================================================
    area                  share of the pixels that belong to the object
    length                pixels of its skeleton, in heights of the image (Zhang and Suen 1984, by scikit-image)
    thickness             mean over the skeleton of twice the distance to the background, in pixels
    slant                 angle by which it leans, in degrees: arc tangent of the columns' covariance with the rows over
                          the rows' variance, which is the shear that deskewing takes out; positive leans to the left
    width, height         of the box around it, as shares of the image's
    holes                 components less Euler number, of 8-connected foreground
    symmetry_left_right,  correlation of the box's brightness with its mirror image; 1 where it is of one brightness
    symmetry_top_bottom
    edge_density          mean magnitude of the brightness's Sobel gradient
    brightness, contrast  mean and standard deviation of the brightness, 0 to 1
    hue_cos, hue_sin      of colour images: mean direction of the hue on its circle, weighted by saturation times value;
                          0 for grey
    ===================== ==========================================================================================

    Parameters
    ----------
    images
        uint8 of (n, h, w) or (n, h, w, c); only three channels are taken as red, green and blue, others as grey.

    Returns
    -------
    Bank
        An image without an object has 0 for all that is the object's.
    """
    colour = images.ndim == 4 and images.shape[3] == 3
    grey = _grey(images)
    planes = np.round(grey * 255).astype(np.uint8)
    rows = [_of_one(plane, inside) for plane, inside in zip(grey, _objects(planes), strict=True)]
    values = np.array(rows, dtype=np.float64).reshape(len(images), len(SHAPE))
    if not colour:
        return Bank(SHAPE, values)
    return Bank(SHAPE + HUE, np.hstack([values, _hues(images)]))


def _grey(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Brightness, 0 to 1, of (n, h, w); of colours the luminance that scikit-image takes."""
    if images.ndim == 3:
        return images / 255
    if images.shape[3] == 3:
        return np.asarray(rgb2gray(images), dtype=np.float64)
    return np.asarray(images.mean(axis=3) / 255, dtype=np.float64)


def _objects(planes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The side of Otsu's threshold that holds the smaller share of the border; none where all is of one brightness."""
    bright = foreground(planes, "otsu")
    flat = planes.reshape(len(planes), -1)
    edge = np.ones(planes.shape[1:], bool)
    edge[1:-1, 1:-1] = False
    swap = bright[:, edge].mean(axis=1) > 0.5
    found = np.where(swap[:, None, None], ~bright, bright)
    found[flat.min(axis=1) == flat.max(axis=1)] = False
    return found


def _of_one(grey: NDArray[np.float64], inside: NDArray[np.bool_]) -> tuple[float, ...]:
    """Values of `SHAPE` for one image, (h, w)."""
    look = (float(sobel(grey).mean()), float(grey.mean()), float(grey.std()))
    if not inside.any():
        return (*[0.0] * (len(SHAPE) - len(look)), *look)
    height, width = grey.shape
    (region,) = regionprops(inside.astype(np.uint8))
    top, left, bottom, right = region.bbox
    # With an edge of background, for a stroke that leaves the image ends there.
    padded = np.pad(inside, 1)
    skeleton = skeletonize(padded)
    to_background = ndimage.distance_transform_edt(padded)[skeleton]
    rows, columns = np.nonzero(inside)
    # A pixel is a square: its own variance keeps a horizontal line from having none.
    shear = np.mean((rows - rows.mean()) * (columns - columns.mean())) / (rows.var() + 1 / 12)
    _, components = label(inside, connectivity=2, return_num=True)
    crop = grey[top:bottom, left:right]
    return (
        float(inside.mean()),
        float(skeleton.sum() / height),
        float(2 * to_background.mean() - 1),
        math.degrees(math.atan(-shear)),
        (right - left) / width,
        (bottom - top) / height,
        float(components - euler_number(inside, connectivity=2)),
        _alike(crop, crop[:, ::-1]),
        _alike(crop, crop[::-1]),
        *look,
    )


def _alike(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Correlation of two images of the same brightness values."""
    spread = float(one.var())
    return 1.0 if spread < 1e-12 else float(np.mean((one - one.mean()) * (other - other.mean())) / spread)


def _hues(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean direction of the hue, (n, 2): circular, for red lies at both ends of the scale (Mardia and Jupp 2000)."""
    hue, saturation, value = np.moveaxis(rgb2hsv(images), -1, 0)
    weight = saturation * value
    total = np.maximum(weight.sum(axis=(1, 2)), 1e-12)
    angle = 2 * np.pi * hue
    return np.stack([(weight * part).sum(axis=(1, 2)) / total for part in (np.cos(angle), np.sin(angle))], axis=1)
