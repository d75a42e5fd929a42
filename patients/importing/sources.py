"""What every kind of file is read into: a table of text rows for one form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from patients.importing.findings import FindingLog
from patients.rules.dictionary import Form

MAX_COLUMNS: Final = 200


class CellProblem(NamedTuple):
    """A cell that the reader itself refuses: its place in the row (from 0), check and message."""

    place: int
    check: str
    message: str


class RawRow(NamedTuple):
    """One row as text; `line` is the physical line of the file (header = 1)."""

    line: int
    cells: list[str]
    problems: tuple[CellProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One file or sheet of a bundle. `rows` streams it, header row first, and may be called again.

    Rows that cannot be read are reported to the log and left out. `pads` tells that short rows are
    no fault (a sheet stores no empty cells at a row's end).
    """

    form: Form
    label: str
    rows: Callable[[FindingLog], Iterator[RawRow]]
    pads: bool = False


class BundleError(Exception):
    """The path holds no bundle at all; the message says how to mend it."""
