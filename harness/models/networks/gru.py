"""The gated recurrent unit of Cho et al. (EMNLP 2014)."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from harness.models.networks.recurrent import over_rows

if TYPE_CHECKING:
    import keras


def gru(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    units: Annotated[int, Field(ge=1)] = 128,
    layers: Annotated[int, Field(ge=1)] = 1,
    bidirectional: bool = False,
) -> "keras.Model":
    """Gated recurrent units that read an image row by row, softmax.

    In Keras's default form, which cuDNN computes: the reset gate acts after the recurrent product, which has a bias of
    its own. A layer has 3 * units * (units + inputs + 2) weights.

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

    return over_rows(keras.layers.GRU, input_shape, n_classes, units, layers, bidirectional, "gru")
