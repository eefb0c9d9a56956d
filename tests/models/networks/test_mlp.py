"""The multilayer perceptron's layers."""

from __future__ import annotations

import numpy as np

from harness.models.networks.mlp import mlp


def test_parameters_are_those_of_its_layers() -> None:
    network = mlp((28, 28, 1), 10, width=100, depth=2)
    assert network.count_params() == (784 + 1) * 100 + (100 + 1) * 100 + (100 + 1) * 10


def test_gives_probabilities_for_colour_images() -> None:
    probabilities = mlp((8, 6, 3), 4)(np.random.default_rng(0).random((5, 8, 6, 3), np.float32))
    assert probabilities.shape == (5, 4)
    np.testing.assert_allclose(np.sum(probabilities, axis=1), 1, atol=1e-6)
