"""The layer of the autoencoder. It imports Keras, so import it only where a network is built or loaded."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from harness.errors import DivergedError, TrialError
from harness.models.networks.autoencoder import Kind
from harness.models.steps import planned
from harness.suite.model import TrainSpec


@keras.saving.register_keras_serializable(package="harness")
class Encoder(layers.Layer):  # type: ignore[misc]
    """From images to a short code, by dense layers that `adapt` trains without labels.

    Parameters
    ----------
    kind
        What keeps the code from being a mere copy: see `harness.models.networks.autoencoder`.
    code
        Numbers in the code.
    widths
        Units of the hidden layers before it; the decoder has the same ones in reverse.
    epochs, batch_size, min_steps, learning_rate
        Of the training without labels, by Adam; `min_steps` as in a suite's `train`.
    noise
        Share of the pixels that a denoising autoencoder does not see.
    beta
        Weight of a variational autoencoder's divergence.
    sparsity, sparsity_weight
        Mean that each unit of a sparse code should have, and the weight of its divergence from that.
    kwargs
        Of `keras.layers.Layer`.
    """

    trainable: bool

    def __init__(
        self,
        *,
        kind: Kind,
        code: int,
        widths: Sequence[int],
        epochs: int,
        batch_size: int,
        min_steps: int,
        learning_rate: float,
        noise: float,
        beta: float,
        sparsity: float,
        sparsity_weight: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.options: dict[str, Any] = {
            "kind": kind,
            "code": code,
            "widths": list(widths),
            "epochs": epochs,
            "batch_size": batch_size,
            "min_steps": min_steps,
            "learning_rate": learning_rate,
            "noise": noise,
            "beta": beta,
            "sparsity": sparsity,
            "sparsity_weight": sparsity_weight,
        }
        policy = self.dtype_policy
        self.hidden = [
            layers.Dense(width, "relu", kernel_initializer="he_normal", dtype=policy, name=f"hidden{number}")
            for number, width in enumerate(widths, 1)
        ]
        # A mean activation needs units that have one between 0 and 1.
        self.last = layers.Dense(code, "sigmoid" if kind == "sparse" else None, dtype=policy, name="last")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, which are random until `adapt`."""
        features = math.prod(input_shape[1:])  # type: ignore[arg-type]
        for layer in (*self.hidden, self.last):
            layer.build((None, features))
            features = layer.units
        # Keras asks the weights, which learn of the layer's `trainable` only when it is set.
        self.trainable = self.trainable

    def call(self, x: Any) -> Any:
        """From (batch, h, w, c) to (batch, code)."""
        return self.last(self._before_code(x))

    def _before_code(self, x: Any) -> Any:
        x = ops.reshape(x, (-1, math.prod(x.shape[1:])))
        for layer in self.hidden:
            x = layer(x)
        return x

    def adapt(self, images: NDArray[np.float32]) -> keras.Model:
        """Train encoder and decoder together to give the images back.

        The loss is the cross-entropy of each pixel, taken as the probability of ink, and what the kind adds.

        Parameters
        ----------
        images
            float32 in [0, 1], (n, h, w, c).

        Returns
        -------
        keras.Model
            From images to images, with this layer's weights in it; its decoder is needed no more.

        Raises
        ------
        DivergedError
            If the loss becomes NaN or infinite.
        TrialError
            If the images are not between 0 and 1, as features may be.
        """
        if images.min() < 0 or images.max() > 1:
            raise TrialError(
                f"autoencoder gives back values from 0 to 1, received {images.min():.3g} to {images.max():.3g}; "
                "give it images, or scale the features"
            )
        autoencoder = self._autoencoder(images.shape[1:])
        recipe = TrainSpec(
            epochs=self.options["epochs"],
            batch_size=self.options["batch_size"],
            min_steps=self.options["min_steps"],
        )
        passes, _ = planned(len(images), recipe)
        x = np.concatenate([images] * passes) if passes > 1 else images
        rate = self.options["learning_rate"]
        frozen = not self.trainable
        self.trainable = True
        autoencoder.compile(keras.optimizers.Adam(rate), "binary_crossentropy")
        log = autoencoder.fit(x, x, batch_size=recipe.batch_size, epochs=recipe.epochs, shuffle=True, verbose=0)
        self.trainable = not frozen
        if not math.isfinite(last := log.history["loss"][-1]):
            raise DivergedError(f"autoencoder: loss became {last} without labels; learning_rate {rate:g}: lower it")
        return autoencoder

    def _autoencoder(self, image_shape: tuple[int, ...]) -> keras.Model:
        pixels = math.prod(image_shape)
        options, policy = self.options, self.dtype_policy
        inputs = layers.Input(image_shape)
        x = inputs
        if options["kind"] == "denoising":
            x = Masking(options["noise"], dtype="float32", name="mask")(x)
        x = layers.Flatten()(x)
        for layer in self.hidden:
            x = layer(x)
        code = self.last(x)
        # The loss is the mean over the pixels where the papers have the sum; so divergences are divided, too.
        if options["kind"] == "variational":
            spread = layers.Dense(options["code"], dtype=policy, name="log_variance")(x)
            code = Sampling(options["beta"] / pixels, dtype="float32", name="sample")([code, spread])
        if options["kind"] == "sparse":
            weight = options["sparsity_weight"] / pixels
            code = Sparsity(options["sparsity"], weight, dtype="float32", name="sparse")(code)
        x = code
        for width in reversed(options["widths"]):
            x = layers.Dense(width, "relu", kernel_initializer="he_normal", dtype=policy)(x)
        x = layers.Dense(pixels, "sigmoid", dtype="float32", name="pixels")(x)
        return keras.Model(inputs, layers.Reshape(image_shape)(x), name="autoencoder")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """(batch, code)."""
        return input_shape[0], self.last.units

    def get_config(self) -> dict[str, Any]:
        """What a saved layer is made from again."""
        return {**super().get_config(), **self.options}


