"""VGG16 and VGG19 as published, and what a built network has of that.

Table 1 of Simonyan and Zisserman (ICLR 2015, arXiv:1409.1556) lists the layers of configurations D and E; all kernels
are 3x3 with padding 1, all poolings 2x2 with stride 2, images 224x224. From these the counts below follow; of
parameters the paper itself prints the totals only, 138 and 144 million (table 2). Names are those of
keras.applications.
"""

from __future__ import annotations

from typing import NamedTuple

from harness.describe.architecture import Architecture

INPUT_SHAPE = (224, 224, 3)
N_CLASSES = 1000
NAMED = 3
"""Layers that the conclusion of an audit names; its table has all."""


class Row(NamedTuple):
    """One layer of a published table."""

    layer: str
    output_shape: tuple[int, ...]
    parameters: int


# fmt: off
VGG16 = (
    Row("block1_conv1", (224, 224, 64), 1_792),
    Row("block1_conv2", (224, 224, 64), 36_928),
    Row("block1_pool", (112, 112, 64), 0),
    Row("block2_conv1", (112, 112, 128), 73_856),
    Row("block2_conv2", (112, 112, 128), 147_584),
    Row("block2_pool", (56, 56, 128), 0),
    Row("block3_conv1", (56, 56, 256), 295_168),
    Row("block3_conv2", (56, 56, 256), 590_080),
    Row("block3_conv3", (56, 56, 256), 590_080),
    Row("block3_pool", (28, 28, 256), 0),
    Row("block4_conv1", (28, 28, 512), 1_180_160),
    Row("block4_conv2", (28, 28, 512), 2_359_808),
    Row("block4_conv3", (28, 28, 512), 2_359_808),
    Row("block4_pool", (14, 14, 512), 0),
    Row("block5_conv1", (14, 14, 512), 2_359_808),
    Row("block5_conv2", (14, 14, 512), 2_359_808),
    Row("block5_conv3", (14, 14, 512), 2_359_808),
    Row("block5_pool", (7, 7, 512), 0),
    Row("fc1", (4096,), 102_764_544),
    Row("fc2", (4096,), 16_781_312),
    Row("predictions", (1000,), 4_097_000),
)
VGG19 = (
    *VGG16[:9], Row("block3_conv4", (56, 56, 256), 590_080),
    *VGG16[9:13], Row("block4_conv4", (28, 28, 512), 2_359_808),
    *VGG16[13:17], Row("block5_conv4", (14, 14, 512), 2_359_808),
    *VGG16[17:],
)
# fmt: on


class Table(NamedTuple):
    """A published network."""

    title: str
    rows: tuple[Row, ...]
    total: int


TABLES = {
    "vgg16": Table("Simonyan and Zisserman 2015, configuration D", VGG16, 138_357_544),
    "vgg19": Table("Simonyan and Zisserman 2015, configuration E", VGG19, 143_667_240),
}


class Audit(NamedTuple):
    """A built network held against the published one."""

    table: Table
    verdicts: dict[str, str]
    """Of each layer with a row in the table, or with weights: `agrees`, or in what it differs."""
    conclusion: str
    """One line."""

    @property
    def agrees(self) -> bool:
        """Whether every layer does."""
        return all(verdict == "agrees" for verdict in self.verdicts.values())


def audit(built: Architecture) -> Audit | None:
    """Hold a network against its published table; None where there is none for this input and number of classes."""
    table = TABLES.get(built.network)
    if table is None or (built.input_shape, built.n_classes) != (INPUT_SHAPE, N_CLASSES):
        return None
    rows = {row.layer: row for row in table.rows}
    layers = {layer.name: layer for layer in built.layers}
    verdicts = {}
    for name, row in rows.items():
        if name not in layers:
            verdicts[name] = "is missing"
        elif layers[name].output_shape != row.output_shape:
            verdicts[name] = f"differs: output {shape(row.output_shape)} published"
        elif layers[name].parameters != row.parameters:
            verdicts[name] = f"differs: {row.parameters:,} published"
        else:
            verdicts[name] = "agrees"
    verdicts |= {name: "is not published" for name, layer in layers.items() if layer.parameters and name not in rows}
    differing = [f"{name} {verdict}" for name, verdict in verdicts.items() if verdict != "agrees"]
    if differing:
        more = f"; and {len(differing) - NAMED} more" if len(differing) > NAMED else ""
        named = "; ".join(differing[:NAMED]) + more
        conclusion = f"{len(differing)} of {len(verdicts)} layers differ from {table.title}: {named}"
    else:
        conclusion = f"agrees with {table.title} in all {len(rows)} layers: {table.total:,} parameters"
    return Audit(table, verdicts, conclusion)


def shape(sides: tuple[int, ...]) -> str:
    """`224x224x64`."""
    return "x".join(map(str, sides))
