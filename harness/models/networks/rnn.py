"""A simple recurrent network, that of Elman (Cognitive Science 14, 1990)."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from harness.models.networks.recurrent import over_rows

if TYPE_CHECKING:
    import keras


def rnn(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    units: Annotated[int, Field(ge=1)] = 128,
    layers: Annotated[int, Field(ge=1)] = 1,
    bidirectional: bool = False,
) -> "keras.Model":
    """Simple recurrent (Elman) network that reads an image row by row, softmax.

    A layer's state is the tanh of its weighted inputs and its own weighted state of the step before:
    units * (units + inputs + 1) weights.

    Parameters
    ----------
    input_shape
        Height, width and channels of the float32 images, scaled to [0, 1]; a row is a time step.
    n_classes
        Number of softmax probabilities given out.
    units, layers, bidirectional
        Size of a layer's state, number of layers, and whether each also reads from the bottom; see `over_rows`.

    Returns
    -------
    keras.Model
        Maps (batch, h, w, c) to (batch, n_classes); not compiled.
    """
    import keras

    return over_rows(keras.layers.SimpleRNN, input_shape, n_classes, units, layers, bidirectional, "rnn")
