"""Texts of 50 kB that are made to be slow to read: each is read, or refused, in linear time.

Time is the processor's own, the best of three. What takes the square took 2 to 80 seconds, and what
is linear takes up to 0.3.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import pytest

from analytics.stats.observations import read_observations
from patients.forms.cells import resolve_cell
from patients.forms.dates import Parts, join_date, normalise_date, split_date
from patients.importing.csv_source import split_line
from patients.importing.xlsx_source import shows_day
from patients.partial_dates import PartialDate
from patients.registry_numbers import is_registry_number
from patients.rules.dictionary import FORMS, Field
from patients.rules.values import parse_value
from tests.patients.pages import Visitor
from tests.universe import Universe

SIZE: Final = 50_000
MOST_SECONDS: Final = 1.0
HOSTILE: Final = {
    "digits": "1" * SIZE,
    "digits, then a letter": "1" * SIZE + "x",
    "digits of another script": "\u0661" * SIZE,
    "exponents": "1e" * (SIZE // 2),
    "spaces": "1" + " " * SIZE + "x",
    "tabs": "\t" * SIZE,
    "lines": "1\n" * (SIZE // 2),
    "dashes": "2019" + "-" * SIZE + "x",
    "two rows of dashes": "1" + "-" * (SIZE // 2) + "1" + "-" * (SIZE // 2) + "x",
    "days": "1-" * (SIZE // 2),
    "commas": "," * SIZE,
    "semicolons": "a;" * (SIZE // 2),
    "open quote": '"' + "a" * SIZE,
    "quotes": '"' * SIZE + "x",
    "brackets": "[" * SIZE,
    "accents": "a" + "\u0301\u0323" * (SIZE // 2),
}
# One field of each kind, the one with the most codes.
FIELDS: Final[dict[str, Field]] = {
    field.kind: field
    for form in FORMS.values()
    for field in sorted(form.fields, key=lambda field: len(field.codes))
}
READERS: Final[dict[str, Callable[[str], object]]] = {
    "partial date": PartialDate.parse,
    "date as written": normalise_date,
    "box of a date": lambda text: join_date(Parts(text)),
    "three boxes": lambda text: join_date(Parts(text, text, text)),
    "boxes of a date": split_date,
    "registry number": is_registry_number,
    "line of CSV": split_line,
    "format of a number": shows_day,
    "survival time": lambda text: read_observations(["time,event\n", f"{text},1\n"]),
    **{f"value: {kind}": partial(parse_value, field) for kind, field in FIELDS.items()},
    **{f"cell: {kind}": partial(resolve_cell, field) for kind, field in FIELDS.items()},
}


def seconds(read: Callable[[], object]) -> float:
    """Of the processor, for one reading; refusals count as well."""
    start = time.process_time()
    with suppress(ValueError):
        read()
    return time.process_time() - start


def is_quick(read: Callable[[], object]) -> bool:
    return any(seconds(read) < MOST_SECONDS for _ in range(3))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_read_in_linear_time(kind: str, reader: str) -> None:
    assert is_quick(lambda: READERS[reader](HOSTILE[kind]))


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_paste_is_answered_in_linear_time(universe: Universe, kind: str) -> None:
    visitor, path = Visitor(universe, "carla"), universe.url("survivor", "grid/")
    form = {**visitor.get(path).form, "grid": "paste", "paste": HOSTILE[kind]}
    assert is_quick(lambda: visitor.post(path, form))
