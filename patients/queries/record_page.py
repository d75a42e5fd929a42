"""Everything the record page shows of one record: its head, tables of every form, timeline."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db.models import Q
from django.utils.translation import gettext as _

from patients.labels import code_beside, code_label, date_text, display_value
from patients.models import Patient
from patients.partial_dates import PartialDate
from patients.queries.records import load_records
from patients.rules.dictionary import PATIENTS, RECORD_FORMS, Field, Form
from patients.rules.record import RecordState, Row
from patients.rules.values import Missing
from patients.slots import RowLink

DATE_FIELDS: Final = ("date", "start_date")
# The field that tells rows of a form apart beside the date.
TELLING: Final = {
    "prior_therapies": "therapy_class",
    "assessments": "response",
    "local_therapies": "modality",
    "systemic_therapies": "therapy_class",
    "follow_ups": "vital_status",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in a table; `soft` when a coded reason stands in its place. `note`: what its button opens."""

    text: str
    number: bool = False
    soft: bool = False
    iso: str = ""
    note: object = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class RowView:
    """A row of a form on the page."""

    row: Row
    public_id: uuid.UUID
    anchor: str
    label: str
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class FormView:
    """A form's table: only columns that are required, expected or filled."""

    form: Form
    columns: list[Field]
    rows: list[RowView]


@dataclass(frozen=True, slots=True)
class RecordView:
    """One record for its page."""

    patient: Patient
    state: RecordState
    forms: list[FormView]
    links: dict[tuple[str, int], RowLink]

    def form(self, name: str) -> FormView:
        """The table of a form."""
        return next(view for view in self.forms if view.form.name == name)

    def row(self, form: str, public_id: uuid.UUID) -> RowView | None:
        """A row by its public id."""
        rows = self.form(form).rows
        return next((view for view in rows if view.public_id == public_id), None)


def find_record(public_id: uuid.UUID, *, retired: bool = False) -> Patient | None:
    """The record's row with center, identity, erasure and version, if the scope in force may see it.

    `retired`: also when it was retired.
    """
    heads = Patient.objects.select_related("center", "identity", "version_row", "erasure")
    standing = heads if retired else heads.filter(retracted=False)
    return standing.filter(public_id=public_id).first()


def linked_records(patient: Patient) -> list[Patient]:
    """Standing records of the same person, whichever of the two names the other."""
    either = Q(id=patient.same_person_id) | Q(same_person_id=patient.pk)
    return list(Patient.objects.filter(either, retracted=False).order_by("registry_number"))


def view_record(patient: Patient, *, identifiers: bool) -> RecordView:
    """The whole record; `identifiers`: with what is sealed. A fixed number of queries."""
    state = load_records([patient.pk], identifiers=identifiers)[patient.pk]
    forms = [_view_form(form, state.rows[form.name]) for form in RECORD_FORMS[1:]]
    links = {(PATIENTS.name, patient.pk): RowLink("#patients", _("baseline form"))}
    for view in forms:
        for row in view.rows:
            assert row.row.id is not None
            links[view.form.name, row.row.id] = RowLink(f"#{row.anchor}", row.label)
    return RecordView(patient, state, forms, links)


def _view_form(form: Form, rows: Sequence[Row]) -> FormView:
    filled = {name for row in rows for name, value in row.values.items() if value is not None}
    columns = [
        f for f in form.fields if f.name != "status" and (f.need != "optional" or f.name in filled)
    ]
    views = []
    for number, row in enumerate(sorted(rows, key=_place), 1):
        assert row.public_id is not None
        views.append(
            RowView(
                row,
                row.public_id,
                f"{form.name}-{number}",
                row_label(form, row),
                [_cell(field, row) for field in columns],
            )
        )
    return FormView(form, columns, views)


def _place(row: Row) -> tuple[Any, ...]:
    """Rows by number, else by date; undated ones last; ties in order of entry."""
    when = row_date(row)
    number = (row.whole("course_number") or 0, row.whole("cycle_number") or 0)
    return (number, when.point if when else date.max, row.id)


def row_date(row: Row) -> PartialDate | None:
    """The date that a row stands by."""
    return next((d for name in DATE_FIELDS if (d := row.partial(name)) is not None), None)


def row_label(form: Form, row: Row) -> str:
    """How a row is called in links: "Assessment 12-Mar-2004, PD"."""
    if form.name == "courses":
        return _("Course %(course)s") % {"course": row.value("course_number")}
    if form.name == "cycles":
        return _("Course %(course)s, cycle %(cycle)s") % {
            "course": row.value("course_number"),
            "cycle": row.value("cycle_number"),
        }
    when = row_date(row)
    telling = form.by_name[TELLING[form.name]]
    code = row.value(telling.name)
    text = code_label(telling, str(code)).split(",")[0] if code else ""
    text = text if text.isupper() else text.lower()
    parts = [f"{_(form.row_title)}{' ' + date_text(when) if when else ''}", text]
    return ", ".join(part for part in parts if part)


def _cell(field: Field, row: Row) -> Cell:
    value = row.values.get(field.name)
    text = display_value(field, value)
    if field.unit and text and not isinstance(value, Missing):
        text = text.removesuffix(field.unit).strip()  # the heading of the column names the unit
    return Cell(
        text,
        number=field.kind in ("integer", "number"),
        soft=isinstance(value, Missing),
        iso=value.text if isinstance(value, PartialDate) else "",
        code=code_beside(field, value),
    )
