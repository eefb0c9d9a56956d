"""The layer of the radial basis network. It imports Keras, so import it only where a network is built or loaded."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray


@keras.saving.register_keras_serializable(package="harness")
class GaussianUnits(keras.layers.Layer):  # type: ignore[misc]
    """exp(-|x - centre|^2 / (2 width^2)) for each unit, with trainable centres and widths.

    Parameters
    ----------
    units
        Number of centres. The layer has units * (features + 1) weights.
    kwargs
        Of `keras.layers.Layer`.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: tuple[int | None, int]) -> None:
        """Start from centres that are noise, and the widths that `adapt` would find for noise."""
        features = input_shape[1]
        self.centres = self.add_weight(
            shape=(self.units, features), initializer=keras.initializers.RandomUniform(0, 1), name="centres"
        )
        # The logarithm, so that no step can make a width negative.
        self.log_widths = self.add_weight(
            shape=(self.units,), initializer=keras.initializers.Constant(_log_width(features / 12)), name="log_widths"
        )

    def adapt(self, images: NDArray[np.float32]) -> None:
        """Start from training images: each centre is one of them, each width half the distance between two.

        Centres from the examples are those of Broomhead and Lowe (Complex Systems 2, 1988). The distance is the root
        mean square: that of two images of n features with variances v_i is sqrt(2 * sum(v_i)).

        Parameters
        ----------
        images
            Shape (n, ...) with the layer's number of features in all; taken in random order, each again where there are
            fewer than units.
        """
        rows = images.reshape(len(images), -1)
        order = ops.convert_to_numpy(keras.random.shuffle(ops.arange(len(rows))))
        self.centres.assign(rows[np.resize(order, self.units)])
        self.log_widths.assign(np.full(self.units, _log_width(float(rows.var(axis=0).sum())), np.float32))

    def call(self, x: Any) -> Any:
        """From (batch, features) to (batch, units), between 0 and 1."""
        # The square multiplied out: the differences themselves would take batch * units * features numbers.
        squares = ops.sum(ops.square(x), axis=1, keepdims=True) + ops.sum(ops.square(self.centres), axis=1)
        distances = squares - 2 * ops.matmul(x, ops.transpose(self.centres))
        return ops.exp(-distances / (2 * ops.exp(2 * self.log_widths)))

    def compute_output_shape(self, input_shape: tuple[int | None, int]) -> tuple[int | None, int]:
        """(batch, units)."""
        return input_shape[0], self.units

    def get_config(self) -> dict[str, Any]:
        """What a saved layer is made from again."""
        return {**super().get_config(), "units": self.units}


def _log_width(variance: float) -> float:
    """Of half the distance between two examples whose features' variances sum to that; of a small one if all agree."""
    return math.log(max(variance / 2, 1e-6)) / 2
