"""MNIST and Fashion-MNIST, 60,000 + 10,000 grey images of 28x28 pixels each."""

from pathlib import Path

from harness.data import npz
from harness.data.base import DatasetInfo, ImageData

SHAPES: dict[str, tuple[int, ...]] = {
    "x_train": (60_000, 28, 28),
    "y_train": (60_000,),
    "x_test": (10_000, 28, 28),
    "y_test": (10_000,),
}
# Of the arrays that, rebuilt as the four original IDX files, have the MD5 sums published for those.
MNIST_SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
MNIST = npz.Layout("mnist", SHAPES, MNIST_SHA256)
FASHION_MNIST = npz.Layout("fashion_mnist", SHAPES, {})
GARMENTS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


class Mnist:
    """70,000 handwritten digits of 28x28 pixels; `mnist.npz` in the data home, else downloaded.

    Every array is checked against its known SHA-256.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition (1998).
    """

    def info(self, home: Path | None) -> DatasetInfo:
        """Tell what the dataset is and whether its file is there."""
        return npz.info(MNIST, home, n_classes=10)

    def load(self, home: Path | None) -> ImageData:
        """Read the images; raises DataError where they are absent or altered."""
        return npz.image_data(MNIST, npz.load(MNIST, home), tuple("0123456789"))


class FashionMnist:
    """70,000 garments of 28x28 pixels; `fashion_mnist.npz` in the data home, else downloaded.

    The file has the layout of `mnist.npz`. Its publishers give no hash of the arrays (only of gzip files), so shapes,
    types and the 6,000 training and 1,000 test images of every class are checked instead.

    References
    ----------
    Xiao, Rasul and Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms (2017).
    """

    def info(self, home: Path | None) -> DatasetInfo:
        """Tell what the dataset is and whether its file is there."""
        return npz.info(FASHION_MNIST, home, n_classes=10)

    def load(self, home: Path | None) -> ImageData:
        """Read the images; raises DataError where they are absent or altered."""
        data = npz.image_data(FASHION_MNIST, npz.load(FASHION_MNIST, home), GARMENTS)
        npz.check_counts(FASHION_MNIST, home, data)
        return data
