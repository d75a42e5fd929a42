"""Tables as the frames that SAS, SPSS and Stata files are written from."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, MutableSequence, Sequence
from typing import Any

import pandas as pd

from analytics.exporting.columns import Column
from analytics.exporting.spool import Spooled


def frame(spooled: Spooled, *, coded: bool = False) -> pd.DataFrame:
    """The table as a frame: numbers as floats, codes as texts, or (`coded`) as 1, 2, ... of the codebook."""
    columns = spooled.table.columns
    cells = [_cell(column, coded=coded) for column in columns]
    found: list[MutableSequence[Any]] = [
        array("d") if _is_number(column, coded=coded) else [] for column in columns
    ]
    for row in spooled.values():
        for values, cell, value in zip(found, cells, row, strict=True):
            values.append(cell(value))
    return pd.DataFrame(
        {
            column.name: pd.Series(
                values, dtype="object" if isinstance(values, list) else "float64"
            )
            for column, values in zip(columns, found, strict=True)
        }
    )


def _is_number(column: Column, *, coded: bool) -> bool:
    return column.kind in ("integer", "number") or (coded and column.kind == "code")


def _cell(column: Column, *, coded: bool) -> Callable[[Any], Any]:
    """What makes a value of a column a cell of its frame; a number that is missing is NaN."""
    if coded and column.kind == "code":
        number = {code: float(n) for n, code in enumerate(column.codes, 1)}
        return lambda value: math.nan if value is None else number[value]
    if column.kind in ("integer", "number"):
        return lambda value: math.nan if value is None else float(value)
    # The same text is kept once, however many rows have it.
    kept: dict[str, str] = {}
    return lambda value: "" if value is None else kept.setdefault(value, value)


def value_labels(columns: Sequence[Column]) -> dict[str, dict[int | float, str]]:
    """What the numbers of coded columns stand for."""
    return {
        column.name: {**dict(enumerate(column.codes, 1))}
        for column in columns
        if column.kind == "code"
    }
