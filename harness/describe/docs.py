"""What a docstring in numpydoc form says: summary, text, parameters, references."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pydoc import locate
from typing import Any, NamedTuple

from docstring_parser import DocstringStyle, numpydoc, parse_from_object
from docstring_parser.common import Docstring

YEAR = re.compile(r"\b(?:1[89]|20)\d\d\b|arXiv:")
ELSEWHERE = re.compile(r"^See `([\w.]+)`\.?$")
ROLE = re.compile(r":[\w:]+:`~?([^`<]*?)(?:\s*<[^`>]*>)?`")
SPHINX = re.compile(r"^\.\. (?:\[\d+\] |version\w+:: (?s:.*?)(?:\n\n|\Z))", re.MULTILINE)
HEADING = re.compile(r"^[^\n]+\n-{4,}$", re.MULTILINE)
SENTENCE = re.compile(r"(?<=[a-z)\d\"`]\.)(?<! al\.)(?<!Proc\.)(?<!Trans\.)(?<!pp\.) (?=[A-Z`])")


class Told(NamedTuple):
    """What the docstring of a part says."""

    summary: str
    text: str
    parameters: dict[str, str]
    """The explanation of each parameter."""
    types: dict[str, str]
    """Its type, where the docstring has it, as scikit-learn's have."""
    references: list[str]
    """The section References; where there is none, each sentence that has a year or arXiv's number in it."""


def read(part: Any) -> Told:
    """Read the docstring of a class or function, and for what that leaves open of its module and package.

    A module or package that holds several parts, as `harness.models.optimizers` does, explains the parameters that they
    have in common under a heading of its own; a part that shares its options with another says ``See `NAME`.``

    References
    ----------
    numpydoc's guide to docstrings, https://numpydoc.readthedocs.io/en/latest/format.html.
    """
    own = numpydoc.parse(inspect.getdoc(part) or "")
    module, *packages = _modules(part.__module__)
    common: dict[str, str] = {}
    for around in (*reversed(packages), module):
        common |= _explanations(numpydoc.parse(HEADING.sub("Parameters\n----------", around)))
    text = flowing(own.long_description)
    references = [flowing(each.description) for each in own.meta if each.args[0] == "references"]
    if not references:
        told = [
            flowing(own.short_description),
            *SENTENCE.split(text),
            flowing(numpydoc.parse(module).short_description),
        ]
        sentences = [sentence for sentence in told if YEAR.search(sentence)]
        references = list(dict.fromkeys(sentences))
    return Told(
        flowing(own.short_description),
        text,
        common | _explanations(own),
        {name: each.type_name for each in own.params if each.type_name for name in _names(each.arg_name)},
        references,
    )


def flowing(text: str | None) -> str:
    """Text without its line breaks, but for those between paragraphs and before the items of a list.

    Of Sphinx's markup, which scikit-learn's docstrings have, roles become their text, notes of versions are left out.
    """
    plain = ROLE.sub(r"`\1`", SPHINX.sub("", text or "")).strip()
    return re.sub(r" {2,}", " ", re.sub(r"\n(?![\n*.-])(?<!\n\n) *", " ", plain))


def _modules(name: str) -> Iterator[str]:
    """The docstrings of a module and of the packages that it lies in, without the outermost."""
    while True:
        yield inspect.getdoc(importlib.import_module(name)) or ""
        name = name.rpartition(".")[0]
        if "." not in name:
            return


def _explanations(docstring: Docstring) -> dict[str, str]:
    found = {name: flowing(each.description) for each in docstring.params for name in _names(each.arg_name)}
    for name, text in found.items():
        if (told := ELSEWHERE.match(text)) and (other := locate(told[1])) is not None:
            found[name] = _explanations(parse_from_object(other, DocstringStyle.NUMPYDOC)).get(name, text)
    return found


def _names(names: str) -> list[str]:
    """`units, layers` as its two names."""
    return [name.strip().lstrip("*") for name in names.split(",")]
