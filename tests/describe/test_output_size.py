"""The lecture's W2 = (W1 - F + 2P) / S + 1, rounded down, is what Keras's layers give."""

from __future__ import annotations

import keras
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

SIDES = st.integers(1, 300)
KERNELS = st.integers(1, 11)
STRIDES = st.integers(1, 7)


def output_size(w1: int, f: int, p: int, s: int, more: int = 0) -> int:
    """The formula; `more` is one pixel of padding on one side only."""
    return (w1 - f + 2 * p + more) // s + 1


def sides(layer: keras.Layer, height: int, width: int) -> tuple[int, ...]:
    shape: tuple[int, ...] = layer.compute_output_shape((None, height, width, 2))
    return shape[1:3]


@given(SIDES, SIDES, KERNELS, KERNELS, STRIDES)
def test_without_padding(height: int, width: int, f_height: int, f_width: int, s: int) -> None:
    height, width = max(height, f_height), max(width, f_width)
    expected = (output_size(height, f_height, 0, s), output_size(width, f_width, 0, s))
    convolution = layers.Conv2D(3, (f_height, f_width), strides=s, padding="valid")
    pooling = layers.MaxPooling2D((f_height, f_width), strides=s, padding="valid")
    assert sides(convolution, height, width) == expected
    assert sides(pooling, height, width) == expected


@given(SIDES, SIDES, KERNELS, STRIDES, st.integers(0, 6))
def test_with_explicit_padding(height: int, width: int, f: int, s: int, p: int) -> None:
    height, width = max(height, f), max(width, f)
    padded = layers.ZeroPadding2D(p).compute_output_shape((None, height, width, 2))
    expected = (output_size(height, f, p, s), output_size(width, f, p, s))
    assert sides(layers.Conv2D(3, f, strides=s), *padded[1:3]) == expected
    assert sides(layers.MaxPooling2D(f, strides=s), *padded[1:3]) == expected


@given(SIDES, KERNELS, STRIDES)
def test_same_padding_is_the_least_that_gives_a_stride_to_each_output(width: int, f: int, s: int) -> None:
    """Keras pads by (ceil(W1 / S) - 1) S + F - W1 in all, never less than 0, the odd pixel after the others."""
    outputs = -(-width // s)
    padding = max(0, (outputs - 1) * s + f - width)
    expected = output_size(width, f, padding // 2, s, more=padding % 2)
    assert expected == outputs
    for layer in (layers.Conv2D(3, f, strides=s, padding="same"), layers.MaxPooling2D(f, strides=s, padding="same")):
        assert sides(layer, width, width) == (expected, expected)


@given(SIDES, st.integers(0, 5))
def test_half_a_kernel_of_padding_keeps_the_size(width: int, half: int) -> None:
    """VGG16's case: F = 3, P = 1, S = 1."""
    f = 2 * half + 1
    assert output_size(width, f, half, 1) == width
    assert sides(layers.Conv2D(3, f, padding="same"), width, width) == (width, width)
