"""Writes pending records: one insert a form, one update a form and set of columns, in id order."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from django.db import IntegrityError, connection, models, transaction

from patients.actions.inserting import insert_rows
from patients.actions.pending import RETRACTED, PendingRecord, PendingRow
from patients.identity import (
    SEALED_FIELDS,
    RecordKey,
    blind_index,
    load_index_key,
    load_keys,
    new_record_key,
    person_index,
    save_keys,
    save_person_indexes,
    seal,
)
from patients.models import ROW_MODELS, Patient, PatientIdentity, RecordRow
from patients.queries.records import COLUMNS
from patients.registry_numbers import new_registry_number
from patients.rules.dictionary import RECORD_FORMS
from patients.rules.record import Row
from patients.rules.values import Missing, format_value

# Fields of the patients form that are kept in the identity table.
IDENTITY_FIELDS: Final = frozenset(SEALED_FIELDS)
NUMBER_ATTEMPTS: Final = 5
UPDATE_BATCH: Final = 500


def reserve_ids(records: Sequence[PendingRecord]) -> None:
    """Give every new record its id, in order of saving, so that new records may name each other."""
    new = [record for record in records if record.is_new]
    if new:
        with connection.cursor() as cursor:
            cursor.execute(
                "select nextval('patients_patient_id_seq') from generate_series(1, %s)", [len(new)]
            )
            for record, (patient_id,) in zip(new, cursor.fetchall(), strict=True):
                record.patient_id = patient_id


def write_records(records: Sequence[PendingRecord]) -> None:
    """Write everything that is pending; new rows get their ids. The caller has checked all."""
    _write_patients(records)
    _write_identities(records)
    for record in records:
        record.state.patient.id = record.patient_id
    for form in RECORD_FORMS[1:]:
        pairs = [(record, row) for record in records for row in record.rows.get(form.name, ())]
        if pairs:
            _write_rows(form.name, pairs)


def _write_patients(records: Sequence[PendingRecord]) -> None:
    new = [r for r in records if r.is_new and r.patient is not None]
    _update(
        Patient,
        [
            (_patient(record), columns)
            for record in records
            if not record.is_new and record.patient is not None
            if (columns := _columns(record.patient, "patients", _patient_column))
        ],
    )
    if new:
        _insert_patients(new, NUMBER_ATTEMPTS)


def _insert_patients(new: Sequence[PendingRecord], attempts: int) -> None:
    """Insert with fresh registry numbers; draws again when one is taken, maybe by another center."""
    try:
        with transaction.atomic():
            insert_rows(Patient, [_patient_cells(record) for record in new])
    except IntegrityError as error:
        if attempts == 1 or "registry_number" not in constraint_of(error):
            raise
        _insert_patients(new, attempts - 1)


def _patient_cells(record: PendingRecord) -> dict[str, Any]:
    return {
        "id": record.patient_id,
        "public_id": record.public_id,
        "center_id": record.center_id,
        "same_person_id": record.same_person_id,
        "registry_number": new_registry_number(),
        **_cells(record.state.patient, "patients"),
    }


def constraint_of(error: IntegrityError) -> str:
    """The name of the constraint that refused, or ''."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return (diagnosis and diagnosis.constraint_name) or ""


def _patient(record: PendingRecord) -> Patient:
    """The saved patient as it will stand: what an update needs."""
    return Patient(
        id=record.patient_id,
        same_person_id=record.same_person_id,
        **_cells(record.state.patient, "patients"),
    )


def _patient_column(name: str) -> str:
    return "same_person" if name == "same_person_as" else name


def _write_identities(records: Sequence[PendingRecord]) -> None:
    """Seal and write the identifiers that are new or changed."""
    wanted = [r for r in records if not r.state.erased]
    wanted = [r for r in wanted if r.changes_field(*IDENTITY_FIELDS, RETRACTED)]
    if not wanted:
        return
    keys = {r.patient_id: new_record_key(str(r.public_id)) for r in wanted if r.is_new}
    save_keys((r.patient_id, r.center_id, keys[r.patient_id]) for r in wanted if r.is_new)
    keys |= load_keys({r.patient_id: str(r.public_id) for r in wanted if not r.is_new})
    index_key = load_index_key()
    rows = [(r, _identity(r, keys[r.patient_id], index_key)) for r in wanted]
    # In one order everywhere: two batches with the same record IDs wait, and do not deadlock.
    new = [row for record, row in rows if record.is_new]
    new.sort(key=lambda row: (row.center_id, row.record_id))
    PatientIdentity.objects.bulk_create(new)
    _update(
        PatientIdentity,
        [(row, _identity_columns(record)) for record, row in rows if not record.is_new],
    )
    persons = [r for r in wanted if r.changes_field("birth_date", "initials")]
    save_person_indexes({r.patient_id: _person_index(r, index_key) for r in persons})


