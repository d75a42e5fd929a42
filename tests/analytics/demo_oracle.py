"""The demo's records as the oracle and the edit checks read them, without a database."""

from __future__ import annotations

from analytics.demo.records import DemoRecord
from analytics.demo.story import Cells
from patients.rules.dictionary import FORMS, RECORD_FORMS
from patients.rules.record import RecordState
from patients.rules.record import Row as CheckedRow
from patients.rules.values import parse_value
from tests import bundle, oracle


def oracle_record(record: DemoRecord, number: int) -> oracle.Record:
    """The record with its rows numbered in the order of saving, coded cells as empty ones."""
    values = {name: _value(record.patient.get(name)) for name in bundle.PATIENT_FIELDS}
    found = oracle.Record(record.center, record.record_id, id=number, **values)  # type: ignore[arg-type]
    for form, (table, dated) in bundle.FORMS.items():
        for place, cells in enumerate(record.rows[form], start=1):
            row = {name: _value(text) for name, text in cells.items()}
            retracted = row.get("status") == "retracted"
            found.rows.append(oracle.Row(table, place, row.get(dated), row, retracted))
    return found


def _value(text: str | None) -> str | None:
    return None if text is None or text in bundle.CODED else text


def checked_record(record: DemoRecord) -> RecordState:
    """The record as the edit checks see it."""
    rows = {
        form.name: [_checked(form.name, cells) for cells in record.rows[form.name]]
        for form in RECORD_FORMS[1:]
    }
    return RecordState(_checked("patients", record.patient), rows)


def _checked(form: str, cells: Cells) -> CheckedRow:
    fields = FORMS[form].by_name
    values = {
        name: text if name == "record_id" else parse_value(fields[name], text)
        for name, text in cells.items()
    }
    return CheckedRow(form, None, values, cells.get("status") == "retracted")
