"""Tables as the frames that SAS, SPSS and Stata files are written from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from analytics.exporting.columns import Column
from analytics.exporting.spool import Spooled


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
