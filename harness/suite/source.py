"""YAML text as plain values that remember where each was written.

PyYAML's safe loader, with three differences that a suite needs: numbers such as `1e-3` are numbers (YAML 1.2), a key
given twice is a mistake, and aliases may not multiply a small file into a huge one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from harness.errors import Problem, SuiteError

Path: TypeAlias = tuple[str | int, ...]

MAX_BYTES = 2**20
MAX_VALUES = 100_000
MAX_DEPTH = 50


@dataclass(frozen=True)
class Place:
    """Where a value stands: a file and its line and column from 1, or an option (line 0)."""

    source: str
    line: int
    column: int


@dataclass
class Source:
    """A suite as plain values, and the place of every one of them."""

    name: str
    values: Any
    places: dict[Path, Place] = field(default_factory=dict)

    def problem(self, path: Path, message: str) -> Problem:
        """A mistake at that path; a path that is not in the file is told at its nearest parent."""
        known = path
        while known and known not in self.places:
            known = known[:-1]
        place = self.places.get(known, Place(self.name, 1, 1))
        return Problem(place.source, place.line, place.column, dotted(path), message)


def dotted(path: Path) -> str:
    """`pipelines.hog-svm.features[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


class SuiteLoader(yaml.SafeLoader):
    """The safe loader with YAML 1.2 numbers; what 1.1 calls dates, octals and sexagesimals stays text."""


SuiteLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in {"float", "int", "timestamp"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class SuiteDumper(yaml.SafeDumper):
    """The safe dumper, which also quotes text that `SuiteLoader` alone would read as a number."""


NUMBERS = (
    ("int", re.compile(r"^[-+]?[0-9]{1,18}$"), list("-+0123456789")),
    (
        "float",
        re.compile(r"^[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]{1,4})?$|^[-+]?[0-9]+[eE][-+]?[0-9]{1,4}$"),
        list("-+.0123456789"),
    ),
)
for kind, pattern, first in NUMBERS:
    for reader_or_writer in (SuiteLoader, SuiteDumper):
        reader_or_writer.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", pattern, first)


def dump_yaml(values: Any) -> str:
    """Plain values as YAML that `parse_yaml` reads back as the same values."""
    return yaml.dump(values, Dumper=SuiteDumper, sort_keys=False, allow_unicode=True, width=120)


def construct_decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int | float:
    """An int or float; a leading zero does not mean octal."""
    text = str(loader.construct_scalar(node))
    try:
        return int(text) if node.tag.endswith(":int") else float(text)
    except ValueError:
        raise yaml.constructor.ConstructorError(None, None, f"not a number: {text[:40]!r}", node.start_mark) from None


for kind in ("int", "float"):
    SuiteLoader.add_constructor(f"tag:yaml.org,2002:{kind}", construct_decimal)


def parse_yaml(text: str, name: str) -> Source:
    """Read one YAML document.

    Parameters
    ----------
    text
        The document.
    name
        What mistakes call it: the file's path, or the option it came from.

    Raises
    ------
    SuiteError
        If the text is not one YAML document of plain values, or repeats a key.
    """
    if len(text) > MAX_BYTES:
        raise SuiteError(
            [Problem(name, 1, 1, "", f"the file has {len(text):,} characters; a suite has at most {MAX_BYTES:,}")]
        )
    try:
        loader = SuiteLoader(text)
        try:
            node = loader.get_single_node()
            source = Source(name, None)
            problems: list[Problem] = []
            if node is not None:
                _visit(node, (), source, problems, [0], loader)
            if problems:
                raise SuiteError(problems)
            if node is not None:
                source.values = loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        words = " ".join(filter(None, (error.problem, error.context and f"({error.context})")))
        raise SuiteError([Problem(name, line, column, "", f"not valid YAML: {' '.join(words.split())}")]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        message = f"not valid YAML: the character {chr(error.character)!a} is not allowed"
        raise SuiteError([Problem(name, line, column, "", message)]) from None
    except RecursionError:
        raise SuiteError([Problem(name, 1, 1, "", f"nested deeper than {MAX_DEPTH} levels")]) from None
    return source


def _visit(
    node: yaml.Node, path: Path, source: Source, problems: list[Problem], seen: list[int], loader: SuiteLoader
) -> None:
    """Note the place of every value below `node`, and the mistakes that only the nodes show."""
    place = Place(source.name, node.start_mark.line + 1, node.start_mark.column + 1)
    source.places[path] = place
    seen[0] += 1
    if seen[0] > MAX_VALUES or len(path) > MAX_DEPTH:
        limit = f"more than {MAX_VALUES:,} values" if seen[0] > MAX_VALUES else f"nested deeper than {MAX_DEPTH} levels"
        raise SuiteError([Problem(source.name, place.line, place.column, "", f"{limit} once its aliases are followed")])
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _visit(child, (*path, index), source, problems, seen, loader)
    elif isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)
        keys: set[str] = set()
        for key_node, child in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                problems.append(source.problem(path, "a key must be a word, not a list or mapping"))
                continue
            # Where a merge (<<) gave the key as well, the last one, which is the mapping's own, wins.
            key = str(key_node.value)
            inside = (
                key_node.start_mark.index >= node.start_mark.index and key_node.end_mark.index <= node.end_mark.index
            )
            if key in keys and inside:
                mark = key_node.start_mark
                problems.append(
                    Problem(
                        source.name, mark.line + 1, mark.column + 1, dotted((*path, key)), "this key is given twice"
                    )
                )
            if inside:
                keys.add(key)
            _visit(child, (*path, key), source, problems, seen, loader)
            source.places[(*path, key)] = Place(
                source.name, key_node.start_mark.line + 1, key_node.start_mark.column + 1
            )
