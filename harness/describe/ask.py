"""From the words of a command line to a part's settings and a network's layers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from harness import registry
from harness.describe.architecture import DEFAULT_CLASSES, DEFAULT_INPUT, Architecture, architecture
from harness.describe.published import INPUT_SHAPE, N_CLASSES, TABLES
from harness.errors import MisuseError
from harness.suite.load import apply_override
from harness.suite.parts import check_part
from harness.suite.source import parse_yaml

SHAPE = re.compile(r"(\d{1,6})x(\d{1,6})(?:x(\d{1,6}))?")


def image_shape(text: str) -> tuple[int, int, int]:
    """`224x224x3`, or `28x28` for grey images, as height, width and channels.

    Raises
    ------
    MisuseError
        If the text is neither.
    """
    match = SHAPE.fullmatch(text)
    if match is None or "0" in match.groups():
        raise MisuseError(
            f"--input {text}: expected height x width or height x width x channels, such as 28x28 or 224x224x3"
        )
    height, width, channels = match.groups()
    return int(height), int(width), int(channels or 1)


def settings_of(overrides: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE` items, whose values are YAML, as a part's parameters.

    Raises
    ------
    SuiteError
        If one is not of that form.
    """
    source = parse_yaml("{}", "--set")
    for override in overrides:
        apply_override(source, override)
    values: dict[str, Any] = source.values
    return values


def check_settings(kind: Any, name: str, settings: dict[str, Any]) -> None:
    """Make sure that a part takes these parameters.

    Raises
    ------
    MisuseError
        With the first mistake.
    """
    for path, message in check_part(kind, {name: settings}, ()):
        raise MisuseError(f"{'.'.join(map(str, path))}: {message}" if path else message)


def network_layers(
    network: str, input_shape: tuple[int, int, int] | None, n_classes: int | None, settings: dict[str, Any]
) -> Architecture:
    """The layers of a network; one that was published is by default as it was.

    Parameters
    ----------
    network
        A registered name.
    input_shape
        Height, width and channels; 28x28x1 where not given, of VGG16 and VGG19 224x224x3, which then is also their
        `input_size` unless `settings` have one.
    n_classes
        Number of outputs; where not given 10, of VGG16 and VGG19 1000.
    settings
        Parameters of the network.

    Raises
    ------
    MisuseError
        If a parameter is wrong.
    TrialError
        If the network cannot take such images.
    """
    registry.load_part("networks", network)
    published = network in TABLES
    if published and input_shape is None:
        settings = {"input_size": INPUT_SHAPE[0]} | settings
    check_settings("networks", network, settings)
    shape = input_shape or (INPUT_SHAPE if published else DEFAULT_INPUT)
    return architecture(network, shape, n_classes or (N_CLASSES if published else DEFAULT_CLASSES), settings)
