"""CSV read strictly and as a stream (RFC 4180, UTF-8, one row a line).

No cell of the data dictionary may hold a line break, so a row is one physical line. That is why an
unclosed quote costs one row and not the rest of the file, and why memory stays flat.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from patients.importing.findings import FindingLog
from patients.importing.sources import RawRow

# Bytes of one line. The longest line the dictionary allows has under 4 kB.
MAX_LINE: Final = 65_536
UTF8_MARK: Final = b"\xef\xbb\xbf"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_MARKED: Final = (
    "The file begins with a byte order mark. Save it as UTF-8 without BOM"
    ' (not as "CSV UTF-8" of a spreadsheet; an XLSX bundle has no such mark).'
)
_UTF16: Final = "The file is UTF-16 (Unicode text), not UTF-8. Save it as CSV in UTF-8 without BOM."
_WORKBOOK: Final = (
    "The file is a workbook or an archive, not CSV. Save it as CSV, or import the workbook."
)
_EMPTY: Final = "The file is empty. Give it a header row, or leave it out."
# One quoted or plain cell and what ends it; matched from cell to cell, in linear time.
_CELL: Final = re.compile(r'(?:"((?:[^"]|"")*)"|([^",]*))(,|\Z)')


def read_csv(stream: BinaryIO, label: str, log: FindingLog) -> Iterator[RawRow]:
    """Yield the rows of one CSV file; what cannot be read goes to the log with its line."""
    if not _readable(stream, label, log):
        return
    line_number = 0
    header: list[str] = []
    while line := stream.readline(MAX_LINE + 1):
        line_number += 1
        if len(line) > MAX_LINE:
            _too_long(line, header, label, line_number, log)
            _skip_line(stream, line)
            continue
        cells = _cells(line, label, line_number, log)
        if cells is None or not any(cells):
            continue
        if not header:
            header = cells
            _check_delimiter(header, label, log)
        yield RawRow(line_number, cells)


def _readable(stream: BinaryIO, label: str, log: FindingLog) -> bool:
    """Look at the first bytes: marks and other kinds of file. Leaves the stream behind a mark."""
    head = stream.read(4)
    if head.startswith(UTF8_MARK):
        log.hard(label, 1, "", "file.byte_order_mark", _MARKED)
        stream.seek(len(UTF8_MARK))
        return True
    stream.seek(0)
    if head.startswith(_UTF16_MARKS) or (len(head) > 1 and 0 in (head[0], head[1])):
        log.hard(label, 1, "", "file.encoding", _UTF16, blocks=True)
        return False
    if head == b"PK\x03\x04":
        log.hard(label, 1, "", "file.kind", _WORKBOOK, blocks=True)
        return False
    if not head:
        log.hard(label, None, "", "file.empty", _EMPTY, blocks=True)
    return bool(head)


def _skip_line(stream: BinaryIO, line: bytes) -> None:
    """Go on behind the end of an overlong line, in bounded pieces."""
    while line and not line.endswith(b"\n"):
        line = stream.readline(MAX_LINE)


def _too_long(line: bytes, header: list[str], label: str, number: int, log: FindingLog) -> None:
    """Report an overlong line; the cell in which the limit fell is the overlong one."""
    index = _cells_begun(line.decode("utf-8", "replace")) - 1
    column = header[index] if index < len(header) else ""
    log.hard(
        label,
        number,
        column,
        "row.too_long",
        f"The line is longer than {MAX_LINE} bytes: a cell holds far too much text, or the line"
        " ends of the file are lost. Shorten the cell, or save the file again as CSV.",
        blocks=True,
    )


def _cells_begun(text: str) -> int:
    """How many cells begin in the text; commas between quotes separate nothing."""
    return "".join(text.split('"')[::2]).count(",") + 1


def _cells(line: bytes, label: str, number: int, log: FindingLog) -> list[str] | None:
    """The cells of one line, or None after a report."""
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    problem = _line_problem(line)
    if problem is None:
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            problem = (
                "file.encoding",
                "The line is not UTF-8 (often it is Windows-1252). Save the file as CSV in UTF-8.",
            )
        else:
            if '"' not in text:
                return text.split(",")
            cells = split_line(text)
            if cells is not None:
                return cells
            problem = _quote_problem(text)
    log.hard(label, number, "", *problem, blocks=True)
    return None


def _line_problem(line: bytes) -> tuple[str, str] | None:
    if b"\0" in line:
        return (
            "file.nul",
            "The line holds a NUL byte: the file is damaged or no CSV. Export it again.",
        )
    if b"\r" in line:
        return (
            "file.line_ends",
            (
                "A carriage return stands inside the line. End lines with LF or CRLF, and keep line"
                " breaks out of cells."
            ),
        )
    return None


def _quote_problem(text: str) -> tuple[str, str]:
    if text.count('"') % 2:
        return (
            "file.quote",
            "A quote opened on this line is not closed on it. Close it; cells hold no line breaks.",
        )
    return (
        "file.quote",
        (
            "A quote stands inside an unquoted cell or behind a closing quote. Put the whole cell in"
            " quotes and double the quotes inside it."
        ),
    )


def split_line(text: str) -> list[str] | None:
    """The cells of a line with quotes in it; None when the quotes are wrong."""
    cells: list[str] = []
    position = 0
    while (match := _CELL.match(text, position)) is not None:
        quoted, plain, end = match.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        position = match.end()
        if not end:
            return cells
    return None


def _check_delimiter(header: list[str], label: str, log: FindingLog) -> None:
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        log.hard(
            label,
            1,
            "",
            "file.delimiter",
            "The columns are not separated by commas. Save the file as comma-separated CSV.",
            blocks=True,
        )
