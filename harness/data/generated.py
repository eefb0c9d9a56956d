"""Images drawn by rule, as many as wanted, as hard as wanted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.data import store
from harness.data.base import DatasetInfo, ImageData, Images, Labels
from harness.data.image_files import Size, Text
from harness.data.pictures import both_sides
from harness.errors import one_line

# Raised when the same parameters give other images.
FORMAT = 1
Amount = Annotated[int, Field(ge=1, le=10**9)]
Share = Annotated[float, Field(ge=0, le=1)]

TRAIN, TEST, FIGURE, COMMON = 0, 1, 2, 3
# Images that share a random stream; about 1,000, so that their float copies stay near the processor.
BLOCK = 1000
BLOCK_PIXELS = 2**20
# A prototype's side in pixels: finer than any image that is usual, so that the nearest pixel is near enough.
CANVAS = 160
STROKES = 3
# Half the side of the canvas is 1: strokes and their blur stay inside.
REACH = 0.7
WIDTH = 0.07


class Generated:
    """Strokes of random shape, one figure for each class, turned, shifted and under noise; any number of images.

    Each class has a figure of three smooth strokes. Image i shows that of its class, turned by an angle and shifted by
    a distance, both uniformly distributed, with Gaussian noise added to every pixel. It depends on `seed`, the
    parameters and i alone, so that a larger dataset begins with the smaller one, and the test set stays the same
    whatever `n_train` is. Of every `n_classes` images in a row, one is of each class.

    Parameters
    ----------
    n_train, n_test
        Numbers of images.
    n_classes
        Number of figures.
    image_size
        Height and width, or both: `[24, 32]`.
    noise
        Standard deviation, as a share of the range from black to white; 0 for none.
    rotation
        Largest angle in degrees to either side; 180 for any.
    shift
        Largest distance in each direction, as a share of the image's side.
    likeness
        How far the figures' strokes are drawn together to those of one common figure: 0 not at all, 1 wholly, so that
        nothing tells the classes apart.
    seed
        Of figures and images; no trial's.
    name
        What rows call the dataset; `generated` where not given.

    References
    ----------
    In the manner of `sklearn.datasets.make_classification`; the strokes are quadratic Bézier curves.
    """

    def __init__(
        self,
        *,
        n_train: Amount = 10_000,
        n_test: Amount = 2_000,
        n_classes: Annotated[int, Field(ge=2, le=1000)] = 10,
        image_size: Size = 28,
        noise: Share = 0.1,
        rotation: Annotated[float, Field(ge=0, le=180)] = 15.0,
        shift: Share = 0.1,
        likeness: Share = 0.0,
        seed: Annotated[int, Field(ge=0, lt=2**32)] = 0,
        name: Text = "generated",
    ) -> None:
        self.n_train = n_train
        self.n_test = n_test
        self.n_classes = n_classes
        self.image_size = image_size
        self.noise = noise
        self.rotation = rotation
        self.shift = shift
        self.likeness = likeness
        self.seed = seed
        self.name = name

    def info(self, home: Path | None) -> DatasetInfo:
        """Tell what the dataset is, and whether it is yet to be made; `home` is not needed."""
        shape = both_sides(self.image_size)
        missing = None
        if store.find(self._source()) is None:
            n = self.n_train + self.n_test
            missing = f"{self.name}: {n:,} images will be made and kept, {n * shape[0] * shape[1] / 1e6:,.0f} MB"
        return DatasetInfo(one_line(self.name), self.n_train, self.n_test, self.n_classes, shape, missing)

    def load(self, home: Path | None) -> ImageData:
        """Map the images, which are made the first time; `home` is not needed.

        Raises
        ------
        DataError
            If the disk does not take them.
        """
        return store.ensure(self._source(), self._make).image_data(one_line(self.name))

    def _source(self) -> store.Source:
        decisive = {key: value for key, value in vars(self).items() if key != "name"}
        return store.Source("generated", (FORMAT, sorted(decisive.items())), None)

    def _make(self, folder: Path) -> store.Facts:
        figures = self.figures()
        for name, part, n in (("train", TRAIN, self.n_train), ("test", TEST, self.n_test)):
            labels: list[Labels] = []

            def images(part: int = part, n: int = n, labels: list[Labels] = labels) -> Iterator[Images]:
                for x, y in self.blocks(figures, part, n):
                    labels.append(y)
                    yield x

            store.write_npy(folder / f"x_{name}.npy", (n, *both_sides(self.image_size)), np.uint8, images())
            store.write_npy(folder / f"y_{name}.npy", (n,), np.int64, labels)
        return store.Facts(tuple(map(str, range(self.n_classes))))

    def figures(self) -> NDArray[np.float32]:
        """The figure of each class, (n_classes, CANVAS, CANVAS), 0 to 1."""
        centres = (np.arange(CANVAS) + 0.5) * (2 / CANVAS) - 1
        t = np.linspace(0, 1, 40)[:, None]
        made = np.empty((self.n_classes, CANVAS, CANVAS), np.float32)
        common = self._points(COMMON, 0)
        for k, figure in enumerate(made):
            a, b, c = self.likeness * common + (1 - self.likeness) * self._points(FIGURE, k)
            x, y = ((1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c).reshape(-1, 2).T
            squared = np.full((CANVAS, CANVAS), np.inf)
            for px, py in zip(x, y, strict=True):
                np.minimum(squared, np.add.outer((centres - py) ** 2, (centres - px) ** 2), out=squared)
            figure[:] = np.exp(squared / (-2 * WIDTH**2))
        return made

    def _points(self, kind: int, number: int) -> NDArray[np.float64]:
        """First, middle and last point of each stroke."""
        return self._random(kind, number).uniform(-REACH, REACH, (3, STROKES, 1, 2))

    def _random(self, kind: int, number: int) -> np.random.RandomState:
        # RandomState rather than a Generator: its streams are frozen, the same in every NumPy release.
        return np.random.RandomState([self.seed, kind, number])

    def blocks(self, figures: NDArray[np.float32], part: int, n: int) -> Iterator[tuple[Images, Labels]]:
        """The first `n` images of a part and their labels, block by block."""
        height, width = both_sides(self.image_size)
        fitting = max(1, min(BLOCK, BLOCK_PIXELS // (height * width)))
        size = self.n_classes * max(1, fitting // self.n_classes)
        for number, start in enumerate(range(0, n, size)):
            x, y = self._block(figures, part, number, size)
            yield x[: n - start], y[: n - start]

    def _block(self, figures: NDArray[np.float32], part: int, number: int, size: int) -> tuple[Images, Labels]:
        random = self._random(part, number)
        y = random.uniform(size=(size // self.n_classes, self.n_classes)).argsort(axis=1).ravel()
        turn = np.deg2rad(random.uniform(-1, 1, size) * self.rotation).astype(np.float32)[:, None, None]
        # The canvas has a side of 2.
        away = (random.uniform(-2, 2, (2, size)) * self.shift).astype(np.float32)[..., None, None]
        height, width = both_sides(self.image_size)
        v = ((np.arange(height) + 0.5) * (2 / height) - 1).astype(np.float32)[:, None] - away[0]
        u = ((np.arange(width) + 0.5) * (2 / width) - 1).astype(np.float32) - away[1]
        half = np.float32(CANVAS / 2)
        # Where each pixel lies on the figure before it was turned; beyond the canvas its edge, which is black, goes on.
        row = (np.cos(turn) * v - np.sin(turn) * u + 1) * half
        column = (np.sin(turn) * v + np.cos(turn) * u + 1) * half
        np.clip(row, 0, CANVAS - 1, out=row)
        np.clip(column, 0, CANVAS - 1, out=column)
        place = row.astype(np.int32) * CANVAS + column.astype(np.int32)
        place += (y * CANVAS**2).astype(np.int32)[:, None, None]
        grey = figures.ravel().take(place)
        if self.noise:
            grey += (random.standard_normal(grey.shape) * self.noise).astype(np.float32)
        grey *= 255
        np.clip(np.rint(grey, out=grey), 0, 255, out=grey)
        return grey.astype(np.uint8), y.astype(np.int64)
