"""The small convolutional network's layers, on every image size that the datasets have."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import TrialError
from harness.models.networks.cnn import cnn


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (32, 32, 3)])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_gives_probabilities(shape: tuple[int, int, int], batch_norm: bool) -> None:
    network = cnn(shape, 7, width=4, batch_norm=batch_norm)
    probabilities = network(np.random.default_rng(0).random((3, *shape), np.float32))
    assert probabilities.shape == (3, 7)
    np.testing.assert_allclose(np.sum(probabilities, axis=1), 1, atol=1e-6)


def test_parameters_are_those_of_its_layers() -> None:
    network = cnn((28, 28, 1), 10, width=32, depth=2, dense_units=128)
    convolutions = (9 + 1) * 32 + (9 * 32 + 1) * 64
    assert network.count_params() == convolutions + (7 * 7 * 64 + 1) * 128 + (128 + 1) * 10


def test_a_depth_the_images_cannot_bear_is_refused() -> None:
    assert cnn((8, 8, 1), 10, depth=3).output_shape == (None, 10)
    with pytest.raises(TrialError, match=r"depth 4 .* 8x8 .* depth <= 3"):
        cnn((8, 8, 1), 10, depth=4)
