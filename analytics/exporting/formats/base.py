"""What a format is: a function that writes the spooled tables of a release into a folder.

Same rows, same bytes: no writer may let a clock, a name of a machine or an order of a set into a file.
Where a format must hold a time, it is `EPOCH`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd

from analytics.exporting.columns import Column
from analytics.exporting.spool import Spooled

# The first moment that a zip entry can have.
EPOCH: Final = datetime(1980, 1, 1, tzinfo=UTC)
# Spreadsheets run what begins like this (OWASP, CSV injection).
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Written:
    """A file of an export: its name in the folder, media type, and the table and rows it holds."""

    name: str
    media_type: str
    table: str = ""
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """What formats write: the profile and its spooled tables."""

    profile: str
    tables: Mapping[str, Spooled]


Writer = Callable[[Release, Path], Sequence[Written]]


def harmless(text: str) -> str:
    """A text that no spreadsheet runs: an apostrophe before what begins like a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def is_open(column: Column) -> bool:
    """Whether a column's values are not all listed: only such can begin like a formula."""
    return column.kind in ("text", "codes") and not column.codes


def frame(spooled: Spooled, *, coded: bool = False) -> pd.DataFrame:
    """The table as a frame: numbers as floats, codes as texts, or (`coded`) as 1, 2, ... of the codebook."""
    rows = list(spooled.values())
    data: dict[str, Any] = {}
    for place, column in enumerate(spooled.table.columns):
        values = [row[place] for row in rows]
        if coded and column.kind == "code":
            number = {code: float(n) for n, code in enumerate(column.codes, 1)}
            data[column.name] = pd.Series(
                [None if value is None else number[str(value)] for value in values], dtype="float64"
            )
        elif column.kind in ("integer", "number"):
            data[column.name] = pd.Series(values, dtype="float64")
        else:
            data[column.name] = pd.Series(
                ["" if value is None else str(value) for value in values], dtype="object"
            )
    return pd.DataFrame(data)


def value_labels(columns: Sequence[Column]) -> dict[str, dict[int | float, str]]:
    """What the numbers of coded columns stand for."""
    return {
        column.name: {**dict(enumerate(column.codes, 1))}
        for column in columns
        if column.kind == "code"
    }


def patch(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Rewrite a file's bytes: times that a library insists on."""
    path.write_bytes(change(path.read_bytes()))
