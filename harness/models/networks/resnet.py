"""The residual network for small images of He, Zhang, Ren and Sun (CVPR 2016, section 4.2)."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from harness.errors import TrialError
from harness.models.networks import BATCH_NORM_MOMENTUM, probabilities

if TYPE_CHECKING:
    import keras


def resnet(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    n: Annotated[int, Field(ge=1)] = 1,
    width: Annotated[int, Field(ge=1)] = 16,
) -> "keras.Model":
    """Residual network for small images: 6n + 2 layers.

    As in the paper's experiments on CIFAR-10: n = 3, 5, 7, 9 and 18 are ResNet-20, 32, 44, 56 and 110, and shortcuts
    have no weights (option A: where a stage halves the image they take every other pixel and fill new maps with zeros).
    Weights start as in He et al. (ICCV 2015). The paper's weight decay and augmentation are not part of the network.

    Parameters
    ----------
    input_shape
        Height, width and channels of the float32 images, scaled to [0, 1]; at least 4x4 pixels.
    n_classes
        Number of softmax probabilities given out.
    n
        Residual blocks, of two convolutions each, in each of the three stages.
    width
        Filters in the first stage; the second has twice, the third four times as many. The paper has 16.

    Returns
    -------
    keras.Model
        Maps (batch, h, w, c) to (batch, n_classes); not compiled.

    Raises
    ------
    TrialError
        If the images are too small to be halved twice.
    """
    import keras
    from keras import layers

    height, breadth, _ = input_shape
    if min(height, breadth) < 4:
        raise TrialError(f"resnet: {height}x{breadth} images cannot be halved twice; use images of at least 4x4 pixels")

    def convolved(x: "keras.KerasTensor", filters: int, stride: int = 1) -> "keras.KerasTensor":
        """3x3 convolution and batch normalisation, which has the bias."""
        x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
        return layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x)

    inputs = layers.Input(input_shape)
    x = layers.ReLU()(convolved(inputs, width))
    for stage in range(3):
        filters = width * 2**stage
        for block in range(n):
            halves = stage > 0 and block == 0
            residual = layers.ReLU()(convolved(x, filters, stride=2 if halves else 1))
            residual = convolved(residual, filters)
            if halves:
                x = layers.MaxPooling2D(1, strides=2, padding="same")(x)
                x = keras.ops.pad(x, [(0, 0), (0, 0), (0, 0), (0, filters // 2)])
            x = layers.ReLU()(layers.Add()([x, residual]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, probabilities(x, n_classes), name="resnet")