def _person_index(record: PendingRecord, index_key: bytes) -> bytes | None:
    patient = record.state.patient
    initials, birth = (format_value(patient.value(name)) for name in ("initials", "birth_date"))
    return person_index(index_key, initials, birth)


def _identity(record: PendingRecord, key: RecordKey, index_key: bytes) -> PatientIdentity:
    patient = record.state.patient
    birth = patient.values.get("birth_date")
    mrn = patient.value("mrn")
    return PatientIdentity(
        patient_id=record.patient_id,
        center_id=record.center_id,
        record_id=new_retired_id() if patient.retracted else record.record_id,
        birth_date=patient.partial("birth_date"),
        missing={"birth_date": birth.reason} if isinstance(birth, Missing) else {},
        sealed=seal(key, {n: format_value(patient.values.get(n)) for n in SEALED_FIELDS}),
        mrn_index=blind_index(index_key, "mrn", record.center_id, str(mrn)) if mrn else None,
    )


def new_retired_id() -> str:
    """Stands in the place of a retired record's ID, which another record may now have."""
    return f"retired-{secrets.token_hex(8)}"


def _identity_columns(record: PendingRecord) -> frozenset[str]:
    changed = record.patient.changed if record.patient else frozenset()
    columns = {"sealed"} | (changed & {"record_id", "birth_date"})
    columns |= {"missing"} if "birth_date" in changed else set()
    columns |= {"mrn_index"} if "mrn" in changed else set()
    columns |= {"record_id"} if RETRACTED in changed else set()
    return frozenset(columns)


def _write_rows(form: str, pairs: Sequence[tuple[PendingRecord, PendingRow]]) -> None:
    """Updates first: a number freed by retracting may be taken by a new row."""
    model = ROW_MODELS[form]
    saved = [(r, w) for r, w in pairs if not w.is_new]
    _update(
        model,
        [
            (_row(model, written.row), columns)
            for _, written in saved
            if (columns := _columns(written, form, lambda name: name))
        ],
    )
    new = [(record, written) for record, written in pairs if written.is_new]
    rows = [_row_cells(record, written.row) for record, written in new]
    for (_, written), row_id in zip(new, insert_rows(model, rows), strict=True):
        written.row.id = row_id


def _row_cells(record: PendingRecord, row: Row) -> dict[str, Any]:
    """Columns of a new row; a cycle hangs on the course of its number, a live one if there is."""
    cells = _cells(row, row.form)
    cells |= {"patient_id": record.patient_id, "center_id": record.center_id}
    if row.form == "cycles":
        number = row.values.get("course_number")
        courses = record.state.rows["courses"]
        named = [course for course in courses if course.values.get("course_number") == number]
        cells["course_id"] = min(named, key=lambda course: course.retracted).id
    return cells


def _row(model: type[RecordRow], row: Row) -> RecordRow:
    """The saved row as it will stand: what an update needs."""
    saved = model(**_cells(row, row.form))
    saved.pk = row.id
    return saved


def _cells(row: Row, form: str) -> dict[str, Any]:
    """Column values of a row: coded reasons move to `missing`, several codes are a list."""
    cells: dict[str, Any] = {RETRACTED: row.retracted}
    missing = {}
    for name in COLUMNS[form]:
        value = row.values.get(name)
        if isinstance(value, Missing):
            missing[name] = value.reason
            value = None
        cells[name] = list(value) if isinstance(value, tuple) else value
    cells["missing"] = missing
    return cells


def _columns(written: PendingRow, form: str, column: Callable[[str], str]) -> frozenset[str]:
    """The columns that an update has to touch, and no other."""
    known = {*COLUMNS[form], RETRACTED, "same_person_as"}
    names = {column(name) for name in written.changed if name in known}
    taken = {f.name for f in _form(form) if f.takes_missing_reason}
    return frozenset(names | {"missing"} if names & taken else names)


def _form(name: str) -> tuple[Any, ...]:
    return next(form.fields for form in RECORD_FORMS if form.name == name)


def _update(model: type[models.Model], rows: Iterable[tuple[models.Model, frozenset[str]]]) -> None:
    groups: dict[frozenset[str], list[models.Model]] = defaultdict(list)
    for row, columns in rows:
        groups[columns].append(row)
    for columns, members in groups.items():
        model._default_manager.bulk_update(members, sorted(columns), batch_size=UPDATE_BATCH)
