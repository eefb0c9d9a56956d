"""A single layer of perceptrons, the oldest network that learns from examples."""

from typing import TYPE_CHECKING

from harness.models.networks import probabilities

if TYPE_CHECKING:
    import keras


def perceptron(input_shape: tuple[int, int, int], n_classes: int) -> "keras.Model":
    """One softmax layer on the pixels, without a hidden layer.

    Rosenblatt (Psychological Review 1958) had threshold units and his own learning rule; softmax stands for the
    threshold here, so that every optimizer can train it. It is multinomial logistic regression.

    Parameters
    ----------
    input_shape
        Height, width and channels of the float32 images, scaled to [0, 1].
    n_classes
        Number of softmax probabilities given out.

    Returns
    -------
    keras.Model
        Maps (batch, h, w, c) to (batch, n_classes); not compiled.
    """
    import keras
    from keras import layers

    inputs = layers.Input(input_shape)
    x = layers.Flatten()(inputs)
    return keras.Model(inputs, probabilities(x, n_classes), name="perceptron")
