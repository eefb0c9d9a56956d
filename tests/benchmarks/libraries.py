"""The features of `test_features.py` as other libraries give them, image by image with the same parameters.

Where a library has only a part of a feature, its part is all that it is timed for; `NOTES` says so. The optional ones
(OpenCV, mahotas) are left out where they are not installed. OpenCV 5 has no HOG any more; that of an OpenCV 4 which
stands earlier on `PYTHONPATH` is compared as well.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve
from skimage.feature import graycomatrix, graycoprops, hog, local_binary_pattern
from skimage.filters import gabor, gabor_kernel, sobel_h, sobel_v
from skimage.measure import moments_central, moments_hu, moments_normalized
from skimage.transform import downscale_local_mean

from harness.features.glcm import DEGREES, PROPERTIES

Images: TypeAlias = NDArray[np.uint8]

FREQUENCIES = (0.1, 0.2, 0.3)
ANGLES = [np.pi * index / 4 for index in range(4)]
KERNELS = [gabor_kernel(frequency, angle) for frequency in FREQUENCIES for angle in ANGLES]
NOTES = {
    ("hog", "OpenCV"): "votes shared between neighbouring bins and cells",
    ("lbp", "scikit-image"): "codes only",
    ("lbp", "mahotas"): "rotation-invariant codes of the whole image",
    ("gabor", "scikit-image"): "responses only",
    ("gabor", "SciPy"): "responses only",
    ("gabor", "OpenCV filter2D"): "responses only",
    ("gabor", "OpenCV sepFilter2D"): "responses only",
    ("glcm", "mahotas"): "thirteen properties, 256 levels made 8",
    ("edges", "scikit-image"): "the two gradients only",
    ("edges", "OpenCV"): "its Sobel and cartToPolar, then NumPy's bincount; no density",
    ("zoning", "scikit-image"): "the default 7x7 cells of 4x4 pixels",
}


def hog_skimage(images: Images) -> list[Any]:
    return [hog(image, 9, (7, 7), (2, 2)) for image in images]


def lbp_skimage(images: Images) -> list[Any]:
    return [local_binary_pattern(image, 8, radius, "uniform") for image in images for radius in (1, 2)]


def gabor_skimage(images: Images) -> list[Any]:
    return [
        gabor(image / 255, frequency, angle, mode="constant")
        for image in images
        for frequency in FREQUENCIES
        for angle in ANGLES
    ]


def gabor_scipy(images: Images) -> list[Any]:
    return [
        np.abs(fftconvolve(batch / np.float32(255), kernel[None].astype(np.complex64), "same", axes=(1, 2)))
        for batch in np.array_split(images, max(1, len(images) // 300))
        for kernel in KERNELS
    ]


def glcm_skimage(images: Images) -> list[Any]:
    found = []
    for image in images:
        matrices = graycomatrix(image >> 5, (1, 2, 3), np.radians(DEGREES), 8, symmetric=True)
        found.append([graycoprops(matrices, name) for name in PROPERTIES])
    return found


def edges_skimage(images: Images) -> list[Any]:
    return [(sobel_h(image), sobel_v(image)) for image in images]


def hu_skimage(images: Images) -> list[Any]:
    return [moments_hu(moments_normalized(moments_central(image / 255))) for image in images]


def zoning_skimage(images: Images) -> list[Any]:
    return [downscale_local_mean(image, (4, 4)) for image in images]


def projection_numpy(images: Images) -> list[Any]:
    return [(image.mean(axis=1), image.mean(axis=0)) for image in images]


LIBRARIES: dict[str, dict[str, Callable[[Images], list[Any]]]] = {
    "hog": {"scikit-image": hog_skimage},
    "lbp": {"scikit-image": lbp_skimage},
    "gabor": {"scikit-image": gabor_skimage, "SciPy": gabor_scipy},
    "glcm": {"scikit-image": glcm_skimage},
    "edges": {"scikit-image": edges_skimage},
    "hu": {"scikit-image": hu_skimage},
    "zoning": {"scikit-image": zoning_skimage},
    "projection": {"NumPy": projection_numpy},
}

if find_spec("mahotas"):
    from mahotas import features as mahotas_features

    def lbp_mahotas(images: Images) -> list[Any]:
        return [mahotas_features.lbp(image, radius, 8) for image in images for radius in (1, 2)]

    def glcm_mahotas(images: Images) -> list[Any]:
        return [mahotas_features.haralick(image >> 5, distance=distance) for image in images for distance in (1, 2, 3)]

    LIBRARIES["lbp"]["mahotas"] = lbp_mahotas
    LIBRARIES["glcm"]["mahotas"] = glcm_mahotas

if find_spec("cv2"):
    import cv2

    # Threads are joblib's matter here.
    cv2.setNumThreads(1)
    PARTS = [part for kernel in KERNELS for part in (kernel.real, kernel.imag)]
    AXES = [(kernel[len(kernel) // 2], kernel[:, kernel.shape[1] // 2] / np.abs(kernel).max()) for kernel in KERNELS]
    # A filter is a column times a row: its response is made of four real ones.
    PAIRS = [
        (one, other) for row, column in AXES for one in (row.real, row.imag) for other in (column.real, column.imag)
    ]

    def hog_opencv(images: Images) -> list[Any]:
        descriptor = cv2.HOGDescriptor((28, 28), (14, 14), (7, 7), (7, 7), 9)
        return [descriptor.compute(image) for image in images]

    def gabor_filter(images: Images) -> list[Any]:
        return [
            cv2.filter2D(image, cv2.CV_32F, part, borderType=cv2.BORDER_CONSTANT) for image in images for part in PARTS
        ]

    def gabor_separable(images: Images) -> list[Any]:
        return [
            cv2.sepFilter2D(image, cv2.CV_32F, row, column, borderType=cv2.BORDER_CONSTANT)
            for image in images
            for row, column in PAIRS
        ]

    def edges_opencv(images: Images) -> list[Any]:
        cell = (np.arange(28)[:, None] // 7 * 4 + np.arange(28) // 7) * 8
        found = []
        for image in images:
            across, down = cv2.Sobel(image, cv2.CV_32F, 1, 0), cv2.Sobel(image, cv2.CV_32F, 0, 1)
            length, angle = cv2.cartToPolar(across, down, angleInDegrees=True)
            bins = (angle * (8 / 180)).astype(np.intp) % 8
            found.append(np.bincount((cell + bins).ravel(), length.ravel(), minlength=128))
        return found

    def hu_opencv(images: Images) -> list[Any]:
        return [cv2.HuMoments(cv2.moments(image)) for image in images]

    def zoning_opencv(images: Images) -> list[Any]:
        return [cv2.resize(image.astype(np.float32), (7, 7), interpolation=cv2.INTER_AREA) for image in images]

    def projection_opencv(images: Images) -> list[Any]:
        return [[cv2.reduce(image, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F) for axis in (0, 1)] for image in images]

    if hasattr(cv2, "HOGDescriptor"):
        LIBRARIES["hog"]["OpenCV"] = hog_opencv
    LIBRARIES["gabor"] |= {"OpenCV filter2D": gabor_filter, "OpenCV sepFilter2D": gabor_separable}
    LIBRARIES["edges"]["OpenCV"] = edges_opencv
    LIBRARIES["hu"]["OpenCV"] = hu_opencv
    LIBRARIES["zoning"]["OpenCV"] = zoning_opencv
    LIBRARIES["projection"]["OpenCV"] = projection_opencv
