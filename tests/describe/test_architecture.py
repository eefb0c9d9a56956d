"""Layers, parameters and multiply-adds against published numbers, equations, and what TensorFlow's graph multiplies."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from harness import registry
from harness.describe.architecture import Architecture, architecture, multiply_adds
from harness.describe.ask import check_settings, image_shape, network_layers, settings_of
from harness.describe.published import TABLES, audit
from harness.errors import HarnessError, MisuseError, TrialError
from tests.describe.vgg16_document import counted

REGISTERED = list(registry.BUILT_IN["networks"])


def in_graph(network: keras.Model, input_shape: tuple[int, ...]) -> int:
    """Multiplications of the matrix products and convolutions in TensorFlow's graph of a network."""
    graph = tf.function(network).get_concrete_function(tf.TensorSpec((1, *input_shape))).graph
    total = 0
    for operation in graph.get_operations():
        if operation.type == "Conv2D":
            total += math.prod(operation.inputs[1].shape) * math.prod(operation.outputs[0].shape[1:3])
        if operation.type == "MatMul":
            left, right = (tuple(tensor.shape) for tensor in operation.inputs)
            total += math.prod(left) * right[0 if operation.get_attr("transpose_b") else 1]
    return total


@pytest.mark.parametrize("name", REGISTERED)
def test_every_network_is_listed_and_its_layers_add_up(name: str) -> None:
    built = network_layers(name, (32, 36, 3), 7, {})
    assert built.layers[-1].output_shape == (7,)
    assert built.unknown == []
    assert built.multiply_adds > 0
    assert built.output_bytes == 4 * sum(math.prod(layer.output_shape) for layer in built.layers)
    with keras.StatelessScope(initialize_variables=False):
        assert built.parameters == registry.build("networks", name, {}, (32, 36, 3), 7).count_params()
    keras.utils.clear_session()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("perceptron", {}),
        ("mlp", {}),
        ("rbf", {"units": 30}),
        ("lenet5", {}),
        ("cnn", {"depth": 3, "batch_norm": True}),
        ("resnet", {"width": 4}),
        ("autoencoder", {"code": 6}),
        ("vgg16", {"dense_units": 8}),
    ],
)
def test_multiply_adds_are_those_of_tensorflows_graph(name: str, settings: dict[str, Any]) -> None:
    shape = (16, 20, 3)
    expected = in_graph(registry.build("networks", name, settings, shape, 7), shape)
    assert architecture(name, shape, 7, settings).multiply_adds == expected


@pytest.mark.parametrize(("name", "gates"), [("rnn", 1), ("lstm", 4), ("gru", 3)])
def test_recurrent_layers_multiply_in_every_step(name: str, gates: int) -> None:
    """A row of the image is a step; both kernels are used in it, once for each gate."""
    one = gates * 8 * (8 + 9 * 3)
    assert architecture(name, (6, 9, 3), 5, {"units": 8}).multiply_adds == 6 * one + 8 * 5
    both = architecture(name, (6, 9, 3), 5, {"units": 8, "bidirectional": True, "layers": 2})
    assert both.multiply_adds == 6 * 2 * one + 6 * 2 * gates * 8 * (8 + 16) + 16 * 5


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (keras.layers.DepthwiseConv2D(3), 4 * 6 * 9 * 2),
        (keras.layers.SeparableConv2D(5, 3), 4 * 6 * (9 * 2 + 2 * 5)),
        (keras.layers.Conv2DTranspose(5, 3, strides=2), 6 * 8 * 9 * 2 * 5),
        (keras.layers.Conv2D(4, 3, groups=2, strides=2, padding="same"), 3 * 4 * 9 * 1 * 4),
        (keras.layers.Dense(5), 6 * 8 * 2 * 5),
        (keras.layers.BatchNormalization(), 0),
        (keras.layers.MaxPooling2D(), 0),
        (keras.layers.PReLU(), None),
    ],
)
def test_multiply_adds_of_single_layers(layer: keras.Layer, expected: int | None) -> None:
    layer(keras.Input((6, 8, 2)))
    assert multiply_adds(layer) == expected


def test_a_layer_that_is_not_known_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def odd(input_shape: Any, n_classes: int) -> keras.Model:
        """A network inside a network, and a layer of somebody else's."""
        inner = keras.Sequential(
            [keras.Input(input_shape), keras.layers.Flatten(), keras.layers.Dense(4, name="inside")], name="inner"
        )
        inputs = keras.Input(input_shape)
        x = keras.layers.PReLU(name="odd")(inner(inputs))
        return keras.Model(inputs, keras.layers.Dense(n_classes, name="last")(x))

    monkeypatch.setitem(registry.REGISTERED["networks"], "odd", odd)
    built = architecture("odd", (3, 2, 1), 5, {})
    assert [layer.name for layer in built.layers] == ["inner/flatten", "inner/inside", "odd", "last"]
    assert built.unknown == ["odd"]
    assert built.multiply_adds == 6 * 4 + 4 * 5
    assert built.parameters == 7 * 4 + 4 + 5 * 5


def test_lenet5_has_the_papers_connections() -> None:
    """LeCun et al. 1998, section II.B: each output has a bias, and C3 is dense here where the paper's is sparse."""
    layers = {layer.name: layer for layer in architecture("lenet5", (32, 32, 1), 10, {}).layers}
    connections = {
        name: (layer.multiply_adds or 0) + math.prod(layer.output_shape)
        for name, layer in layers.items()
        if layer.parameters
    }
    assert connections["C1"] == 122_304
    assert connections["C5"] == 48_120
    assert connections["F6"] == 10_164


