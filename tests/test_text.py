"""Text of others cannot move the cursor, turn the line round or break an encoding."""

from __future__ import annotations

import doctest
import json
import math
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograder.text
from autograder.text import csv_cell, json_text, visible

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)  # surrogates included
TROUBLE = st.text(st.sampled_from("\x00\x07\x08\x1b\x7f\x85\x9b\r\n\t\xad\u200d\u202e\u2066\u2028\ud800\ufeffa1 "))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("softmax", "softmax", id="plain"),
        pytest.param("größe 漢字 🙂", "größe 漢字 🙂", id="letters of all languages"),
        pytest.param("\x1b[2Jgone", "\\x1b[2Jgone", id="ESC"),
        pytest.param("a\rb\tc\x00", "a\\x0db\\x09c\\x00", id="C0"),
        pytest.param("\x7f\x9b1m", "\\x7f\\x9b1m", id="DEL and C1"),
        pytest.param("abc\u202edcba", "abc\\u202edcba", id="right-to-left override"),
        pytest.param("a\u200db\xad", "a\\u200db\\xad", id="zero width and soft hyphen"),
        pytest.param("\U000e0041", "\\U000e0041", id="tag characters"),
        pytest.param("x\ud800y", "x\\ud800y", id="lone surrogate"),
        pytest.param("a\u2028b", "a\\u2028b", id="line separator"),
        pytest.param("a\uffffb\ufdd0", "a\\uffffb\\ufdd0", id="noncharacters"),
        pytest.param("a\nb", "a\\x0ab", id="newline"),
        pytest.param("\u3164\u2800\u1160", "\\u3164\\u2800\\u1160", id="letters that show nothing"),
    ],
)
def test_what_cannot_be_seen_is_escaped(text, shown):
    assert visible(text, 100) == shown


def test_newlines_stay_when_asked_for_and_nothing_else_does():
    assert visible("a\nb\r\x1b", 100, keep_newlines=True) == "a\nb\\x0d\\x1b"


@pytest.mark.parametrize(
    ("limit", "shown"),
    [(0, ""), (2, ".."), (3, "..."), (5, "ab..."), (6, "abcdef"), (7, "abcdef")],
)
def test_long_text_is_cut_to_the_limit(limit, shown):
    assert visible("abcdef", limit) == shown


def test_an_escape_that_does_not_fit_is_cut_off():
    assert visible("ab\x1b", 5) == "ab..."


def test_a_megabyte_costs_what_its_beginning_costs():
    assert visible("\x1b" * 2**20, 11) == "\\x1b\\x1b..."


@given(ANY_TEXT | TROUBLE, st.integers(0, 80), st.booleans())
def test_result_is_safe_short_and_stable(text, limit, keep):
    shown = visible(text, limit, keep_newlines=keep)
    assert len(shown) <= limit
    shown.encode("utf-8")
    for character in shown:
        assert character not in "\u115f\u1160\u3164\uffa0\u2800"
        if not (keep and character == "\n"):
            assert unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert visible(shown, limit, keep_newlines=keep) == shown


@given(
    st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="\ufffe\u115f\u1160\u3164\uffa0\u2800"))
)
def test_ordinary_text_is_left_alone(text):
    assert visible(text, len(text)) == text


FORMULAS = st.text(st.sampled_from("=+-@|%\t\r\n ;,\"'＝＋－＠a1\ufeff\u202e"), max_size=12)


@given(ANY_TEXT | TROUBLE | FORMULAS)
def test_no_cell_of_a_table_begins_a_formula_whatever_separates_them(text):
    shown = csv_cell(text)
    for piece in shown.split(";"):
        assert not re.match(r"\s*[-=+@|%＝＋－＠]", piece)
    assert visible(shown, len(shown)) == shown
    assert shown.replace("'", "") == visible(text, 10_000).replace("'", "")


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT | TROUBLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=10,
)


@given(DOCUMENTS)
def test_json_is_ascii_and_gives_the_document_back(document):
    text = json_text(document)
    assert text.isascii()
    assert not set(map(chr, [*range(10), *range(11, 32), 127])) & set(text)
    assert json.loads(text) == document


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_no_json(number):
    with pytest.raises(ValueError, match="JSON compliant"):
        json_text({"points": [number]})


def test_examples_of_the_docstring():
    assert doctest.testmod(autograder.text).failed == 0
