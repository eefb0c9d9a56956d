"""A multilayer perceptron: the simplest network that learns from pixels."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from harness.models.networks import probabilities

if TYPE_CHECKING:
    import keras


def mlp(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    width: Annotated[int, Field(ge=1)] = 256,
    depth: Annotated[int, Field(ge=1)] = 2,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2,
) -> "keras.Model":
    """Fully connected ReLU layers on the flattened pixels.

    Parameters
    ----------
    input_shape
        Height, width and channels of the float32 images, scaled to [0, 1].
    n_classes
        Number of softmax probabilities given out.
    width
        Units in each hidden layer.
    depth
        Number of hidden layers.
    dropout
        Fraction of each hidden layer's outputs set to zero while training (Srivastava et al., JMLR 2014).

    Returns
    -------
    keras.Model
        Maps (batch, h, w, c) to (batch, n_classes); not compiled.
    """
    import keras
    from keras import layers

    inputs = layers.Input(input_shape)
    x = layers.Flatten()(inputs)
    for number in range(1, depth + 1):
        x = layers.Dense(width, activation="relu", kernel_initializer="he_normal", name=f"hidden{number}")(x)
        if dropout:
            x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, probabilities(x, n_classes), name="mlp")
