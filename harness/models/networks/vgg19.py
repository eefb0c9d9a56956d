"""VGG19, configuration E of Simonyan and Zisserman (ICLR 2015), as keras.applications has it."""

from typing import TYPE_CHECKING

from harness.models.networks.vgg import (
    PUBLISHED_DENSE_UNITS,
    Dropout,
    Head,
    Initializer,
    InputSize,
    Options,
    Trainable,
    Units,
    Weights,
    vgg,
)

if TYPE_CHECKING:
    import keras


def vgg19(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    input_size: InputSize = 32,
    initializer: Initializer = "glorot_uniform",
    batch_norm: bool = False,
    dropout: Dropout = 0.0,
    dense_units: Units = PUBLISHED_DENSE_UNITS,
    weights: Weights = "random",
    preprocess: bool | None = None,
    trainable: Trainable = "all",
    head: Head = "dense",
) -> "keras.Model":
    """VGG19 from random, ImageNet's or given weights: 16 convolutions and a head.

    Configuration E: one more convolution than VGG16 in each of the last three blocks. With the default options it is
    `keras.applications.VGG19(weights=None)` itself (143,667,240 parameters at `input_size=224` and 1000 classes), and
    hardly starts to learn from scratch; see `vgg16` for the remedies.

    Parameters
    ----------
    input_shape
        Height, width and channels (1 or 3) of the float32 images, scaled to [0, 1].
    n_classes
        Number of softmax probabilities given out.
    input_size, initializer, batch_norm, dropout, dense_units, weights, preprocess, trainable, head
        See `harness.models.networks.vgg.Options`.

    Returns
    -------
    keras.Model
        Maps (batch, h, w, c) to (batch, n_classes); not compiled.

    Raises
    ------
    TrialError
        If the images are neither grey nor RGB, or the weights are absent, unreadable or not for this network.
    """
    options = Options(
        input_size=input_size,
        initializer=initializer,
        batch_norm=batch_norm,
        dropout=dropout,
        dense_units=dense_units,
        weights=weights,
        preprocess=preprocess,
        trainable=trainable,
        head=head,
    )
    return vgg("vgg19", input_shape, n_classes, options)
