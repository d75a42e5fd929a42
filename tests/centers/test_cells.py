"""Cells of files for spreadsheets: no text begins like a formula, and numbers stay numbers."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.charts.printed import csv_text
from centers.cells import FORMULA_STARTS, harmless

OPENERS = "=+-@\t\r\n|\uff1d\uff0b\uff0d\uff20"
TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from(OPENERS + "'"), max_size=20)
NUMBERS = st.integers() | st.floats(allow_nan=False) | st.none()


@given(TEXTS)
def test_text_never_begins_like_a_formula_and_is_whole_behind_the_apostrophe(text: str) -> None:
    safe = harmless(text)
    assert safe[:1] not in set(OPENERS)
    assert safe in (text, f"'{text}")
    assert (safe == text) == (text[:1] not in set(OPENERS))
    assert harmless(safe) == safe


@given(NUMBERS)
def test_number_stays_a_number(number: float | None) -> None:
    assert harmless(number) is number


@pytest.mark.parametrize("opener", OPENERS)
def test_file_of_a_figure_guards_texts_alone(opener: str) -> None:
    assert opener in FORMULA_STARTS
    text = csv_text(("group", "days"), [(f"{opener}1+1", -1.5), ("plain - text", -2)])
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[1:] == [[f"'{opener}1+1", "-1.5"], ["plain - text", "-2"]]
