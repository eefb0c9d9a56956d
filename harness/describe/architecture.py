"""What a network is made of: the output, parameters, multiply-adds and memory of each layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from harness import registry
from harness.errors import MisuseError
from harness.models.quiet import import_keras

FLOAT32_BYTES = 4
DEFAULT_INPUT = (28, 28, 1)
DEFAULT_CLASSES = 10
MAX_VALUES = 2**31
"""Of an input, so that a slip of the keyboard does not fill the memory."""


class Layer(NamedTuple):
    """One layer, for one image."""

    name: str
    type: str
    output_shape: tuple[int, ...]
    """Without the batch."""
    parameters: int
    """All numbers that training sets or batch normalisation keeps."""
    trainable: int
    """Those of them that gradients change."""
    multiply_adds: int | None
    """Multiplications with a weight; None of a layer with weights that is not known here."""
    output_bytes: int
    """Of the output as float32."""


class Architecture(NamedTuple):
    """A network for images of one shape."""

    network: str
    input_shape: tuple[int, int, int]
    n_classes: int
    settings: dict[str, Any]
    layers: list[Layer]

    @property
    def parameters(self) -> int:
        """Of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def trainable(self) -> int:
        """Of all layers."""
        return sum(layer.trainable for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Of the layers where they are known; see `unknown`."""
        return sum(layer.multiply_adds or 0 for layer in self.layers)

    @property
    def unknown(self) -> list[str]:
        """Names of the layers whose multiply-adds are not known."""
        return [layer.name for layer in self.layers if layer.multiply_adds is None]

    @property
    def output_bytes(self) -> int:
        """What the outputs of all layers take together, as training keeps them; the input is not counted."""
        return sum(layer.output_bytes for layer in self.layers)


def architecture(
    network: str, input_shape: tuple[int, int, int], n_classes: int, settings: Mapping[str, Any]
) -> Architecture:
    """Build a network without giving its weights values, and list its layers.

    Parameters
    ----------
    network
        A registered name.
    input_shape, n_classes
        Height, width and channels of the images, and the number of outputs.
    settings
        Parameters of the network.

    Raises
    ------
    MisuseError
        If no network has that name, or the shape is none.
    TrialError
        If the network cannot take images of that shape.
    pydantic.ValidationError
        If a parameter is unknown or its value does not fit.
    """
    if min(*input_shape, n_classes) < 1 or math.prod(input_shape) > MAX_VALUES:
        raise MisuseError(f"{'x'.join(map(str, input_shape))} with {n_classes} classes is no input of a network")
    registry.parameters("networks", network).model_validate(dict(settings))
    import_keras()
    with _weightless():
        built = registry.build("networks", network, settings, input_shape, n_classes)
        layers = [Layer(**each) for each in _layers(built, "")]
    return Architecture(network, input_shape, n_classes, dict(settings), layers)


@contextmanager
def _weightless() -> Iterator[None]:
    """Have Keras make weights without values, so that VGG16 takes no 0.5 GB and no seconds.

    What is noted for a later start of such weights is forgotten with Keras's other global state.
    """
    import keras

    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        keras.utils.clear_session(free_memory=False)


def _layers(network: Any, prefix: str) -> Iterator[dict[str, Any]]:
    """The layers and operations of a network in the order of the calls, those of networks inside it among them."""
    import keras

    for layer in getattr(network, "operations", None) or network.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if isinstance(layer, keras.Model):
            yield from _layers(layer, f"{prefix}{layer.name}/")
            continue
        shape = tuple(int(side) for side in layer.output.shape[1:])
        weighted = isinstance(layer, keras.layers.Layer)
        yield {
            "name": f"{prefix}{layer.name}",
            "type": type(layer).__name__,
            "output_shape": shape,
            "parameters": int(layer.count_params()) if weighted else 0,
            "trainable": sum(math.prod(weight.shape) for weight in layer.trainable_weights) if weighted else 0,
            "multiply_adds": multiply_adds(layer) if weighted else 0,
            "output_bytes": FLOAT32_BYTES * math.prod(shape),
        }


def multiply_adds(layer: Any) -> int | None:
    """Multiplications of an input with a weight, each with its addition, that a layer makes for one image.

    ==================================== ==========================================================================
    layer                                counted
    ==================================== ==========================================================================
    convolution                          weights of the kernel times positions of the output
    transposed convolution               weights of the kernel times positions of the input
    depthwise and separable convolution  weights of both kernels times positions of the output
    dense                                weights of the kernel times positions (1 of a flat input)
    simple recurrent, LSTM, GRU          weights of both kernels times steps; twice where bidirectional
    Gaussian units, `autoencoder`'s code their matrices, each of which is used once for an image
    no weights, batch normalisation      0: it scales each value once, which inference folds into the convolution
    ==================================== ==========================================================================

    Biases, activations, poolings and additions are not counted, as in Sze, Chen, Yang and Emer (Proc. IEEE 105(12),
    2017, table II).

    Parameters
    ----------
    layer
        A Keras layer that has been called.

    Returns
    -------
    int or None
        None for a layer with weights that is not in this table.
    """
    from keras import layers

    from harness.models.networks.encoder import Encoder
    from harness.models.networks.gaussian import GaussianUnits

    if isinstance(layer, layers.Bidirectional):
        ahead, back = multiply_adds(layer.forward_layer), multiply_adds(layer.backward_layer)
        return None if ahead is None or back is None else ahead + back
    if isinstance(layer, layers.SimpleRNN | layers.LSTM | layers.GRU):
        # A layer inside Bidirectional has no input of its own; its steps are those it was built for.
        steps = int(_built_for(layer)[1])
        return steps * (_size(layer.cell.kernel) + _size(layer.cell.recurrent_kernel))
    if isinstance(layer, layers.SeparableConv1D | layers.SeparableConv2D):
        return _positions(layer, layer.output) * (_size(layer.depthwise_kernel) + _size(layer.pointwise_kernel))
    transposed = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
    if isinstance(layer, transposed):
        return _positions(layer, layer.input) * _size(layer.kernel)
    convolution = (layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.DepthwiseConv1D, layers.DepthwiseConv2D)
    if isinstance(layer, convolution):
        return _positions(layer, layer.output) * _size(layer.kernel)
    if isinstance(layer, layers.Dense):
        return int(math.prod(layer.output.shape[1:-1])) * _size(layer.kernel)
    if isinstance(layer, GaussianUnits | Encoder):
        return sum(_size(weight) for weight in layer.weights if len(weight.shape) == 2)
    if isinstance(layer, layers.BatchNormalization | layers.LayerNormalization | layers.Normalization):
        return 0
    return None if layer.weights else 0


def _built_for(layer: Any) -> tuple[Any, ...]:
    shape: tuple[Any, ...] = layer.get_build_config()["input_shape"]
    return shape


def _size(weight: Any) -> int:
    return math.prod(weight.shape)


def _positions(layer: Any, tensor: Any) -> int:
    """At how many places of a tensor the layer's kernel is laid."""
    sides = tensor.shape[1:-1] if layer.data_format == "channels_last" else tensor.shape[2:]
    return math.prod(sides)
