"""Datasets of OpenML whose columns are pixels."""

import http.client
import socket
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.data.arrays import Channels, Count, ImageShape, Maximum, Npz
from harness.data.base import DatasetInfo, ImageData
from harness.data.home import default_home
from harness.data.image_files import Fraction, Text
from harness.data.npz import first_writable
from harness.errors import DataError, one_line
from harness.files import write_atomic

TIMEOUT_S = 30.0


class OpenMl:
    """A dataset of OpenML by its id, such as 554 for MNIST; kept as `openml-ID.npz` in the data home, else downloaded.

    It is fetched as text (ARFF), so that nothing of it is ever unpickled. How many images there are is known only
    then: the first `info` downloads, too.

    Parameters
    ----------
    id
        The dataset's number at openml.org; a number stands for one version for ever.
    image_shape
        Height and width, and channels if there are any; a square where not given.
    channels
        Whether the colours of one pixel stand together (`last`), or the pixels of one colour (`first`, as in CIFAR_10,
        40927).
    maximum
        The value that stands for white; 1 where not given and none is above 1, else 255.
    n_train
        The first so many images are for training and all others the test set: 60000 for MNIST.
    test_fraction
        Where `n_train` is not given, the test set's share; stratified and always the same.
    name
        What rows call the dataset; `openml-ID` where not given.

    References
    ----------
    Vanschoren, van Rijn, Bischl and Torgo, OpenML: networked science in machine learning (2013).
    """

    def __init__(
        self,
        *,
        id: Annotated[int, Field(ge=1)],
        image_shape: ImageShape | None = None,
        channels: Channels = "last",
        maximum: Maximum | None = None,
        n_train: Count | None = None,
        test_fraction: Fraction = 0.2,
        name: Text | None = None,
    ) -> None:
        self.id = id
        self.image_shape = image_shape
        self.channels = channels
        self.maximum = maximum
        self.n_train = n_train
        self.test_fraction = test_fraction
        self.name = name

    def info(self, home: Path | None) -> DatasetInfo:
        """Tell what the dataset is; downloads it where it is absent. Raises DataError as `load` does."""
        return self._file(home).info(home)

    def load(self, home: Path | None) -> ImageData:
        """Map the images.

        Raises
        ------
        DataError
            If they are absent and cannot be downloaded, or are no images.
        """
        return self._file(home).load(home)

    def _file(self, home: Path | None) -> Npz:
        folders = [home or default_home(), default_home()]
        paths = [folder / f"openml-{self.id}.npz" for folder in folders]
        path = next((path for path in paths if path.exists()), None) or self._download(folders, paths[0])
        return Npz(
            path=str(path.absolute()),
            image_shape=self.image_shape,
            channels=self.channels,
            maximum=self.maximum,
            n_train=self.n_train,
            test_fraction=self.test_fraction,
            name=self.name,
        )

    def _download(self, folders: list[Path], wanted: Path) -> Path:
        target = first_writable(folders, wanted) / wanted.name
        try:
            x, y = fetch(self.id)
        except (OSError, ValueError, EOFError, ImportError, http.client.HTTPException) as error:
            raise DataError(
                one_line(
                    f"OpenML's dataset {self.id} is not in {wanted.parent} and could not be downloaded "
                    f"({str(error) or type(error).__name__}); put it, as x and y, at {wanted}"
                )
            ) from error

        def save(path: Path) -> None:
            with path.open("wb") as stream:
                np.savez_compressed(stream, x=x, y=y)

        try:
            write_atomic(target, save)
        except OSError as error:
            raise DataError(f"{target}: cannot be written: {error.strerror or error}; free some space") from error
        return target


def fetch(number: int) -> tuple[NDArray[Any], NDArray[np.str_]]:
    """Download a dataset: its columns, (n, d) of uint8 or float32, and its target as texts, (n,).

    Raises
    ------
    OSError, ValueError, EOFError, ImportError, http.client.HTTPException
        If that fails, or a column is no number.
    """
    from scipy.sparse import issparse
    from sklearn.datasets import fetch_openml

    before = socket.getdefaulttimeout()
    # scikit-learn sets none: a network that swallows packets would hold the run for ever.
    socket.setdefaulttimeout(TIMEOUT_S)
    try:
        bunch = fetch_openml(data_id=number, as_frame=False, parser="auto", cache=False)
    finally:
        socket.setdefaulttimeout(before)
    x, y = bunch.data, bunch.target
    if y is None or np.ndim(y) != 1:
        raise ValueError("it has no column that is its target, or more than one")
    if issparse(x):
        x = x.astype(np.float32).toarray()
    if x.dtype.kind not in "buif":
        raise ValueError("it has columns that are no numbers")
    whole = x.dtype.kind != "f" or bool((x == np.rint(x)).all())
    small = whole and x.min() >= 0 and x.max() <= 255
    # A float target of whole numbers is read back as such: `3`, not `3.0`.
    y = np.asarray(y, dtype=object)
    texts = [str(int(label)) if isinstance(label, float) and label.is_integer() else str(label) for label in y]
    return x.astype(np.uint8 if small else np.float32), np.array(texts, dtype=np.str_)
