"""A small convolutional network in the manner of LeCun et al. (Proc. IEEE 1998), with today's parts."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from harness.errors import TrialError
from harness.models.networks import BATCH_NORM_MOMENTUM, probabilities

if TYPE_CHECKING:
    import keras


def cnn(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    width: Annotated[int, Field(ge=1)] = 16,
    depth: Annotated[int, Field(ge=1)] = 2,
    dense_units: Annotated[int, Field(ge=1)] = 128,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
    batch_norm: bool = False,
) -> "keras.Model":
    """Convolution and pooling blocks, one hidden layer, softmax.

    Its layers are called, so that an `embedding` can name them, `conv1`, `norm1` (with `batch_norm`), `relu1` and
    `pool1` in the first block, `conv2` and so on in the next, then `flatten`, `dense` and `predictions`. The channels
    of block k as the next one sees them are those of `poolk`.

    Parameters
    ----------
    input_shape
        Height, width and channels of the float32 images, scaled to [0, 1].
    n_classes
        Number of softmax probabilities given out.
    width
        3x3 filters in the first block; each later block has twice as many as the one before.
    depth
        Number of blocks; each halves height and width, so 2**depth must not exceed the image's shorter side.
    dense_units
        Units in the hidden layer.
    dropout
        Fraction of the hidden layer's inputs and outputs set to zero while training (Srivastava et al., JMLR 2014).
    batch_norm
        Batch normalisation between each convolution and its ReLU (Ioffe and Szegedy, ICML 2015).

    Returns
    -------
    keras.Model
        Maps (batch, h, w, c) to (batch, n_classes); not compiled.

    Raises
    ------
    TrialError
        If the images are too small for that depth.
    """
    import keras
    from keras import layers

    height, breadth, _ = input_shape
    if 2**depth > min(height, breadth):
        deepest = min(height, breadth).bit_length() - 1
        raise TrialError(f"cnn: depth {depth} halves {height}x{breadth} images below one pixel; use depth <= {deepest}")
    inputs = layers.Input(input_shape)
    x = inputs
    for block in range(1, depth + 1):
        x = layers.Conv2D(
            width * 2 ** (block - 1),
            3,
            padding="same",
            use_bias=not batch_norm,
            kernel_initializer="he_normal",
            name=f"conv{block}",
        )(x)
        if batch_norm:
            x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"norm{block}")(x)
        x = layers.ReLU(name=f"relu{block}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{block}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    x = layers.Dense(dense_units, activation="relu", kernel_initializer="he_normal", name="dense")(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return keras.Model(inputs, probabilities(x, n_classes), name="cnn")
