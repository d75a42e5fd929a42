"""XLSX sheets read as a stream into the same text rows as CSV; formulas and guesses are refused.

A workbook stores what the spreadsheet made of an entry, so a cell is taken only where that is
beyond doubt: a number without a remainder is its digits, a date shown with its day is that day. A
cell that shows a month only (typed 2019-05, stored as the first of May) would invent a day.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import IO, Any, Final
from xml.parsers import expat
from zipfile import ZipFile

from openpyxl import load_workbook
from openpyxl.workbook.workbook import Workbook

from patients.importing.findings import FindingLog
from patients.importing.sources import MAX_COLUMNS, CellProblem, RawRow

# Empty rows in a run; a row numbered far down would otherwise be waited for through a billion.
MAX_EMPTY_ROWS: Final = 10_000
_XML_HEAD: Final = 65_536
# Parts of a number format that say nothing of day, month or year: colors, conditions, text.
_FORMAT_NOISE: Final = re.compile(r'\[[^\[\]]*\]|"[^"]*"|\\.')


class UnsafeXml(Exception):
    """A part of the workbook declares a document type, as entity attacks do."""


@contextmanager
def open_workbook(stream: IO[bytes]) -> Iterator[Workbook]:
    """The workbook, to be streamed. Raises what openpyxl raises on damaged files."""
    with warnings.catch_warnings():
        # Of styles, validations and extensions that an import does not need.
        warnings.simplefilter("ignore")
        workbook = load_workbook(stream, read_only=True, data_only=False, keep_links=False)
        try:
            yield workbook
        finally:
            workbook.close()


def refuse_entities(archive: ZipFile) -> None:
    """Raises UnsafeXml when any part has a document type declaration before its root element.

    Whatever the part is called: openpyxl opens those that relationships and content types name.
    """
    for member in archive.infolist():
        with archive.open(member) as part:
            _refuse_doctype(part.read(_XML_HEAD))


def _refuse_doctype(head: bytes) -> None:
    class RootSeen(Exception):
        pass

    def doctype(*_: object) -> None:
        raise UnsafeXml

    def root(*_: object) -> None:
        raise RootSeen

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = root
    is_whole = len(head) < _XML_HEAD
    try:
        parser.Parse(head, is_whole)
    except (RootSeen, expat.ExpatError):
        # A picture, or damaged: openpyxl's parser, the same one, stops at this place too.
        return
    # 64 kB without a root element: nothing a spreadsheet program writes.
    raise UnsafeXml


def read_sheet(workbook: Workbook, name: str, log: FindingLog) -> Iterator[RawRow]:
    """Yield the rows of a sheet that hold anything; `line` is the sheet's row number."""
    sheet = workbook[name]
    sheet.reset_dimensions()
    last = 0
    for line, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS + 1), start=1):
        row = _row(line, cells)
        if row is not None:
            last = line
            yield row
        elif line - last > MAX_EMPTY_ROWS:
            message = f"More than {MAX_EMPTY_ROWS} empty rows follow each other. Delete them."
            log.hard(name, line, "", "file.too_large", message, blocks=True)
            return


def _row(line: int, cells: tuple[Any, ...]) -> RawRow | None:
    texts: list[str] = []
    problems: list[CellProblem] = []
    width = len(cells)
    while width and cells[width - 1].value is None:
        width -= 1
    for index, cell in enumerate(cells[:width]):
        if cell.value is None:
            texts.append("")
            continue
        text, check, message = _text(cell)
        texts.append(text)
        if check:
            problems.append(CellProblem(index, check, message))
    return RawRow(line, texts, tuple(problems)) if any(texts) or problems else None


def _text(cell: Any) -> tuple[str, str, str]:
    """Text of a cell, then check and message when it is refused ("" otherwise)."""
    value = cell.value
    if cell.data_type == "f":
        return "", "value.formula", "The cell holds a formula: paste its value instead."
    if cell.data_type == "e":
        return "", "value.error", "The cell holds a spreadsheet error: enter the value."
    if isinstance(value, datetime):
        return _date_text(value, cell.number_format)
    if isinstance(value, date | time) or not isinstance(value, str | int | float):
        return "", "value.date_time", "The cell holds a time: enter a date as text, YYYY-MM-DD."
    if isinstance(value, bool):
        return "", "value.code", "The cell holds TRUE or FALSE: enter the code, such as yes or no."
    if isinstance(value, float):
        return (
            (str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)),
            "",
            "",
        )
    return str(value), "", ""


def shows_day(number_format: str) -> bool:
    """Whether a cell of this format shows the day of its date."""
    return "d" in _FORMAT_NOISE.sub("", number_format).lower()


def _date_text(value: datetime, number_format: str) -> tuple[str, str, str]:
    if value.time() != time(0):
        message = "The cell holds a date with a time: enter a date as text, YYYY-MM-DD."
        return "", "value.date_time", message
    if not shows_day(number_format):
        message = (
            "The cell shows no day, but the sheet stores one that nobody wrote. Format the column"
            " as text and enter YYYY-MM or YYYY."
        )
        return "", "value.date_format", message
    return value.date().isoformat(), "", ""
