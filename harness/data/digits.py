"""The digits that come with scikit-learn: no download."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from harness.data.base import DatasetInfo, ImageData
from harness.data.subsets import nested_order

N_TRAIN = 1200
N_TEST = 597
SPLIT_SEED = 0


class Digits:
    """1,797 handwritten digits of 8x8 pixels, bundled with scikit-learn.

    The values 0 to 16 are rescaled to 0 to 255 (`round(value * 255 / 16)`), so that an image is uint8 as everywhere.
    The split into 1,200 training and 597 test images is stratified and always the same, whatever a trial's seed. The
    same writers appear in both parts, so accuracies are higher than on writers never seen.

    References
    ----------
    Alpaydin and Kaynak, Optical Recognition of Handwritten Digits (UCI, 1998), its test part.
    """

    def info(self, home: Path | None) -> DatasetInfo:
        """Tell what the dataset is; nothing is ever missing."""
        return DatasetInfo("digits", N_TRAIN, N_TEST, n_classes=10, image_shape=(8, 8))

    def load(self, home: Path | None) -> ImageData:
        """Read the images; `home` is not needed."""
        bunch = load_digits()
        x = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
        y = bunch.target.astype(np.int64)
        order = nested_order(y, SPLIT_SEED)
        # In the original order again, so that a half of the test set is no more balanced than chance would have it.
        train, test = np.sort(order[:N_TRAIN]), np.sort(order[N_TRAIN:])
        return ImageData("digits", x[train], y[train], x[test], y[test], tuple("0123456789"))
