"""What VGG16 and VGG19 have in common: convolutions as `keras.applications` has them, their weights, and the head."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field

from harness.data.home import data_home
from harness.errors import TrialError
from harness.models.networks import BATCH_NORM_MOMENTUM, probabilities

if TYPE_CHECKING:
    import keras

PUBLISHED_DENSE_UNITS = 4096
# Means of ImageNet's red, green and blue from 0 to 255, which `keras.applications.vgg16.preprocess_input` takes off.
IMAGENET_MEANS = (123.68, 116.779, 103.939)


def _known(weights: str) -> str:
    if weights not in ("random", "imagenet") and not weights.endswith((".h5", ".keras")):
        raise ValueError("expected random, imagenet, or a file that ends in .h5 or .keras")
    return weights


InputSize = Annotated[int, Field(ge=32)]
Initializer = Literal["glorot_uniform", "he_normal"]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Units = Annotated[int, Field(ge=1)]
Weights = Annotated[str, AfterValidator(_known)]
Head = Literal["dense", "flat", "pooled"]
Trainable = Literal["all", "last_block", "head"]


class Published(NamedTuple):
    """The file of weights that `keras.applications` publishes, without the dense layers."""

    function: str
    """In `keras.applications`."""
    file: str
    md5: str


PUBLISHED = {
    "vgg16": Published(
        "VGG16", "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", "6d6bbae143d832006294945121d1f1fc"
    ),
    "vgg19": Published(
        "VGG19", "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5", "253f8cb515780f3b799900260a226db6"
    ),
}
# What h5py, zipfile and Keras say of files that are none, are cut off, or hold something else.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, zipfile.BadZipFile, zlib.error)


class Options(NamedTuple):
    """What can be set of either network."""

    input_size: int
    """Side in pixels that images are resized to (bilinear) inside the network; five poolings need at least 32."""
    initializer: Initializer
    """Of every convolution and hidden dense layer that starts at random; `glorot_uniform` is Keras's default."""
    batch_norm: bool
    """Batch normalisation between each convolution and its ReLU (Ioffe and Szegedy, ICML 2015)."""
    dropout: float
    """After each hidden dense layer, while training; the paper has 0.5, keras.applications 0."""
    dense_units: int
    """Units in each of the two hidden dense layers; the paper has 4096."""
    weights: str
    """Of the convolutions at the start: `random`, `imagenet` (the file in Keras's cache), or a `.h5`, `.weights.h5` or
    `.keras` file, in the data home where its path is not absolute."""
    preprocess: bool | None
    """Give the convolutions what they saw on ImageNet: blue, green, red from 0 to 255, less each colour's mean. Where
    not given, with any weights but random ones."""
    trainable: Trainable
    """`all` layers, the `last_block` of convolutions and the head, or the `head` alone."""
    head: Head
    """After the convolutions: `dense` (flattened, two hidden layers: the paper's), `flat` (flattened) or `pooled`
    (mean of each map, as Lin et al., Network in network, ICLR 2014, have it), and then the softmax."""


def vgg(name: str, input_shape: tuple[int, int, int], n_classes: int, options: Options) -> "keras.Model":
    """VGG16 or VGG19 of Simonyan and Zisserman (ICLR 2015).

    Parameters
    ----------
    name
        `vgg16` or `vgg19`.
    input_shape
        Height, width and channels (1 or 3) of the float32 images, scaled to [0, 1].
    n_classes
        Number of softmax probabilities given out.
    options
        See there.

    Returns
    -------
    keras.Model
        Maps (batch, h, w, c) to (batch, n_classes); not compiled.

    Raises
    ------
    TrialError
        If the images are neither grey nor RGB, or the weights are absent, unreadable or not for this network.
    """
    import keras
    from keras import layers

    height, breadth, channels = input_shape
    size, pretrained = options.input_size, options.weights != "random"
    if channels not in (1, 3):
        raise TrialError(f"{name} takes images of 1 or 3 channels, received {channels}; convert them first")
    if pretrained and options.batch_norm:
        raise TrialError(f"{name}: weights {options.weights} have no batch normalisation; leave batch_norm or them out")
    # Before anything is built: absent weights are told at once.
    file = _file(name, options.weights) if pretrained else None
    inputs = layers.Input(input_shape)
    x = inputs
    if (height, breadth) != (size, size):
        x = layers.Resizing(size, size, name="resize")(x)
    if channels == 1:
        x = layers.Concatenate(name="grey_to_rgb")([x, x, x])
    if pretrained if options.preprocess is None else options.preprocess:
        # In float32 under every dtype policy: half precision would round the pixels.
        offset = tuple(-mean for mean in IMAGENET_MEANS)
        x = layers.Rescaling(255.0, offset, dtype="float32", name="less_imagenet_means")(x)
        x = keras.ops.flip(x, axis=-1)
    application = getattr(keras.applications, PUBLISHED[name].function)
    published = application(include_top=False, weights=None, input_tensor=x, input_shape=(size, size, 3))
    # Made by `input_tensor`, it warns at every call that it expected a list of inputs; the same layers here do not.
    convolutions = keras.Model(inputs, published.output, name=name)
    if options.batch_norm or options.initializer != "glorot_uniform":
        convolutions = _altered(convolutions, options)
        inputs = convolutions.input
    if file is not None:
        _load(convolutions, file)
    for layer in convolutions.layers:
        if options.trainable == "head" or (options.trainable == "last_block" and not layer.name.startswith("block5")):
            layer.trainable = False
    x = _head(convolutions.output, options)
    return keras.Model(inputs, probabilities(x, n_classes), name=name)


