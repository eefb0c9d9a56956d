from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pydantic
import pytest

from harness import registry
from harness.errors import MisuseError


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    registry.REGISTERED["networks"].clear()
    registry.parameters.cache_clear()


# Values for what has no default.
NEEDED = {"id": 554, "path": "images", "network": {"name": "cnn", "params": {}}}


@pytest.mark.parametrize("kind", registry.BUILT_IN)
def test_every_part_loads_and_describes_itself(kind: registry.Kind) -> None:
    for name in registry.BUILT_IN[kind]:
        assert registry.describe(kind, name).endswith("."), name
        model = registry.parameters(kind, name)
        assert model.model_validate(
            {key: NEEDED[key] for key, field in model.model_fields.items() if field.is_required()}
        )


def test_parameters_are_those_of_the_signature() -> None:
    model = registry.parameters("networks", "vgg16")
    assert model.model_validate({}).model_dump()["input_size"] == 32
    with pytest.raises(pydantic.ValidationError):
        model.model_validate({"input_size": 31})


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(MisuseError, match="unknown network 'lenett'; did you mean 'lenet5'"):
        registry.load_part("networks", "lenett")
    with pytest.raises(
        MisuseError, match="known: autoencoder, cnn, gru, lenet5, lstm, mlp, perceptron, rbf, resnet, rnn, vgg16, vgg19"
    ):
        registry.load_part("networks", "transformer")


def test_a_plugin_file_adds_a_part(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from harness.registry import register\n"
        "def mine(input_shape, n_classes, *, width: int = 3):\n"
        "    'One of mine.'\n"
        "    return (input_shape, n_classes, width)\n"
        "register('networks', 'mine', mine)\n"
    )
    registry.load_plugin(str(plugin))
    assert registry.build("networks", "mine", {"width": "7"}, (8, 8, 1), 10) == ((8, 8, 1), 10, 7)
    assert registry.describe("networks", "mine") == "One of mine."
    with pytest.raises(MisuseError, match="already registered"):
        registry.load_plugin(str(plugin))


@pytest.mark.parametrize(
    "text",
    [
        "import nowhere_to_be_found",
        "def (",
        "from harness.registry import register\nregister('networks', 'cnn', print)",
    ],
)
def test_a_broken_plugin_is_one_line(tmp_path: Path, text: str) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text(text)
    with pytest.raises(MisuseError, match=r"--plugin .*broken\.py: "):
        registry.load_plugin(str(plugin))


def test_no_deep_learning_library_is_needed_to_check_parameters(tmp_path: Path) -> None:
    code = (
        "import sys; from harness import registry\n"
        "[registry.parameters(k, n) for k in registry.BUILT_IN for n in registry.BUILT_IN[k]]\n"
        "sys.exit(bool({'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
