from __future__ import annotations

import io

import joblib
import numpy as np
from sklearn.svm import SVC

from harness.data.digits import Digits
from harness.models.size import pickled_bytes


def test_the_size_is_that_of_the_file() -> None:
    data = Digits().load(None)
    fitted = SVC().fit(data.x_train.reshape(len(data.x_train), -1), data.y_train)
    file = io.BytesIO()
    joblib.dump(fitted, file)
    assert pickled_bytes(fitted) == len(file.getvalue())


def test_arrays_count_in_full() -> None:
    weights = [np.zeros((1000, 100), np.float32), np.zeros(7)]
    size = pickled_bytes(weights)
    assert size is not None
    assert 0 < size - 400_056 < 500


def test_what_cannot_be_pickled_has_no_size() -> None:
    assert pickled_bytes(lambda: 0) is None
