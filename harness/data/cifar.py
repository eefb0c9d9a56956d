"""CIFAR-10 and CIFAR-100, 50,000 + 10,000 colour images of 32x32 pixels each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from harness.data import npz
from harness.data.base import DatasetInfo, ImageData

SHAPES: dict[str, tuple[int, ...]] = {
    "x_train": (50_000, 32, 32, 3),
    "y_train": (50_000,),
    "x_test": (10_000, 32, 32, 3),
    "y_test": (10_000,),
}
CIFAR10 = npz.Layout("cifar10", SHAPES, {})
CIFAR100 = npz.Layout("cifar100", SHAPES, {})
OBJECTS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# Krizhevsky (2009), page 34's table as the dataset's own files spell it; both kinds of classes are numbered by name.
SUPERCLASSES = {
    "aquatic_mammals": "beaver dolphin otter seal whale",
    "fish": "aquarium_fish flatfish ray shark trout",
    "flowers": "orchid poppy rose sunflower tulip",
    "food_containers": "bottle bowl can cup plate",
    "fruit_and_vegetables": "apple mushroom orange pear sweet_pepper",
    "household_electrical_devices": "clock keyboard lamp telephone television",
    "household_furniture": "bed chair couch table wardrobe",
    "insects": "bee beetle butterfly caterpillar cockroach",
    "large_carnivores": "bear leopard lion tiger wolf",
    "large_man-made_outdoor_things": "bridge castle house road skyscraper",
    "large_natural_outdoor_scenes": "cloud forest mountain plain sea",
    "large_omnivores_and_herbivores": "camel cattle chimpanzee elephant kangaroo",
    "medium_mammals": "fox porcupine possum raccoon skunk",
    "non-insect_invertebrates": "crab lobster snail spider worm",
    "people": "baby boy girl man woman",
    "reptiles": "crocodile dinosaur lizard snake turtle",
    "small_mammals": "hamster mouse rabbit shrew squirrel",
    "trees": "maple_tree oak_tree palm_tree pine_tree willow_tree",
    "vehicles_1": "bicycle bus motorcycle pickup_truck train",
    "vehicles_2": "lawn_mower rocket streetcar tank tractor",
}
COARSE = tuple(SUPERCLASSES)
SUPERCLASS_OF = {fine: coarse for coarse, fines in SUPERCLASSES.items() for fine in fines.split()}
FINE = tuple(sorted(SUPERCLASS_OF))
COARSE_OF_FINE = np.array([COARSE.index(SUPERCLASS_OF[fine]) for fine in FINE], dtype=np.int64)


class Cifar10:
    """60,000 colour images of 32x32 pixels in 10 classes; `cifar10.npz` in the data home, else downloaded.

    The file has the layout of `mnist.npz`. No hash of the arrays is published, so shapes, types and the 5,000 training
    and 1,000 test images of every class are checked.

    References
    ----------
    Krizhevsky, Learning multiple layers of features from tiny images (2009).
    """

    def info(self, home: Path | None) -> DatasetInfo:
        """Tell what the dataset is and whether its file is there."""
        return npz.info(CIFAR10, home, len(OBJECTS))

    def load(self, home: Path | None) -> ImageData:
        """Read the images; raises DataError where they are absent or altered."""
        return _read(CIFAR10, home, OBJECTS)


class Cifar100:
    """60,000 colour images of 32x32 pixels in 100 classes; `cifar100.npz` in the data home, else downloaded.

    Parameters
    ----------
    labels
        `fine` for the 100 classes, `coarse` for the 20 superclasses of five each. The file holds the fine ones.

    References
    ----------
    Krizhevsky, Learning multiple layers of features from tiny images (2009).
    """

    def __init__(self, *, labels: Literal["fine", "coarse"] = "fine") -> None:
        self.labels = labels

    def info(self, home: Path | None) -> DatasetInfo:
        """Tell what the dataset is and whether its file is there."""
        return npz.info(CIFAR100, home, len(FINE if self.labels == "fine" else COARSE))

    def load(self, home: Path | None) -> ImageData:
        """Read the images; raises DataError where they are absent or altered."""
        fine = _read(CIFAR100, home, FINE)
        if self.labels == "fine":
            return fine
        y_train, y_test = COARSE_OF_FINE[fine.y_train], COARSE_OF_FINE[fine.y_test]
        return ImageData("cifar100", fine.x_train, y_train, fine.x_test, y_test, COARSE)


def _read(layout: npz.Layout, home: Path | None, class_names: Sequence[str]) -> ImageData:
    data = npz.image_data(layout, npz.load(layout, home), tuple(class_names))
    npz.check_counts(layout, home, data)
    return data
