"""The empty files of an import bundle: a zip of CSV files or one workbook."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from xlsxwriter import Workbook

from patients.importing.tables import columns_of
from patients.rules.dictionary import FORMS, RECORD_FORMS, Field, Form

_WIDTH: Final = 18
# The files say the same whenever they are made.
_MADE: Final = (2000, 1, 1)


def header_of(form: Form) -> list[str]:
    """The columns of a form's file, without the one that only exports fill."""
    return [name for name in columns_of(form) if name != "row_id"]


def template_zip() -> bytes:
    """One CSV file a form, with its header."""
    target = BytesIO()
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for form in RECORD_FORMS:
            member = ZipInfo(f"{form.name}.csv", (*_MADE, 0, 0, 0))
            archive.writestr(member, ",".join(header_of(form)) + "\n")
    return target.getvalue()


def template_workbook() -> bytes:
    """One sheet a form, and notes on every column. Cells are text: a partial date stays one."""
    target = BytesIO()
    with Workbook(target, {"in_memory": True}) as book:
        book.set_properties({"created": datetime(*_MADE)})  # noqa: DTZ001 - of no zone
        text, head = book.add_format({"num_format": "@"}), book.add_format({"bold": True})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        for form in RECORD_FORMS:
            sheet = book.add_worksheet(form.name)
            header = header_of(form)
            sheet.set_column(0, len(header) - 1, _WIDTH, text)
            sheet.write_row(0, 0, header, head)
            sheet.freeze_panes(1, 2)
        notes = book.add_worksheet("README")
        notes.write_row(0, 0, ["sheet", "column", "meaning", "needed", "values"], head)
        notes.set_column(0, 1, _WIDTH)
        notes.set_column(2, 4, 40, wrapped)
        line = 1
        for form in RECORD_FORMS:
            for name, field in columns_of(FORMS[form.name]).items():
                if name != "row_id":
                    notes.write_row(line, 0, [form.name, name, *_note(field)])
                    line += 1
    return target.getvalue()


def _note(field: Field) -> list[str]:
    kinds = {"partial_date": "YYYY, YYYY-MM or YYYY-MM-DD", "date": "YYYY-MM-DD"}
    values = ", ".join(field.codes) or kinds.get(field.kind, field.unit or field.kind)
    several = ", several separated by ;" if field.kind == "codes" else ""
    return [field.label, field.need, values + several]