@pytest.mark.parametrize(("n", "published"), [(9, 1.25e8), (18, 2.53e8)])
def test_resnets_have_the_published_multiply_adds(n: int, published: float) -> None:
    """ResNet-56 and ResNet-110 on CIFAR-10 as Li et al. count them (ICLR 2017, table 1)."""
    built = architecture("resnet", (32, 32, 3), 10, {"n": n})
    assert built.multiply_adds == pytest.approx(published, rel=0.005)


def test_vgg16_is_by_default_as_published() -> None:
    built = network_layers("vgg16", None, None, {})
    assert (built.input_shape, built.n_classes) == ((224, 224, 3), 1000)
    assert built.parameters == built.trainable == 138_357_544
    convolutions = sum(layer.multiply_adds or 0 for layer in built.layers if layer.type == "Conv2D")
    assert convolutions == 15_346_630_656
    assert built.multiply_adds == convolutions + 123_633_664 == 15_470_264_320
    held = audit(built)
    assert held is not None
    assert held.agrees
    assert held.conclusion.endswith("in all 21 layers: 138,357,544 parameters")


def test_vgg19_is_by_default_as_published() -> None:
    built = network_layers("vgg19", None, None, {})
    held = audit(built)
    assert held is not None
    assert held.agrees
    assert built.parameters == 143_667_240


@pytest.mark.parametrize("name", TABLES)
def test_the_published_counts_follow_from_the_widths(name: str) -> None:
    table = TABLES[name]
    maps, side = 3, 224
    for row in table.rows:
        if "pool" in row.layer:
            side //= 2
            assert (row.output_shape, row.parameters) == ((side, side, maps), 0)
            continue
        convolution = "conv" in row.layer
        inputs = maps * side * side if row.layer == "fc1" else maps
        assert row.parameters == counted(3 if convolution else 1, inputs, row.output_shape[-1])
        assert row.output_shape[:-1] == ((side, side) if convolution else ())
        maps = row.output_shape[-1]
    assert sum(row.parameters for row in table.rows) == table.total


def test_what_is_not_as_published_is_named() -> None:
    fewer = audit(network_layers("vgg16", None, None, {"dense_units": 512}))
    assert fewer is not None
    assert not fewer.agrees
    assert fewer.verdicts["fc1"] == "differs: output 4096 published"
    assert fewer.verdicts["predictions"] == "differs: 4,097,000 published"
    assert fewer.conclusion.startswith("3 of 21 layers differ from Simonyan and Zisserman 2015, configuration D: fc1")
    normalised = audit(network_layers("vgg16", None, None, {"batch_norm": True}))
    assert normalised is not None
    assert normalised.verdicts["block1_conv1"] == "differs: 1,792 published"
    assert normalised.verdicts["block1_conv1_bn"] == "is not published"
    assert "; and 23 more" in normalised.conclusion


def test_other_inputs_are_not_held_against_the_table() -> None:
    small = network_layers("vgg16", (28, 28, 1), 10, {})
    assert audit(small) is None
    assert small.settings == {}
    assert {"resize", "grey_to_rgb"} <= {layer.name for layer in small.layers}


def test_building_leaves_nothing_behind() -> None:
    """Weights without values must not be given some by whatever Keras makes next."""
    architecture("vgg16", (224, 224, 3), 1000, {"input_size": 224})
    layer = keras.layers.Dense(3)
    given = layer(np.ones((2, 4), np.float32))
    assert given.shape == (2, 3)
    assert keras.backend.backend() == "tensorflow"
    assert not keras.src.backend.common.global_state.get_global_attribute("uninitialized_variables")


@pytest.mark.parametrize(("text", "shape"), [("224x224x3", (224, 224, 3)), ("28x30", (28, 30, 1))])
def test_shapes_are_read(text: str, shape: tuple[int, int, int]) -> None:
    assert image_shape(text) == shape


@pytest.mark.parametrize("text", ["", "28", "28x", "0x28", "28x28x0", "28x28x3x1", "-1x28", "9999999x28", "28X28"])
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(MisuseError, match="expected height x width"):
        image_shape(text)


def test_settings_are_yaml() -> None:
    assert settings_of(["width=8", "name=a b", "sizes=[1, 2]"]) == {
        "width": 8,
        "name": "a b",
        "sizes": [1, 2],
    }
    with pytest.raises(MisuseError, match="expected KEY=VALUE"):
        settings_of(["width"])
    with pytest.raises(MisuseError, match=r"cnn.wdth: unknown key 'wdth'; did you mean 'width'\?"):
        check_settings("networks", "cnn", {"wdth": 8})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("cn", None, None, {}), MisuseError, "did you mean 'cnn'"),
        (("cnn", (3, 3, 1), None, {}), TrialError, "use depth <= 1"),
        (("cnn", (60_000, 60_000, 3), None, {}), MisuseError, "60000x60000x3 with 10 classes is no input"),
        (("cnn", None, None, {"width": 0}), MisuseError, "cnn.width: "),
    ],
)
def test_slips_are_one_line(arguments: Any, error: type[HarnessError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        network_layers(*arguments)
    assert "\n" not in str(caught.value)


def test_totals_are_the_sums() -> None:
    built = architecture("resnet", (8, 8, 1), 10, {"width": 4})
    assert isinstance(built, Architecture)
    trained = sum(layer.trainable for layer in built.layers)
    assert built.trainable == trained < built.parameters
