"""YAML text as plain values that remember where each was written.

PyYAML's safe loader reads the text into nodes; values are made from those here, so that only plain ones come out:
text, numbers, truth values, lists and mappings. Numbers such as `1e-3` are numbers (YAML 1.2), a key is always text, a
key given twice is a mistake, and neither aliases nor merges multiply a small file into a huge one.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from harness.errors import Problem, SuiteError

Path: TypeAlias = tuple[str | int, ...]

MAX_CHARACTERS = 2**19
MAX_VALUES = 50_000
MAX_DEPTH = 50
# What fits into 64 bits, as tables and libraries need it.
MAX_DIGITS = 18

TAG = "tag:yaml.org,2002:"
# What no name, number or sentence needs, and what a terminal, a table or JSON may stumble over; a line end is none.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


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
    """`pipelines.hog-svm.features[0]`; of a very long key only the beginning."""
    text = ""
    for step in path:
        word = str(step) if len(str(step)) <= 80 else f"{str(step)[:77]}..."
        text += f"[{step}]" if isinstance(step, int) else f".{word}" if text else word
    return text


class SuiteLoader(yaml.SafeLoader):
    """The safe loader with YAML 1.2 numbers; what 1.1 calls dates, octals and sexagesimals stays text.

    It stops where a document has more nodes, or nests deeper, than a suite may.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.nodes = 0
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Make the next node, and count it."""
        self.nodes += 1
        self.depth += 1
        if self.nodes > MAX_VALUES or self.depth > MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, over(self.nodes), self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


SuiteLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.removeprefix(TAG) in {"bool", "null", "merge"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class SuiteDumper(yaml.SafeDumper):
    """The safe dumper, which also quotes text that `SuiteLoader` alone would read as a number."""


NUMBERS = (
    ("int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789")),
    (
        "float",
        re.compile(r"^[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?$|^[-+]?[0-9]+[eE][-+]?[0-9]+$"),
        list("-+.0123456789"),
    ),
)
for kind, pattern, first in NUMBERS:
    for reader_or_writer in (SuiteLoader, SuiteDumper):
        reader_or_writer.add_implicit_resolver(f"{TAG}{kind}", pattern, first)


def over(nodes: int) -> str:
    """Which of the two limits was passed, in words."""
    return f"more than {MAX_VALUES:,} values" if nodes > MAX_VALUES else f"nested deeper than {MAX_DEPTH} levels"


def brief(text: str) -> str:
    """The beginning of a word, quoted and in ASCII."""
    return ascii(text if len(text) <= 40 else f"{text[:37]}...")


def dump_yaml(values: Any) -> str:
    """Plain values as YAML that `parse_yaml` reads back as the same values."""
    return yaml.dump(values, Dumper=SuiteDumper, sort_keys=False, allow_unicode=True, width=120)


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
    if len(text) > MAX_CHARACTERS:
        message = f"the file has {len(text):,} characters; a suite has at most {MAX_CHARACTERS:,}"
        raise SuiteError([Problem(name, 1, 1, "", message)])
    try:
        loader = SuiteLoader(text)
        try:
            node = loader.get_single_node()
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
    reader = _Reader(Source(name, None), loader)
    if node is not None:
        reader.source.values = reader.value(node, ())
    if reader.problems:
        raise SuiteError(reader.problems)
    return reader.source


class _Reader:
    """Makes values from nodes, and notes where each was written and which mistakes only the nodes show."""

    def __init__(self, source: Source, loader: SuiteLoader) -> None:
        self.source = source
        self.loader = loader
        self.problems: list[Problem] = []
        self.seen = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        """The value of a node; aliases give a new one at each place, so that a change to one is to one only."""
        self.source.places[path] = place = self.place(node)
        self.count(place, len(path))
        match node:
            case yaml.SequenceNode() if node.tag == f"{TAG}seq":
                return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
            case yaml.MappingNode() if node.tag == f"{TAG}map":
                return self.mapping(node, path)
            case yaml.ScalarNode():
                return self.scalar(node, path)
        self.complain(place, path, f"the tag {_short_tag(node.tag)} is not for a suite; write plain values")
        return None

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        """The value of a mapping; its own keys win over merged ones."""
        values = {}
        for key, (key_node, child) in self.pairs(node, path, 0).items():
            values[key] = self.value(child, (*path, key))
            self.source.places[(*path, key)] = self.place(key_node)
        return values

    def pairs(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """The nodes of keys and values by key, those that `<<` merges first."""
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key_node, child in node.value:
            if key_node.tag == f"{TAG}merge":
                for target in child.value if isinstance(child, yaml.SequenceNode) else [child]:
                    self.count(self.place(target), depth)
                    if not isinstance(target, yaml.MappingNode):
                        self.complain(self.place(target), path, "<< merges a mapping or a list of mappings")
                        continue
                    for key, pair in self.pairs(target, path, depth + 1).items():
                        self.count(self.place(key_node), depth)
                        merged.setdefault(key, pair)
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self.complain(self.place(key_node), path, "a key must be a word, not a list or mapping")
                continue
            key = str(key_node.value)
            if CONTROL.search(key):
                self.complain(self.place(key_node), path, f"the key {brief(key)} holds a control character")
            elif key in own and depth == 0:
                self.complain(self.place(key_node), (*path, key), "this key is given twice")
            own[key] = key_node, child
        return {key: own.get(key, pair) for key, pair in merged.items()} | own

    def scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        """The value of a word: as it reads, or as text where it is quoted or tagged so."""
        text = str(node.value)
        kind = str(node.tag).removeprefix(TAG)
        implied = self.loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
        reads = str(implied).removeprefix(TAG)
        match kind:
            case "str" | "merge":
                if CONTROL.search(text):
                    self.complain(self.place(node), path, f"the text {brief(text)} holds a control character")
                return text
            case "null" if reads == kind:
                return None
            case "bool" if reads == kind:
                return yaml.SafeLoader.bool_values[text.lower()]
            case "int" if reads == kind and len(text) <= MAX_DIGITS:
                return int(text)
            case "float" if reads in ("float", "int") and math.isfinite(float(text)):
                return float(text)
            case "int" | "float" if reads in ("float", "int"):
                self.complain(self.place(node), path, f"{brief(text)} is too large for a number")
            case "null" | "bool" | "int" | "float":
                self.complain(self.place(node), path, f"{brief(text)} does not read as the {kind} it is tagged to be")
            case _:
                message = f"the tag {_short_tag(node.tag)} is not for a suite; write plain values"
                self.complain(self.place(node), path, message)
        return None

    def count(self, place: Place, depth: int) -> None:
        """Count a value that is made; there is an end to what aliases and merges can make."""
        self.seen += 1
        if self.seen > MAX_VALUES or depth > MAX_DEPTH:
            words = f"{over(self.seen)} once its aliases are followed"
            raise SuiteError([Problem(self.source.name, place.line, place.column, "", words)])

    def place(self, node: yaml.Node) -> Place:
        """Where a node begins."""
        return Place(self.source.name, node.start_mark.line + 1, node.start_mark.column + 1)

    def complain(self, place: Place, path: Path, message: str) -> None:
        """Note a mistake."""
        self.problems.append(Problem(place.source, place.line, place.column, dotted(path), message))


def _short_tag(tag: object) -> str:
    text = str(tag)
    return f"!!{text.removeprefix(TAG)}"[:60] if text.startswith(TAG) else text[:60]
