"""A trained network as one compiled call, without Keras's loop around it: how it would be served."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

Forward: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def forward(model: keras.Model, backend: str, jit_compile: bool) -> Forward:
    """The fastest call that a backend offers for a network's probabilities.

    TensorFlow: one graph for any batch size; JAX: jitted with the weights as arguments; PyTorch: inference mode. With
    `jit_compile` TensorFlow's graph goes through XLA and PyTorch's through TorchInductor; JAX without it runs every
    operation by itself, as in training. The first call, and with XLA the first of each batch size, compiles.

    Parameters
    ----------
    model
        Trained.
    backend
        The Keras backend: `tensorflow`, `jax` or `torch`.
    jit_compile
        As the network was trained.

    Returns
    -------
    callable
        From float32 images (n, h, w, c) to float32 probabilities (n, n_classes), both NumPy arrays.
    """
    return {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[backend](model, jit_compile)


def _tensorflow(model: keras.Model, jit_compile: bool) -> Forward:
    import tensorflow as tf

    graph = tf.function(
        lambda x: model(x, training=False),
        input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)],
        jit_compile=jit_compile,
    )
    return lambda x: np.asarray(graph(x))


def _jax(model: keras.Model, jit_compile: bool) -> Forward:
    import jax

    trained = [variable.value for variable in model.trainable_variables]
    other = [variable.value for variable in model.non_trainable_variables]

    def outputs(trained: Any, other: Any, x: Any) -> Any:
        return model.stateless_call(trained, other, x, training=False)[0]

    call = jax.jit(outputs) if jit_compile else outputs
    return lambda x: np.asarray(call(trained, other, x))


def _torch(model: keras.Model, jit_compile: bool) -> Forward:
    import torch

    device = model.weights[0].value.device

    def outputs(x: torch.Tensor) -> Any:
        return model(x, training=False)

    call = torch.compile(outputs, dynamic=True) if jit_compile else outputs

    def probabilities(x: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            found: NDArray[np.float32] = call(torch.from_numpy(x).to(device)).cpu().numpy()
        return found

    return probabilities
