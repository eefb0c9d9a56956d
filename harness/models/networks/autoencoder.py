"""Autoencoders: a code that is learned without labels, and a classifier on it."""

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field

from harness.models.networks import probabilities

if TYPE_CHECKING:
    import keras

Kind: TypeAlias = Literal["plain", "variational", "denoising", "sparse"]


def autoencoder(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    kind: Kind = "plain",
    code: Annotated[int, Field(ge=1)] = 32,
    widths: tuple[Annotated[int, Field(ge=1)], ...] = (256,),
    epochs: Annotated[int, Field(ge=1)] = 20,
    batch_size: Annotated[int, Field(ge=1)] = 32,
    min_steps: Annotated[int, Field(ge=0)] = 0,
    learning_rate: Annotated[float, Field(gt=0)] = 0.001,
    noise: Annotated[float, Field(ge=0, lt=1)] = 0.3,
    beta: Annotated[float, Field(ge=0)] = 1.0,
    sparsity: Annotated[float, Field(gt=0, lt=1)] = 0.05,
    sparsity_weight: Annotated[float, Field(ge=0)] = 3.0,
    fine_tune: bool = False,
) -> "keras.Model":
    """Autoencoder trained without labels (plain, variational, denoising or sparse), softmax on its code.

    Dense layers squeeze an image into a few numbers, `code`, from which others give the image back (Hinton and
    Salakhutdinov, Science 313, 2006; here all layers at once, from random weights). Then the labels train the softmax
    on the code. What keeps the code from being a mere copy is its length, and by `kind`: `variational`, that it is a
    normal distribution near the standard one (Kingma and Welling, ICLR 2014; the mean is the code); `denoising`, that
    a part of the pixels is hidden (Vincent et al., ICML 2008); `sparse`, that its sigmoid units are mostly off (Ng,
    CS294A notes on sparse autoencoders, 2011).

    Parameters
    ----------
    input_shape
        Height, width and channels of the float32 images, scaled to [0, 1].
    n_classes
        Number of softmax probabilities given out.
    kind
        See above.
    code
        Numbers in the code.
    widths
        Units of the hidden layers between image and code, and in reverse between code and image.
    epochs, batch_size, min_steps, learning_rate
        Of the training without labels, by Adam; small training sizes are passed over more often until `min_steps`.
    noise
        Share of the pixels that a `denoising` autoencoder does not see.
    beta
        Weight of a `variational` one's divergence (Higgins et al., ICLR 2017); 1 is the evidence's lower bound.
    sparsity, sparsity_weight
        Mean that each unit of a `sparse` code should have, and the weight of the divergence from it, as in Ng's notes.
    fine_tune
        Have the labels train the encoder, too.

    Returns
    -------
    keras.Model
        Maps (batch, h, w, c) to (batch, n_classes); not compiled. Its layer `code` has the method `adapt`, which
        `NetworkClassifier` calls with the training images.
    """
    import keras
    from keras import layers

    from harness.models.networks.encoder import Encoder

    encoder = Encoder(
        kind=kind,
        code=code,
        widths=widths,
        epochs=epochs,
        batch_size=batch_size,
        min_steps=min_steps,
        learning_rate=learning_rate,
        noise=noise,
        beta=beta,
        sparsity=sparsity,
        sparsity_weight=sparsity_weight,
        trainable=fine_tune,
        name="code",
    )
    inputs = layers.Input(input_shape)
    return keras.Model(inputs, probabilities(encoder(inputs), n_classes), name="autoencoder")
