"""VGG16, the 16-layer network of Simonyan and Zisserman (ICLR 2015, configuration D), as keras.applications has it."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from harness.models.networks import BATCH_NORM_MOMENTUM

if TYPE_CHECKING:
    import keras

PUBLISHED_DENSE_UNITS = 4096


def vgg16(
    input_shape: tuple[int, int, int],
    n_classes: int,
    *,
    input_size: Annotated[int, Field(ge=32)] = 32,
    initializer: Literal["glorot_uniform", "he_normal"] = "glorot_uniform",
    batch_norm: bool = False,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    dense_units: Annotated[int, Field(ge=1)] = PUBLISHED_DENSE_UNITS,
) -> "keras.Model":
    """VGG16 from random weights: 13 convolutions and 3 dense layers.

    With the default options this is `keras.applications.VGG16(weights=None)` itself (138,357,544 parameters at
    `input_size=224` and 1000 classes). The plain network hardly starts to learn from scratch: the authors started it
    from the weights of a shallower one. `initializer="he_normal"` (He et al., ICCV 2015) and `batch_norm=True`
    (Ioffe and Szegedy, ICML 2015) are the two published remedies.

    Parameters
    ----------
    input_shape
        Height, width and channels (1 or 3) of the float32 images, scaled to [0, 1].
    n_classes
        Number of softmax probabilities given out.
    input_size
        Side in pixels that images are resized to (bilinear) inside the network; five poolings need at least 32.
    initializer
        Of every convolution and hidden dense layer; `glorot_uniform` is Keras's default.
    batch_norm
        Batch normalisation between each convolution and its ReLU.
    dropout
        After each hidden dense layer, while training; the paper has 0.5, keras.applications 0.
    dense_units
        Units in each of the two hidden dense layers; the paper has 4096.

    Returns
    -------
    keras.Model
        Maps (batch, h, w, c) to (batch, n_classes); not compiled.
    """
    import keras
    from keras import layers

    height, breadth, channels = input_shape
    inputs = layers.Input(input_shape)
    x = inputs
    if (height, breadth) != (input_size, input_size):
        x = layers.Resizing(input_size, input_size, name="resize")(x)
    if channels == 1:
        x = layers.Concatenate(name="grey_to_rgb")([x, x, x])
    published = keras.applications.VGG16(
        weights=None, input_tensor=x, input_shape=(input_size, input_size, 3), classes=n_classes
    )
    # Made by `input_tensor`, it warns at every call that it expected a list of inputs; the same layers here do not.
    published = keras.Model(inputs, published.output, name="vgg16")
    as_it_is = (initializer, batch_norm, dropout, dense_units) == ("glorot_uniform", False, 0.0, PUBLISHED_DENSE_UNITS)
    if as_it_is and keras.config.dtype_policy().name == "float32":
        return published

    def altered(layer: "keras.Layer") -> "keras.Layer":
        config = layer.get_config()
        if isinstance(layer, layers.Conv2D) or layer.name in ("fc1", "fc2"):
            config["kernel_initializer"] = initializer
        if isinstance(layer, layers.Conv2D) and batch_norm:
            config.update(activation="linear", use_bias=False)
        if layer.name in ("fc1", "fc2"):
            config["units"] = dense_units
        if layer.name == "predictions":
            # In float32 under every dtype policy: a softmax of half precision is none.
            config["dtype"] = "float32"
        return type(layer).from_config(config)

    def called(layer: "keras.Layer", *args: Any, **kwargs: Any) -> Any:
        output = layer(*args, **kwargs)
        if isinstance(layer, layers.Conv2D) and batch_norm:
            output = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{layer.name}_bn")(output)
            output = layers.ReLU(name=f"{layer.name}_relu")(output)
        if layer.name in ("fc1", "fc2") and dropout:
            output = layers.Dropout(dropout, name=f"{layer.name}_dropout")(output)
        return output

    return keras.models.clone_model(published, clone_function=altered, call_function=called)
