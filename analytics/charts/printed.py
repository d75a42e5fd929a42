"""What every figure has in common: title, drawing, notes, tables, and the same numbers as files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any, Final, Protocol

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from centers.cells import harmless

# Of a file: text of ten units, so many to the width of the drawing.
LINE_CHARACTERS, LINE_HEIGHT, TITLE_HEIGHT = 140, 14, 30


class Drawing(Protocol):
    """Geometry made for one SVG template, in its own units."""

    @property
    def width(self) -> int:
        """Width of the view box."""

    @property
    def height(self) -> int:
        """Height of the view box."""


@dataclass(frozen=True)
class PrintedTable:
    """The numbers of a figure as text; the first cell of a row is its heading.

    `words`: how many columns from the left are words, not numbers.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


@dataclass(frozen=True)
class PrintedFigure:
    """A figure as its page prints it, and as its files hold it.

    `key` names what makes it (views/files.py), `name` its files.
    `template` draws `drawing` (both empty: a table without a drawing). `columns` and `rows` are the
    numbers at full precision, `document` everything of it for JSON, `parameters` what was asked for.
    """

    key: str
    name: str
    title: str
    notes: tuple[str, ...]
    tables: tuple[PrintedTable, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    template: str = ""
    drawing: Drawing | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kinds(self) -> dict[str, str]:
        """The files of it: kind and label."""
        kinds = tuple(FILES) if self.drawing else ("csv", "table", "json")
        return {kind: _(FILES[kind]) for kind in kinds}

    @property
    def heading_id(self) -> str:
        """Name of its heading on a page."""
        return f"h-{self.key}"

    @property
    def file_lines(self) -> list[dict[str, object]]:
        """The notes below the drawing of a file: lines of text and where they stand."""
        lines = [line for note in self.notes for line in wrap(note, LINE_CHARACTERS)]
        top = self._drawn + TITLE_HEIGHT + LINE_HEIGHT
        return [
            {"text": line, "y": top + number * LINE_HEIGHT} for number, line in enumerate(lines)
        ]

    @property
    def _drawn(self) -> int:
        return self.drawing.height if self.drawing else 0

    @property
    def file_last(self) -> int:
        """Where the last line of a file stands: cutoff and versions."""
        return self._drawn + TITLE_HEIGHT + LINE_HEIGHT * (len(self.file_lines) + 1)

    @property
    def file_height(self) -> int:
        """Height of the file's drawing."""
        return self.file_last + LINE_HEIGHT


FILES: Final = {
    "svg": "SVG",
    "pdf": "PDF",
    "png": gettext_noop("PNG, 300 dpi"),
    "csv": "CSV",
    "table": gettext_noop("Table (CSV)"),
    "json": "JSON",
}


def key_of(title: str) -> str:
    """A name for the parts of a drawing, so that several may stand on one page."""
    return re.sub(r"[\W_]+", "-", title.lower()).strip("-")


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV file (RFC 4180) without formulas; None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def table_text(tables: Sequence[PrintedTable]) -> str:
    """The tables of a figure as one CSV file; a table's caption stands in the first column of its rows."""
    widest = max(tables, key=lambda table: len(table.columns), default=None)
    if widest is None:
        return csv_text(("table",), ())
    rows = [(table.caption, *row) for table in tables for row in table.rows]
    return csv_text(("table", *widest.columns), rows)
