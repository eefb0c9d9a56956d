"""The layer that changes training images. It imports Keras, so import it only where a network is built or loaded.

What a suite sets is `harness.suite.model.Augment`. Put before a network for training only, as in
`keras.Sequential([keras.Input(shape), layer, network])`, the layer leaves the network itself as it is.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import keras
from keras import layers, ops

Flip: TypeAlias = Literal["horizontal", "vertical", "horizontal_and_vertical"]
Fill: TypeAlias = Literal["nearest", "constant", "reflect", "wrap"]


@keras.saving.register_keras_serializable(package="harness")
class Augmentation(layers.Layer):  # type: ignore[misc]
    """Changes each image of a batch at random while training, and gives it back as it is otherwise.

    Keras's own layers in a row; those that turn, move and zoom are not compiled by XLA on TensorFlow, and Keras then
    trains without it. Computed in float32 under every dtype policy.

    Parameters
    ----------
    seed
        Decides all changes on a backend; the backends draw differently.
    shift
        Part of the height and of the width by which an image is moved at most, up or down and to either side.
    rotate
        Degrees by which it is turned at most, either way.
    zoom
        Part by which its sides are made longer or shorter at most, both alike.
    flip
        Mirror it in one case of two: left to right, top to bottom, or each by itself. A mirrored digit may be none.
    brightness
        What is added to or taken off all its pixels at most, in images from 0 to 1.
    contrast
        Part by which its pixels' differences from their mean are enlarged or made smaller at most.
    fill
        Of pixels whose place was outside: the edge's (`nearest`), black (`constant`), the image mirrored there
        (`reflect`) or from its other side (`wrap`).
    kwargs
        Of `keras.layers.Layer`.
    """

    def __init__(
        self,
        *,
        seed: int,
        shift: float = 0.0,
        rotate: float = 0.0,
        zoom: float = 0.0,
        flip: Flip | None = None,
        brightness: float = 0.0,
        contrast: float = 0.0,
        fill: Fill = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": "float32", "name": "augment", **kwargs})
        self.options = {
            "seed": seed,
            "shift": shift,
            "rotate": rotate,
            "zoom": zoom,
            "flip": flip,
            "brightness": brightness,
            "contrast": contrast,
            "fill": fill,
        }
        policy = self.dtype_policy
        # Each its own seed: with one, all would draw the same numbers.
        steps = [
            flip and layers.RandomFlip(flip, seed=seed, dtype=policy),
            shift and layers.RandomTranslation(shift, shift, fill_mode=fill, seed=seed + 1, dtype=policy),
            rotate and layers.RandomRotation(rotate / 360, fill_mode=fill, seed=seed + 2, dtype=policy),
            zoom and layers.RandomZoom(zoom, fill_mode=fill, seed=seed + 3, dtype=policy),
            brightness and layers.RandomBrightness(brightness, (0, 1), seed=seed + 4, dtype=policy),
            contrast and layers.RandomContrast(contrast, (0, 1), seed=seed + 5, dtype=policy),
        ]
        self.steps = [step for step in steps if step]
        if keras.backend.backend() == "jax":
            # Keras says of some that they cannot be compiled; that is so of TensorFlow's XLA only.
            for layer in self.steps:
                layer.supports_jit = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Nothing to make: the steps have no weights."""

    def call(self, images: Any, training: bool = False) -> Any:
        """From (batch, h, w, c) in [0, 1] to the same."""
        # Keras's layers change images where nobody says whether this is training; here that stands for prediction.
        if not training:
            return images
        for layer in self.steps:
            images = layer(images, training=True)
        # PyTorch's interpolation overshoots by a rounding error.
        return ops.clip(images, 0, 1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """As that of the images."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """What a saved layer is made from again."""
        return {**super().get_config(), **self.options}
