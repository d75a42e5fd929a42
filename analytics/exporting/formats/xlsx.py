"""Excel: one workbook, a sheet a table and one for the codebook; row by row, so memory stays flat."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import xlsxwriter

from analytics.exporting.codebook import codebook
from analytics.exporting.formats.base import EPOCH, Release, Written
from centers.cells import harmless

NAME: Final = "export.xlsx"
MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_HEADINGS: Final = ("table", "column", "label", "type", "unit", "values", "how", "note")


def write(release: Release, folder: Path) -> list[Written]:
    """One file."""
    with xlsxwriter.Workbook(str(folder / NAME), _OPTIONS) as book:
        book.set_properties({"created": EPOCH.replace(tzinfo=None), "author": "", "comments": ""})
        bold = book.add_format({"bold": True})
        for spooled in release.tables.values():
            sheet = book.add_worksheet(spooled.table.name)
            _line(sheet, 0, spooled.table.names, bold)
            for number, values in enumerate(spooled.values(), 1):
                _line(sheet, number, values)
        sheet = book.add_worksheet("codebook")
        _line(sheet, 0, _HEADINGS, bold)
        for number, values in enumerate(_codebook_lines(release), 1):
            _line(sheet, number, values)
    rows = sum(spooled.rows for spooled in release.tables.values())
    return [Written(NAME, MEDIA_TYPE, "", rows)]


def _line(sheet: Any, number: int, values: Any, style: Any = None) -> None:
    for place, value in enumerate(values):
        if isinstance(value, str):
            sheet.write_string(number, place, harmless(value), style)
        elif value is not None:
            sheet.write_number(number, place, value, style)


def _codebook_lines(release: Release) -> Any:
    for table in codebook(release.profile)["tables"]:
        if table["name"] in release.tables:
            for column in table["columns"]:
                yield (
                    table["name"],
                    column["name"],
                    column["label"],
                    column["type"],
                    column["unit"],
                    ", ".join(column["codes"]),
                    column["treatment"],
                    column["note"],
                )
