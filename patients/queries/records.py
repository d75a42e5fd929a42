"""Whole records as the rules see them: a fixed number of queries, whatever the number of records."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from patients.fields import NOT_COLUMNS
from patients.identity import load_keys, unseal
from patients.models import ROW_MODELS, Patient, PatientIdentity
from patients.partial_dates import PartialDate
from patients.rules.dictionary import CYCLES, PATIENTS, RECORD_FORMS, Form
from patients.rules.record import RecordState, Row
from patients.rules.values import Missing, Value

# Fields of the patients form that lie in the identity table under seal.
SEALED: Final = ("mrn", "initials")


def columns_of(form: Form) -> tuple[str, ...]:
    """The form's fields that are columns of its own table."""
    own = (f.name for f in form.fields if f.name not in NOT_COLUMNS)
    return tuple(name for name in own if (form.name, name) != ("cycles", "course_number"))


COLUMNS: Final = {form.name: columns_of(form) for form in RECORD_FORMS}


def load_records(
    patient_ids: Collection[int], *, identifiers: bool = True
) -> dict[int, RecordState]:
    """The records that the scope in force may see, by patient id; rows in order of saving.

    Retracted rows are included and say so. The patient's values hold `record_id` and all fields of
    the dictionary; `mrn` and `initials` stay empty without `identifiers`. Whoever shows values to a
    person masks the fields of class I.
    """
    if not patient_ids:
        return {}
    records = _load_patients(patient_ids, identifiers)
    _load_rows(records)
    return records


def _load_patients(patient_ids: Collection[int], identifiers: bool) -> dict[int, RecordState]:
    columns = COLUMNS["patients"]
    names = ("id", "public_id", "same_person_id", "retracted", "missing", *columns)
    found = list(Patient.objects.filter(id__in=patient_ids).order_by("id").values_list(*names))
    identities, erased = _load_identities({row[0]: str(row[1]) for row in found}, identifiers)
    linked = _record_ids({row[2] for row in found if row[2] is not None})
    records = {}
    for patient_id, public_id, same_person_id, retracted, missing, *cells in found:
        values = _values(columns, cells, missing)
        values |= identities.get(patient_id, {})
        values["same_person_as"] = linked.get(same_person_id)
        row = Row("patients", patient_id, values, retracted)
        records[patient_id] = RecordState(
            row, {form.name: [] for form in RECORD_FORMS[1:]}, public_id, patient_id in erased
        )
    return records


def _load_identities(
    public_ids: Mapping[int, str], identifiers: bool
) -> tuple[dict[int, dict[str, Value]], set[int]]:
    """record_id and birth date, and with `identifiers` what is sealed, by patient id; the erased.

    A retired record has given its record ID free; the sealed one is the one it had.
    """
    keys = load_keys(public_ids) if identifiers else {}
    rows = PatientIdentity.objects.filter(patient_id__in=list(public_ids)).values_list(
        "patient_id", "record_id", "birth_date", "missing", "sealed"
    )
    identities: dict[int, dict[str, Value]] = {}
    erased: set[int] = set()
    for patient_id, record_id, birth_date, missing, sealed in rows:
        if not sealed:
            erased.add(patient_id)
        values = _values(("birth_date",), [birth_date], missing)
        opened = unseal(keys[patient_id], bytes(sealed)) if identifiers and sealed else {}
        identities[patient_id] = {
            "record_id": opened.get("record_id") or record_id,
            **values,
            **{name: opened.get(name) or None for name in SEALED},
        }
    return identities, erased


def _record_ids(patient_ids: Collection[int]) -> dict[int | None, str]:
    if not patient_ids:
        return {}
    rows = PatientIdentity.objects.filter(patient_id__in=patient_ids)
    return dict(rows.values_list("patient_id", "record_id"))


def _branch(number: int, form: Form) -> str:
    """Rows of one form; the values as a JSON array, numbers as text so that they stay exact."""
    cells = ", ".join(
        f"r.{name}{_CASTS.get(form.by_name[name].kind, '')}" for name in COLUMNS[form.name]
    )
    course = "course.course_number" if form is CYCLES else "null::integer"
    table = ROW_MODELS[form.name]._meta.db_table
    join = " left join patients_course course on course.id = r.course_id" if form is CYCLES else ""
    return (
        f"select {number} as form, r.id, r.public_id, r.patient_id, r.retracted, r.missing, {course},"  # noqa: S608
        f" jsonb_build_array({cells}) from {table} r{join} where r.patient_id = any(%(ids)s)"
    )


_CASTS: Final = {"partial_date": "::text", "number": "::text"}
# Fixed text of the dictionary and the models; no value of a user enters it.
_ROWS: Final = " union all ".join(
    _branch(number, form) for number, form in enumerate(RECORD_FORMS[1:])
)


def _load_rows(records: Mapping[int, RecordState]) -> None:
    """The rows of every form, in order of their ids; one query."""
    readers = [
        [_READERS.get(f.by_name[name].kind) for name in COLUMNS[f.name]] for f in RECORD_FORMS[1:]
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"{_ROWS} order by form, id", {"ids": list(records)})
        for number, row_id, public_id, patient_id, retracted, missing, course, cells in cursor:
            form = RECORD_FORMS[number + 1]
            values: dict[str, Value] = {"course_number": course} if form is CYCLES else {}
            for name, cell, read in zip(
                COLUMNS[form.name], json.loads(cells), readers[number], strict=True
            ):
                values[name] = read(cell) if read is not None and cell is not None else cell
            for name, reason in json.loads(missing).items():
                values[name] = Missing(reason)
            row = Row(form.name, row_id, values, retracted, public_id=public_id)
            records[patient_id].rows[form.name].append(row)


_READERS: Final[dict[str, Callable[[Any], Value]]] = {
    "partial_date": PartialDate.parse,
    "number": Decimal,
    "codes": tuple,
}


def _values(
    columns: Iterable[str], cells: Iterable[Any], missing: Mapping[str, str]
) -> dict[str, Value]:
    """Values of the dictionary from a table's columns: arrays as tuples, coded reasons in place."""
    values: dict[str, Value] = {
        name: tuple(cell) if type(cell) is list else cell
        for name, cell in zip(columns, cells, strict=True)
    }
    for name, reason in missing.items():
        values[name] = Missing(reason)
    return values


def identifying_fields() -> frozenset[str]:
    """The fields that a page masks for those who may not see identifiers."""
    return frozenset(f.name for f in PATIENTS.fields if f.field_class == "I") | {"record_id"}
