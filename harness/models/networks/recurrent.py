"""What the recurrent networks have in common: they read an image as a sequence of rows."""

from typing import TYPE_CHECKING

from harness.models.networks import probabilities

if TYPE_CHECKING:
    import keras


def over_rows(
    recurrent: "type[keras.Layer]",
    input_shape: tuple[int, int, int],
    n_classes: int,
    units: int,
    layers: int,
    bidirectional: bool,
    name: str,
) -> "keras.Model":
    """A network whose recurrent layers take an image's rows as time steps, and a softmax of their last output.

    Parameters
    ----------
    recurrent
        `keras.layers.SimpleRNN`, `LSTM` or `GRU`.
    input_shape
        Height, width and channels: as many time steps as the height, of width * channels features.
    n_classes
        Number of softmax probabilities given out.
    units
        Size of each layer's state, in each direction.
    layers
        Number of recurrent layers; each reads the outputs of the one before.
    bidirectional
        Whether each layer reads from the top and from the bottom (Schuster and Paliwal, IEEE Trans. Signal Processing
        1997); both outputs are joined.
    name
        Of the network.

    Returns
    -------
    keras.Model
        Maps (batch, h, w, c) to (batch, n_classes); not compiled.
    """
    import keras

    height, width, channels = input_shape
    inputs = keras.layers.Input(input_shape)
    x = keras.layers.Reshape((height, width * channels), name="rows")(inputs)
    for number in range(1, layers + 1):
        layer = recurrent(units, return_sequences=number < layers, name=f"{name}{number}")
        x = (keras.layers.Bidirectional(layer, name=f"both{number}") if bidirectional else layer)(x)
    return keras.Model(inputs, probabilities(x, n_classes), name=name)
