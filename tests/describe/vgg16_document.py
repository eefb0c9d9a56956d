"""Writes docs/vgg16.md, every number of it computed: `python -m tests.describe.vgg16_document > docs/vgg16.md`."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator
from itertools import combinations, product
from typing import NamedTuple

from harness.describe.ask import network_layers
from harness.describe.published import TABLES, audit, shape

LECTURE_TOTAL = 138_423_208
WIDTHS = (1, 3, 64, 128, 256, 512, 1000, 4096, 7 * 7 * 512)
"""Every number of maps or units that configuration D has, and 1."""
KERNELS = range(1, 12)
SZE_ET_AL = ("15.3", "124", "15.5")
"""Multiply-adds of the convolutions (billions), dense layers (millions) and all (billions), as they have them."""


class Explanation(NamedTuple):
    """A product that gives a difference: (kernel**2 * c_in + bias) * c_out."""

    kernel: int
    c_in: int
    c_out: int
    bias: int


def counted(kernel: int, c_in: int, c_out: int, bias: int = 1) -> int:
    """Weights of a convolution, or with kernel 1 of a dense layer."""
    return (kernel**2 * c_in + bias) * c_out


def explanations(count: int) -> list[Explanation]:
    """Every layer of such widths that would have that many weights."""
    every = (Explanation(*values) for values in product(KERNELS, WIDTHS, WIDTHS, (0, 1)))
    return [one for one in every if counted(*one) == count]


def document() -> str:
    """The whole text."""
    built = network_layers("vgg16", None, None, {})
    table = TABLES["vgg16"]
    held = audit(built)
    assert held is not None
    counts = {row.layer: row.parameters for row in table.rows}
    surplus = LECTURE_TOTAL - table.total
    convolutions = [layer for layer in built.layers if layer.type == "Conv2D"]
    dense = [layer for layer in built.layers if layer.type == "Dense"]
    pools = [layer for layer in built.layers if layer.type == "MaxPooling2D"]
    as_convolutions = {pool.name: counted(2, pool.output_shape[2], pool.output_shape[2]) for pool in pools}
    subsets = [
        names
        for size in range(1, len(pools) + 1)
        for names in combinations(as_convolutions, size)
        if sum(as_convolutions[name] for name in names) == surplus
    ]
    replaced = [(name, one) for name, count in counts.items() if count for one in explanations(count + surplus)]
    exchanged = [pair for pair in product(counts.values(), repeat=2) if pair[0] and pair[1] - pair[0] == surplus]
    found = explanations(surplus)
    assert subsets == [("block2_pool",)]
    assert not replaced
    assert not exchanged
    assert found == [Explanation(1, 512, 128, 1), Explanation(2, 128, 128, 1)]
    first = convolutions[0]
    height, width, maps = first.output_shape
    conv_adds, dense_adds = (sum(each.multiply_adds or 0 for each in group) for group in (convolutions, dense))
    assert (f"{conv_adds / 1e9:.1f}", f"{dense_adds / 1e6:.0f}", f"{built.multiply_adds / 1e9:.1f}") == SZE_ET_AL
    dense_share = sum(each.parameters for each in dense) / built.parameters
    return filled(f"""# VGG16, layer by layer

`harness describe vgg16` holds the network that the harness trains against the published one. Every number below is
computed by `tests/describe/vgg16_document.py`, and a test compares this page with what that writes.

## The published network