def _altered(convolutions: "keras.Model", options: Options) -> "keras.Model":
    """The same layers with another initialisation, or with batch normalisation."""
    import keras
    from keras import layers

    def altered(layer: "keras.Layer") -> "keras.Layer":
        config = layer.get_config()
        if isinstance(layer, layers.Conv2D):
            config["kernel_initializer"] = options.initializer
            if options.batch_norm:
                config.update(activation="linear", use_bias=False)
        return type(layer).from_config(config)

    def called(layer: "keras.Layer", *args: Any, **kwargs: Any) -> Any:
        output = layer(*args, **kwargs)
        if isinstance(layer, layers.Conv2D) and options.batch_norm:
            output = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{layer.name}_bn")(output)
            output = layers.ReLU(name=f"{layer.name}_relu")(output)
        return output

    return keras.models.clone_model(convolutions, clone_function=altered, call_function=called)


def _head(x: "keras.KerasTensor", options: Options) -> "keras.KerasTensor":
    """From the last maps to what the softmax sees."""
    from keras import layers

    if options.head == "pooled":
        return layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2") if options.head == "dense" else ():
        x = layers.Dense(options.dense_units, "relu", kernel_initializer=options.initializer, name=name)(x)
        if options.dropout:
            x = layers.Dropout(options.dropout, name=f"{name}_dropout")(x)
    return x


def missing_weights(network: str, params: Mapping[str, Any], home: Path | None = None) -> str | None:
    """One line where the file of weights that a network would start from is absent; builds and imports nothing.

    Parameters
    ----------
    network, params
        A registered name and its parameters; only `vgg16` and `vgg19` start from files.
    home
        The data home; None stands for the default one (`harness.data.home`).
    """
    weights = params.get("weights", "random")
    if network not in PUBLISHED or weights == "random":
        return None
    path = _path(network, weights, home)
    if os.path.isfile(path):
        return None
    if weights != "imagenet":
        return f"{network}: no file of weights at {path}; put it there, or give `weights` an absolute path"
    return (
        f"{network}: no ImageNet weights at {path}; fetch them with "
        f"`python -c 'import keras; keras.applications.{PUBLISHED[network].function}(include_top=False)'`, "
        "or copy that file from another machine"
    )


def _path(network: str, weights: str, home: Path | None) -> Path:
    if weights == "imagenet":
        # As Keras has it; asked itself, it would be imported.
        keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
        return keras_home / "models" / PUBLISHED[network].file
    return data_home(home) / Path(weights)


def _file(network: str, weights: str) -> Path:
    """The file of weights, which is there, and is the published one where it should be."""
    if told := missing_weights(network, {"weights": weights}):
        raise TrialError(told)
    path = _path(network, weights, None)
    if weights == "imagenet":
        # Not by `keras.utils.get_file`: it would download within a trial, and remove what it cannot replace.
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "md5").hexdigest()
        except OSError as error:
            raise TrialError(f"{path}: cannot be read: {error.strerror}; replace it") from error
        if found != PUBLISHED[network].md5:
            raise TrialError(
                f"{path} has MD5 {found}, published is {PUBLISHED[network].md5}; remove it and fetch it anew"
            )
    return path


def _load(convolutions: "keras.Model", path: Path) -> None:
    """Take weights, and nothing else, from a file: no layer is made from it, so no code of it can run."""
    try:
        convolutions.load_weights(path)
    except UNREADABLE as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise TrialError(
            f"{path}: cannot be read as weights of {convolutions.name} ({words[:200]}); "
            "make it with `save_weights` of keras.applications' network, include_top=False"
        ) from error
