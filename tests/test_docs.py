"""The documents say what the code does: their suites are good, their commands exist, and every command is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from harness import registry
from harness.cli import app
from harness.run.columns import TRIAL_COLUMNS
from harness.run.record import STATUSES
from harness.suite.load import parse_suite, shipped_suites
from harness.suite.model import Suite, TrainSpec

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def test_the_readmes_suite_is_a_good_one() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert parse_suite(text, "README.md").suite == "my-question"


def test_every_command_in_the_documents_exists_and_every_command_is_told() -> None:
    told = set(re.findall(r"(?:^    |`)harness (?:--plugin \S+ )?([a-z]+)", README, re.MULTILINE))
    assert told == set(COMMANDS)


def test_every_option_in_the_readme_exists() -> None:
    known = {option for command in COMMANDS.values() for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"`(--[a-z-]+)", README)) <= known | {"--plugin"}


@pytest.mark.parametrize("model", [Suite, TrainSpec])
def test_every_key_of_a_suite_is_told(model: type[Suite] | type[TrainSpec]) -> None:
    for key in set(model.model_fields) - {"description"}:
        assert f"`{key}" in README, key


@pytest.mark.parametrize("kind", registry.BUILT_IN)
def test_every_part_is_told(kind: registry.Kind) -> None:
    for name in registry.BUILT_IN[kind]:
        assert f"`{name}`" in README, name


def test_every_shipped_suite_says_what_it_asks_and_how_long_it_takes() -> None:
    for path in shipped_suites().values():
        head = path.read_text().partition("suite:")[0]
        assert "# Question: " in head, path
        assert re.search(r"[Aa]bout \d+ minutes on two cores", head), path


def test_the_contributors_plugin_works(tmp_path: Path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    code = re.search(r"^    # thin\.py.*?^    register\(.*?$", text, re.DOTALL | re.MULTILINE)
    assert code is not None
    plugin = tmp_path / "thin.py"
    plugin.write_text(re.sub(r"^    ", "", code[0], flags=re.MULTILINE))
    registry.load_plugin(str(plugin))
    try:
        assert (
            registry.build("networks", "thin", {"width": 4}, (8, 8, 1), 10).count_params()
            == (64 + 1) * 4 + (4 + 1) * 10
        )
    finally:
        registry.REGISTERED["networks"].clear()
        registry.parameters.cache_clear()


def test_every_column_and_status_is_told() -> None:
    text = (ROOT / "docs" / "measurement.md").read_text()
    for name in (*TRIAL_COLUMNS, *STATUSES):
        assert f"`{name}`" in text, name
