"""Whole records as the rules see them: one query a form, whatever the number of records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from patients.fields import NOT_COLUMNS
from patients.identity import load_keys, unseal
from patients.models import ROW_MODELS, Patient, PatientIdentity
from patients.rules.dictionary import PATIENTS, RECORD_FORMS, Form
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
    for form in RECORD_FORMS[1:]:
        _load_rows(form, records)
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


def _load_rows(form: Form, records: Mapping[int, RecordState]) -> None:
    columns = COLUMNS[form.name]
    names = ["id", "public_id", "patient_id", "retracted", "missing"]
    is_cycle = form.name == "cycles"
    names += ["course__course_number"] if is_cycle else []
    rows = (
        ROW_MODELS[form.name]._default_manager.filter(patient_id__in=list(records)).order_by("id")
    )
    for row_id, public_id, patient_id, retracted, missing, *cells in rows.values_list(
        *names, *columns
    ):
        values: dict[str, Value] = {"course_number": cells.pop(0)} if is_cycle else {}
        values |= _values(columns, cells, missing)
        state = records[patient_id]
        row = Row(form.name, row_id, values, retracted, public_id=public_id)
        state.rows[form.name].append(row)


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