Configuration D of Simonyan and Zisserman, *Very deep convolutional networks for large-scale image recognition* (ICLR
2015, [arXiv:1409.1556](https://arxiv.org/abs/1409.1556)), table 1: kernels of 3x3 with stride 1 and padding 1,
so that a
convolution keeps height and width; poolings of 2x2 with stride 2; images of {shape(built.input_shape)};
{built.n_classes:,} classes. The paper prints the widths, and of the parameters only the sum, {table.total / 1e6:.0f}
million (table 2). What each layer has follows:

- output side `W2 = (W1 - F + 2P) / S + 1`, rounded down: ({height} - 3 + 2 * 1) / 1 + 1 = {height}, and of a pooling
  ({height} - 2) / 2 + 1 = {pools[0].output_shape[0]};
- parameters of a convolution (F * F * in + 1) * out, the 1 being the bias: (3 * 3 * 3 + 1) * {maps} =
  {first.parameters:,};
- parameters of a dense layer (in + 1) * out: ({dense[1].output_shape[0]:,} + 1) * {dense[1].output_shape[0]:,} =
  {dense[1].parameters:,};
- of a pooling none: there is nothing to learn in taking a maximum;
- multiply-adds of a convolution F * F * in * out * height * width of its output: 3 * 3 * 3 * {maps} * {height}
  * {width} =
  {first.multiply_adds:,}; of a dense layer in * out. Biases, activations and poolings are not counted.

| layer | in | out | output | parameters published | built here | multiply-adds | output, float32 bytes |
| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |
{chr(10).join(_rows())}
| in all | | | | {table.total:,} | {built.parameters:,} | {built.multiply_adds:,} | {built.output_bytes:,} |

The network here {held.conclusion}. The convolutions make {conv_adds:,} multiply-adds, the dense layers
{dense_adds:,}:
{built.multiply_adds / 1e9:.2f} billion together, of which the dense layers, with {dense_share:.0%} of the
parameters, make
{dense_adds / built.multiply_adds:.1%}. (Sze, Chen, Yang and Emer, *Efficient processing of deep neural
networks*, Proc.
IEEE 105(12), 2017, table II, have {SZE_ET_AL[0]} G, {SZE_ET_AL[1]} M and {SZE_ET_AL[2]} G.)

## The lecture's copy

What is known of it here is its sum, **{LECTURE_TOTAL:,}**, and that entries in its columns in, out and param
are wrong.
The slide itself is not in this repository. What follows from the sum:

- It is too high by {LECTURE_TOTAL:,} - {table.total:,} = **{surplus:,}**.
- **Param of the second max-pooling layer** (`block2_pool`, {shape(pools[1].output_shape)}): 0 is right,
  {surplus:,} is
  inferred. That is (2 * 2 * 128 + 1) * 128: the pooling's window of 2x2 taken for the kernel of a convolution,
  from the 128
  maps that come in to the 128 that go out, with biases. A pooling layer works on each map by itself and has no
  weights.
- **Param in all**: {table.total:,} is right.

How sure is that? The sum is a fact, the entry is an inference from it:

- Of all layers with a kernel of 1x1 to {KERNELS[-1]}x{KERNELS[-1]} between any two widths of the network, with
  and without
  biases, only {len(found)} have {surplus:,} parameters: this one, and a 1x1 convolution from 512 maps to 128, which
  configuration D has no place for.
- Counted in the same way the five poolings have {_listed(as_convolutions)} parameters; of all sums of some of
  these only
  `block2_pool` by itself gives {surplus:,}. So the other four are 0 in the lecture's sum, as they should be.
- No single convolution or dense layer explains it: with any other kernel, input or output width of the network
  none of
  the {sum(count > 0 for count in counts.values())} counts becomes larger by {surplus:,}, and no two counts
  differ by that.
- Two or more wrong entries that together make {surplus:,} cannot be excluded. Nor does a sum tell of entries
  that it does
  not contain: **which entries of the columns in and out are wrong cannot be told without the slide.** The
  table above has
  the right ones. In each row of a convolution, param = (9 * in + 1) * out, in each dense row (in + 1) * out: a
  row that
  breaks this has a wrong entry; and `in` is the `out` of the weighted layer before it, but for `fc1`, where it is
  7 * 7 * 512 = {7 * 7 * 512:,}.
""")


def filled(text: str) -> str:
    """The same with paragraphs and items filled up to the width; headings and tables as they are."""
    blocks = []
    for block in text.strip().split("\n\n"):
        items = re.split(r"\n(?=- )", block)
        lines = [
            textwrap.fill(
                " ".join(item.split()),
                120,
                subsequent_indent="  " if item.startswith("- ") else "",
                break_long_words=False,
                break_on_hyphens=False,
            )
            for item in items
        ]
        blocks.append(block if block.startswith(("#", "|")) else "\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _rows() -> Iterator[str]:
    built = network_layers("vgg16", None, None, {})
    counts = {row.layer: f"{row.parameters:,}" for row in TABLES["vgg16"].rows}
    c_in = built.input_shape[2]
    for layer in built.layers:
        if layer.type == "Flatten":
            c_in = math.prod(layer.output_shape)
        c_out = layer.output_shape[-1]
        yield (
            f"| `{layer.name}` | {c_in:,} | {c_out:,} | {shape(layer.output_shape)} | {counts.get(layer.name, '')} "
            f"| {layer.parameters:,} | {layer.multiply_adds:,} | {layer.output_bytes:,} |"
        )
        c_in = c_out


def _listed(numbers: dict[str, int]) -> str:
    *rest, last = (f"{number:,}" for number in numbers.values())
    return f"{', '.join(rest)} and {last}"


if __name__ == "__main__":
    print(document(), end="")
