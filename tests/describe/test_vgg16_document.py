"""docs/vgg16.md has the numbers that are computed, all of them."""

from __future__ import annotations

from pathlib import Path

from tests.describe.vgg16_document import document

DOCUMENT = Path(__file__).parents[2] / "docs" / "vgg16.md"


def test_the_document_is_what_its_numbers_make() -> None:
    """Write it again with `python -m tests.describe.vgg16_document > docs/vgg16.md`."""
    assert DOCUMENT.read_text() == document()
