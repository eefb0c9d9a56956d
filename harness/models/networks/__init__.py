"""Networks, one file each: `name(input_shape, n_classes, *, options) -> keras.Model`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

BATCH_NORM_MOMENTUM = 0.9
"""Of the running mean and variance. Keras's 0.99 needs several hundred steps to forget its start, more than a small
training size makes; the network would then predict with statistics it never saw."""


def probabilities(x: "keras.KerasTensor", n_classes: int) -> "keras.KerasTensor":
    """A network's last layer: softmax probabilities, in float32 under every dtype policy.

    Of half precision they would be none.

    Parameters
    ----------
    x
        What the layers before give, (batch, features).
    n_classes
        Number of probabilities.
    """
    from keras import layers

    return layers.Dense(n_classes, activation="softmax", dtype="float32", name="predictions")(x)
