from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.errors import Problem, SuiteError
from harness.suite.source import dotted, dump_yaml, parse_yaml

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(string.printable.strip(), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(string.ascii_letters, min_size=1), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(PLAIN)
@example("0E0")
@example(["1e-3", "012", "on", "2020-01-01", "0x1F", "1_000"])
def test_reads_what_it_writes(value: object) -> None:
    assert parse_yaml(dump_yaml(value), "x.yaml").values == value


@given(st.text(max_size=200))
def test_any_text_is_read_or_told_with_its_place(text: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        parse_yaml(text, "x.yaml")
    except SuiteError as error:
        problems = error.problems
    assert all(p.source == "x.yaml" and p.line >= 1 and p.column >= 1 for p in problems)
    assert all("\n" not in str(p) for p in problems)


def test_numbers_are_numbers() -> None:
    text = "[1e-3, 1E5, .5, -2, 012, 1_000, 12:30, 2020-01-01, 0x1F, on, 3.]"
    assert parse_yaml(text, "x").values == [1e-3, 1e5, 0.5, -2, 12, "1_000", "12:30", "2020-01-01", "0x1F", True, 3.0]


def test_places_are_those_of_the_keys_and_items() -> None:
    source = parse_yaml("a: 1\nb:\n  - x\n  - {c: 2}\n", "f.yaml")
    problem = source.problem(("b", 1, "c"), "wrong")
    assert str(problem) == "f.yaml:4:6: b[1].c: wrong"
    assert (source.problem(("b", 1, "d"), "").line, source.problem(("b", 1, "d"), "").column) == (4, 5)


def test_every_repeated_key_is_told() -> None:
    with pytest.raises(SuiteError) as caught:
        parse_yaml("a: 1\nb: {c: 1, c: 2}\na: 3\n", "f.yaml")
    assert str(caught.value).splitlines() == [
        "f.yaml:2:11: b.c: this key is given twice",
        "f.yaml:3:1: a: this key is given twice",
    ]


def test_a_merged_key_may_be_overridden() -> None:
    assert parse_yaml("base: &b {x: 1, y: 2}\nown: {<<: *b, x: 3}\n", "f").values["own"] == {"x": 3, "y": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: !!python/object/apply:os.system ['true']", "the tag !!python/object/apply:os.system is not for a suite"),
        ("a: &a [*a]", "nested deeper"),
        ("[" * 5000, "nested deeper"),
        ("a: 1\n---\nb: 2", "another document"),
        ("? [1]\n: 2", "a key must be a word"),
        ("a: \x00", "not allowed"),
        ("#" * (2**20 + 1), "at most"),
        (
            "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(
                f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
                for old, new in zip("abcdefg", "bcdefgh", strict=True)
            ),
            "more than 50,000 values",
        ),
    ],
)
def test_hostile_yaml_is_told_in_a_line(text: str, words: str) -> None:
    with pytest.raises(SuiteError, match=words) as caught:
        parse_yaml(text, "f.yaml")
    assert len(str(caught.value).splitlines()) == 1


def test_dotted() -> None:
    assert dotted(("pipelines", "hog-svm", "features", 0)) == "pipelines.hog-svm.features[0]"
