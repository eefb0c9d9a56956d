"""LeNet-5, the convolutional network of LeCun, Bottou, Bengio and Haffner (Proc. IEEE 86(11), 1998, section II.B)."""

from typing import TYPE_CHECKING, Literal

from harness.models.networks import probabilities

if TYPE_CHECKING:
    import keras

PUBLISHED_SIZE = 32


def lenet5(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    activation: Literal["tanh", "relu"] = "tanh",
) -> "keras.Model":
    """LeNet-5: three 5x5 convolutions, two subsamplings and one hidden layer.

    The layers have the published names and sizes (6, 16 and 120 maps, 84 units). It differs from the paper where today
    everyone does: each map of C3 sees all six maps of S2 (2,416 weights; the paper's sparse table has 1,516); S2 and S4
    are plain means, without a coefficient and a bias per map (12 and 32 weights) and without a squashing function; tanh
    is not scaled; a softmax stands for the distances to fixed bitmaps of the classes.

    Parameters
    ----------
    input_shape
        Height, width and channels of the float32 images, scaled to [0, 1]. Images are put into the middle of 32x32
        zeros where they are smaller, as the paper does with MNIST's; where they are larger, C5 has more than one
        position.
    n_classes
        Number of softmax probabilities given out.
    activation
        After C1, C3, C5 and F6; the paper has tanh.

    Returns
    -------
    keras.Model
        Maps (batch, h, w, c) to (batch, n_classes); not compiled.
    """
    import keras
    from keras import layers

    inputs = layers.Input(input_shape)
    missing = [max(0, PUBLISHED_SIZE - side) for side in input_shape[:2]]
    x = inputs
    if any(missing):
        x = layers.ZeroPadding2D([(pixels // 2, pixels - pixels // 2) for pixels in missing], name="pad")(x)
    x = layers.Conv2D(6, 5, activation=activation, name="C1")(x)
    x = layers.AveragePooling2D(2, name="S2")(x)
    x = layers.Conv2D(16, 5, activation=activation, name="C3")(x)
    x = layers.AveragePooling2D(2, name="S4")(x)
    x = layers.Conv2D(120, 5, activation=activation, name="C5")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(84, activation=activation, name="F6")(x)
    return keras.Model(inputs, probabilities(x, n_classes), name="lenet5")