class Masking(layers.Layer):  # type: ignore[misc]
    """Sets a random share of the pixels to zero while training (Vincent et al., ICML 2008, section 2.3)."""

    def __init__(self, share: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.share = share
        self.seeds = keras.random.SeedGenerator()

    def call(self, x: Any, training: bool = False) -> Any:
        """The images, and while training what is left of them."""
        if not training:
            return x
        return x * ops.cast(keras.random.uniform(ops.shape(x), seed=self.seeds) >= self.share, x.dtype)


class Sampling(layers.Layer):  # type: ignore[misc]
    """Draws codes from normal distributions, and adds their divergence from the standard one to the loss.

    The reparameterisation and the closed form of the divergence are of Kingma and Welling (ICLR 2014, section 2.4 and
    appendix B), its weight of Higgins et al. (beta-VAE, ICLR 2017).
    """

    def __init__(self, weight: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.weight = weight
        self.seeds = keras.random.SeedGenerator()

    def call(self, inputs: list[Any], training: bool = False) -> Any:
        """From means and logarithms of variances, (batch, code) each, to codes; the means when not training."""
        mean, log_variance = inputs
        if not training:
            return mean
        divergence = ops.sum(ops.square(mean) + ops.exp(log_variance) - log_variance - 1, axis=1) / 2
        self.add_loss(self.weight * ops.mean(divergence))
        return mean + ops.exp(log_variance / 2) * keras.random.normal(ops.shape(mean), seed=self.seeds)


class Sparsity(layers.Layer):  # type: ignore[misc]
    """Adds to the loss how far each unit's mean over the batch is from a small one (Ng, CS294A notes, 2011)."""

    def __init__(self, target: float, weight: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target = target
        self.weight = weight

    def call(self, code: Any, training: bool = False) -> Any:
        """The code as it is, (batch, code), between 0 and 1."""
        if training:
            mean = ops.clip(ops.mean(code, axis=0), 1e-6, 1 - 1e-6)
            on = self.target * ops.log(self.target / mean)
            off = (1 - self.target) * ops.log((1 - self.target) / (1 - mean))
            self.add_loss(self.weight * ops.sum(on + off))
        return code
