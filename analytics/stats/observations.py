"""Survival times as a CSV file gives them: one row a subject."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.stats.counts import Floats, Integers

REQUIRED: Final = ("time", "event")
COLUMNS: Final = (*REQUIRED, "group", "stratum", "x")
# What R reads as missing; it is no name of a group.
MISSING: Final = frozenset({"", "NA", "NaN"})
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


class UnreadableError(ValueError):
    """The file is refused; the message says where and how to mend it."""


@dataclass(frozen=True)
class Observations:
    """The complete rows of a file, in its order.

    `group`, `stratum` and `x` (0/1) are None where the file has no such column. `levels` are
    the groups in order of first appearance, those included whose rows are all left out.
    """

    rows_read: int
    time: Floats
    event: Integers
    group: tuple[str, ...] | None
    stratum: tuple[str, ...] | None
    x: Integers | None
    levels: tuple[str, ...]
    unknown_columns: tuple[str, ...]

    @property
    def n(self) -> int:
        """Number of complete rows."""
        return int(self.time.size)


def read_observations(lines: Iterable[str]) -> Observations:
    """Read the lines of a CSV file with the columns time, event and perhaps group, stratum, x.

    Rows with a missing value in any of these are counted and left out. Raises UnreadableError.
    """
    reader = csv.reader(lines, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header)
        used = [name for name in COLUMNS if name in header]
        places = [header.index(name) for name in used]
        rows = []
        for cells in reader:
            if cells:
                _check_width(cells, header, reader.line_num)
                row = [cells[place].strip() for place in places]
                rows.append(_converted(row, used, reader.line_num))
    except csv.Error as error:
        raise UnreadableError(
            f"line {reader.line_num}: {error}; check the quotes of this line."
        ) from error
    unknown = tuple(name for name in header if name not in COLUMNS)
    return _assembled(rows, used, unknown)


def _check_header(header: Sequence[str]) -> None:
    for name in REQUIRED:
        if name not in header:
            raise UnreadableError(
                f"line 1: no column {name!r}; the first line names the columns"
                f" {','.join(REQUIRED)} and perhaps group, stratum and x, separated by commas."
            )
    for name in COLUMNS:
        if header.count(name) > 1:
            raise UnreadableError(f"line 1: column {name!r} appears twice; keep one of them.")


def _check_width(cells: Sequence[str], header: Sequence[str], line: int) -> None:
    if len(cells) != len(header):
        raise UnreadableError(
            f"line {line}: {len(cells)} cells where the first line has {len(header)};"
            " add or remove commas, or quote a text that holds one."
        )


def _converted(row: Sequence[str], used: Sequence[str], line: int) -> list[str | float | None]:
    return [
        None if cell in MISSING else _value(cell, name, line)
        for cell, name in zip(row, used, strict=True)
    ]


def _value(cell: str, name: str, line: int) -> str | float:
    if name in ("group", "stratum"):
        return cell
    number = float(cell) if _NUMBER.fullmatch(cell) else math.nan
    if name == "time":
        if not (0.0 <= number < math.inf):
            raise UnreadableError(
                f"line {line}, column 'time': {cell!r} is no time;"
                " write a number from 0 up, with a decimal point, or NA where it is not known."
            )
        return number + 0.0  # -0 becomes 0
    if number not in (0.0, 1.0):
        raise UnreadableError(
            f"line {line}, column {name!r}: {cell!r} is neither 0 nor 1; write"
            f" {'1 for the event and 0 for censoring' if name == 'event' else '0 or 1'},"
            " or NA where it is not known."
        )
    return number


def _assembled(
    rows: Sequence[list[str | float | None]], used: Sequence[str], unknown: tuple[str, ...]
) -> Observations:
    complete = [row for row in rows if None not in row]
    if not complete:
        raise UnreadableError(
            f"none of {len(rows)} rows is complete; fill in the missing values or leave the"
            " column that lacks them out."
        )
    columns = dict(zip(used, zip(*complete, strict=True), strict=True))
    levels = [row[used.index("group")] for row in rows] if "group" in used else []
    return Observations(
        rows_read=len(rows),
        time=np.array(columns["time"], dtype=np.float64),
        event=np.array(columns["event"], dtype=np.int64),
        group=_texts(columns.get("group")),
        stratum=_texts(columns.get("stratum")),
        x=np.array(columns["x"], dtype=np.int64) if "x" in used else None,
        levels=tuple(dict.fromkeys(str(level) for level in levels if level is not None)),
        unknown_columns=unknown,
    )


def _texts(column: Sequence[str | float | None] | None) -> tuple[str, ...] | None:
    return None if column is None else tuple(str(cell) for cell in column)
