"""A radial basis function network, with centres and widths that are trained."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from harness.models.networks import probabilities

if TYPE_CHECKING:
    import keras


def rbf(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    units: Annotated[int, Field(ge=1)] = 256,
) -> "keras.Model":
    """Radial basis functions of the distance to trained centres, softmax.

    Gaussian units on the pixels (Broomhead and Lowe, Complex Systems 2, 1988). Centres start as training images, and
    like the widths are trained with the rest (Poggio and Girosi, Proc. IEEE 78, 1990); a softmax takes the place of
    the linear output.

    Parameters
    ----------
    input_shape
        Height, width and channels of the float32 images, scaled to [0, 1].
    n_classes
        Number of softmax probabilities given out.
    units
        Number of centres, each with a width of its own.

    Returns
    -------
    keras.Model
        Maps (batch, h, w, c) to (batch, n_classes); not compiled. Its layer `centres` has the method `adapt`, which
        `NetworkClassifier` calls with the training images.
    """
    import keras
    from keras import layers

    from harness.models.networks.gaussian import GaussianUnits

    inputs = layers.Input(input_shape)
    x = layers.Flatten()(inputs)
    # In float32 under every dtype policy: a distance is the small difference of large sums.
    x = GaussianUnits(units, dtype="float32", name="centres")(x)
    return keras.Model(inputs, probabilities(x, n_classes), name="rbf")
