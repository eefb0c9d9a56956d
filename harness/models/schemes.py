"""In which order a network's layers are trained: all at once, the last alone, or one stage after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.build import dataset
from harness.data.home import data_home
from harness.data.pictures import Colour, Picture, pixels
from harness.data.rows import gathered
from harness.data.subsets import training_subset
from harness.errors import TrialError
from harness.models.networks import probabilities

if TYPE_CHECKING:
    import keras

    from harness.suite.model import Source

# Positions along each side that the maps of a stage are averaged to before its own softmax (Belilovsky et al. 2019).
HEAD_SIDE = 2


class Stage(NamedTuple):
    """What is trained together, and for how long."""

    model: keras.Model
    """The network itself, or its layers so far with a softmax of their own."""
    frozen: Sequence[Group]
    """Layers whose weights stay as they are from now on."""
    epochs: int
    steps: int
    """Gradient steps of an epoch."""


class Group(NamedTuple):
    """Layers of a network that stand one after the other: one with a matrix of weights, and what follows it."""

    layers: list[keras.Layer]
    output: keras.KerasTensor
    """Of the last layer before the next group that keeps the number of axes: maps are not flattened yet."""


def stages(model: keras.Model, scheme: str, epochs: int, steps: int, n_classes: int) -> list[Stage]:
    """How a scheme spends a training's budget.

    `joint` trains everything, `frozen` and `transferred` the softmax alone on layers that are as they are, in all
    epochs. `stagewise` is greedy and supervised (Bengio et al., NeurIPS 2006, section 4; Belilovsky, Eickenberg and
    Oyallon, ICML 2019): each stage is trained with a softmax of its own, which is then thrown away, while the stages
    before it are frozen; the last stage is the network's own softmax. A stage of maps has them averaged to 2x2
    positions before its softmax, as the latter authors do. Epochs are shared out evenly, the earlier stages
    having one more where they do not divide; where there are fewer than stages, gradient steps are, at least one each.

    Parameters
    ----------
    model
        Built; layers whose `trainable` is false make no stage.
    scheme
        `joint`, `frozen`, `stagewise` or `transferred`.
    epochs, steps
        Of joint training, and gradient steps of an epoch.
    n_classes
        Number of outputs.

    Raises
    ------
    TrialError
        If the network has nothing before its softmax that could be trained apart from it.
    """
    if scheme == "joint":
        return [Stage(model, [], epochs, steps)]
    every = groups(model)
    before = every[:-1]
    able = len(every) > 2 if scheme == "stagewise" else any(layer.weights for group in before for layer in group.layers)
    if not able:
        raise TrialError(
            f"{model.name}: no layer before the softmax that {scheme} could train apart; use scheme: joint"
        )
    if scheme != "stagewise":
        return [Stage(model, before, epochs, steps)]
    models = [_with_softmax(model, group, n_classes) for group in every[1:-1]] + [model]
    budget = zip(models, shares(epochs, steps, len(models)), strict=True)
    return [Stage(part, every[:number], *share) for number, (part, share) in enumerate(budget, 1)]


def shares(epochs: int, steps: int, n_stages: int) -> list[tuple[int, int]]:
    """Epochs and gradient steps of an epoch for each stage, of so many epochs of so many steps in all."""
    if epochs >= n_stages:
        return [(len(part), steps) for part in np.array_split(np.arange(epochs), n_stages)]
    return [(1, max(1, len(part))) for part in np.array_split(np.arange(epochs * steps), n_stages)]


def freeze(frozen: Sequence[Group]) -> None:
    """Keep weights as they are, and have their layers compute as they do when they predict.

    Keras runs batch normalisation that cannot be trained on its moving averages; dropout before the last frozen weight
    is set to nothing, while what follows it belongs to the layer that is trained.
    """
    from keras import layers

    flat = [layer for group in frozen for layer in group.layers]
    last = max((place for place, layer in enumerate(flat) if layer.weights), default=-1)
    for layer in flat[: last + 1]:
        layer.trainable = False
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0


def lend(lender: keras.Model, borrower: keras.Model) -> None:
    """Copy the weights of all layers but the softmax from one network into another of the same architecture."""
    for theirs, ours in zip(_before_softmax(lender), _before_softmax(borrower), strict=True):
        ours.set_weights(theirs.get_weights())


def _before_softmax(model: keras.Model) -> list[keras.Layer]:
    return [layer for group in groups(model)[:-1] for layer in group.layers]


def groups(model: keras.Model) -> list[Group]:
    """A network's layers, cut where all that flows through it is one tensor and a trainable matrix of weights comes.

    Returns
    -------
    list of Group
        First what comes before all of those, the input at least; then one group for each: a convolution with its
        normalisation, activation and pooling, a residual block, a hidden dense layer; the softmax last.
    """
    found: list[Group] = []
    for tensor, layers in _segments(model):
        if not found or any(len(weight.shape) > 1 for layer in layers for weight in layer.trainable_weights):
            found.append(Group(layers, tensor))
            continue
        group = found[-1]
        same = len(tensor.shape) == len(group.output.shape)
        found[-1] = Group(group.layers + layers, tensor if same else group.output)
    return found


def _segments(model: keras.Model) -> Iterator[tuple[keras.KerasTensor, list[keras.Layer]]]:
    """Tensors that everything flows through, in order, each with the layers since the one before."""
    import keras

    tensors: dict[int, Any] = {}
    inputs: dict[int, list[int]] = {}
    waiting = list(model.outputs)
    while waiting:
        tensor = waiting.pop()
        if id(tensor) not in tensors:
            history = tensor._keras_history
            given = history.operation._inbound_nodes[history.node_index].input_tensors
            tensors[id(tensor)], inputs[id(tensor)] = tensor, [id(one) for one in given]
            waiting += given
    order = list(TopologicalSorter(inputs).static_order())
    place = {key: number for number, key in enumerate(order)}
    last_use = dict.fromkeys(order, 0)
    for key in order:
        for one in inputs[key]:
            last_use[one] = max(last_use[one], place[key])
    layers: list[keras.Layer] = []
    needed = 0
    for number, key in enumerate(order):
        if isinstance(operation := tensors[key]._keras_history.operation, keras.layers.Layer):
            layers.append(operation)
        if needed <= number:
            yield tensors[key], layers
            layers = []
        needed = max(needed, last_use[key])


def _with_softmax(model: keras.Model, group: Group, n_classes: int) -> keras.Model:
    """A network's layers up to a group, and a softmax on what that gives."""
    import keras
    from keras import layers

    x = group.output
    if len(x.shape) == 4:
        sides = tuple(-(-side // HEAD_SIDE) for side in x.shape[1:3])
        x = layers.AveragePooling2D(sides, padding="same", name="stage_means")(x)
    if len(x.shape) > 2:
        x = layers.Flatten(name="stage_flatten")(x)
    return keras.Model(model.inputs, probabilities(x, n_classes))


def source_images(
    source: Source, seed: int, shape: tuple[int, ...]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], int]:
    """Training images of another dataset, made alike to those of a trial.

    Parameters
    ----------
    source
        The dataset, and how many of its training images.
    seed
        Of the choice, as everywhere.
    shape
        Of an image as it is wanted: (h, w) or (h, w, channels). Colours become grey by the weights of ITU-R BT.601,
        grey is repeated as red, green and blue; images of another size are scaled (bilinear, antialiased) until they
        fit in, with black where their proportions differ.

    Returns
    -------
    images, y, n_classes
        uint8 of (n, *shape); labels from 0 to n_classes - 1.

    Raises
    ------
    DataError
        If the dataset cannot be read or has fewer images.
    TrialError
        If images of this shape cannot be made of them.
    """
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3)):
        raise TrialError(
            f"{source.dataset.label}: cannot be a source for values of shape {shape}; expected grey or RGB images"
        )
    # The data home of this process: what runs a trial has set it.
    data = dataset(source.dataset).load(data_home(None))
    chosen = np.sort(training_subset(data.y_train, source.n_train, seed))
    images, y = gathered(data.x_train, chosen), np.asarray(data.y_train[chosen])
    channels = images.shape[3] if images.ndim == 4 else 1
    if channels not in (1, 3):
        raise TrialError(f"{data.name}: images of {channels} channels cannot be a source; expected grey or RGB")
    if images.shape[1:] != shape:
        colour: Colour = "rgb" if shape[2:] == (3,) else "grey"
        flat = images[..., 0] if images.shape[3:] == (1,) else images
        size = (shape[0], shape[1])
        made = [pixels(Picture(Image.fromarray(image), ()), size, colour, "pad") for image in flat]
        images = np.stack(made).reshape(len(flat), *shape)
    return images, y, len(data.class_names)
