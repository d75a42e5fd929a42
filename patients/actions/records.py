"""The only writers of clinical rows: forms, import and demo call one of these actions.

A batch of records is saved whole or not at all, in one transaction with its reason for change; the
database writes the audit events and marks the records stale. Keyword-only, `actor` first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from typing import Final

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from centers.access import Scope, acting, current_scope, set_reason
from centers.roles import Permission
from patients.actions.between import (
    check_duplicates,
    check_erased,
    check_same_mrn,
    check_vital_status,
    resolve_links,
)
from patients.actions.changes import (
    Conflict,
    RecordChange,
    RecordNotFound,
    Refused,
    RowChange,
    SavedRecord,
)
from patients.actions.locks import require_unlocked
from patients.actions.pending import PendingRecord, RowNotFound, apply_change
from patients.actions.questions import new_questions, require_confirmed, save_questions
from patients.actions.writing import constraint_of, reserve_ids, write_records
from patients.models import Cycle, RecordVersion
from patients.queries.records import load_records
from patients.rules.checks import CATALOG, check_record, finding
from patients.rules.record import Finding, RecordState
from patients.rules.values import Value
from patients.slots import call_after_commit

__all__ = (
    "Conflict",
    "RecordChange",
    "RecordNotFound",
    "Refused",
    "RowChange",
    "RowNotFound",
    "SavedRecord",
    "add_course",
    "add_row",
    "amend_record",
    "amend_row",
    "create_record",
    "restore_row",
    "retract_row",
    "rows_to_restore",
    "save_records",
    "withdraw_consent",
)

# Keys of the database that are the same check under a name of their own.
KEYS_AS_CHECKS: Final = {
    "patient_identity_record_id": "record.duplicate",
    "patients_course_number": "row.duplicate",
    "patients_cycle_number": "row.duplicate",
    "patients_patient_same_person_id_center_fk": "person.link",
    "audit.reason": "reason.required",
}


def save_records(
    *,
    actor: Scope,
    changes: Sequence[RecordChange],
    reason: str = "",
    confirmed: Mapping[str, str] | None = None,
    today: date | None = None,
) -> list[SavedRecord]:
    """Save a batch; the answer is in its order. Values that are saved already write nothing.

    `reason`: why saved values change (kept in the audit event). `confirmed`: a reason for each
    soft check that fires; None saves them all and opens queries. `today`: the UTC day by default.
    Raises Refused (findings), Conflict (another version), PermissionDenied (center),
    RecordNotFound and RowNotFound; then nothing is written.
    """
    for center_id in {change.center_id for change in changes}:
        actor.require(Permission.EDIT_RECORDS, center_id)
    with _scoped(actor), transaction.atomic():
        set_reason(reason.strip())
        batch = _apply(changes)
        soft = _check(batch, reason, today or timezone.now().date())
        questions = new_questions(batch, soft)
        fresh = questions.fresh
        require_confirmed([f for found in fresh.values() for f in found], confirmed)
        _write(batch)
        save_questions(batch, questions, soft, confirmed, actor.actor_id)
        written = sorted(r.patient_id for r in batch if any(r.written()))
        if written:
            transaction.on_commit(lambda: call_after_commit(written), robust=True)
        return _saved(batch, fresh)


def _scoped(actor: Scope) -> AbstractContextManager[object]:
    """Acts as the actor; a page's request does so already."""
    return nullcontext() if current_scope() == actor else acting(actor)


def _apply(changes: Sequence[RecordChange]) -> list[PendingRecord]:
    """Lock, load and change the records in memory."""
    ids = [change.patient_id for change in changes if change.patient_id is not None]
    if len(set(ids)) < len(ids):
        raise ValueError("one record twice in a batch")
    locked = {
        row.patient_id: row
        for row in RecordVersion.objects.select_for_update()
        .filter(patient_id__in=ids)
        .order_by("patient_id")
    }
    with_patient = any(row.form == "patients" for change in changes for row in change.rows)
    states = load_records(ids, identifiers=with_patient)
    batch = []
    for change in changes:
        state: RecordState | None = None
        if change.patient_id is not None:
            row = locked.get(change.patient_id)
            state = states.get(change.patient_id)
            if row is None or state is None or row.center_id != change.center_id:
                raise RecordNotFound
            if change.expected_version not in (None, row.version):
                raise Conflict(change.patient_id, change.expected_version or 0, row.version)
        batch.append(apply_change(change, state))
    reserve_ids(batch)
    return batch


def _check(batch: Sequence[PendingRecord], reason: str, today: date) -> dict[int, list[Finding]]:
    """Refuse what is hard; the soft findings by patient id. Unchanged records are not checked."""
    changed = [record for record in batch if any(record.written())]
    require_unlocked(changed)
    between = [
        *resolve_links(changed),
        *check_erased(changed),
        *check_vital_status(changed),
        *check_duplicates(changed),
        *check_same_mrn(changed),
    ]
    hard: list[Finding] = []
    soft: dict[int, list[Finding]] = {}
    by_row = {id(record.state.patient): record for record in changed}
    for record in changed:
        found = record.findings + check_record(record.state, today=today)
        if not reason.strip():
            found += _without_reason(record)
        hard += [f for f in found if f.severity == "hard"]
        soft[record.patient_id] = [f for f in found if f.severity == "soft"]
    hard += [f for f in between if f.severity == "hard"]
    for f in between:
        if f.severity == "soft":
            soft[by_row[id(f.row)].patient_id].append(f)
    if hard:
        raise Refused(hard)
    return soft


def _without_reason(record: PendingRecord) -> list[Finding]:
    """reason.required, once a record: at the first saved row that differs."""
    for written in record.written():
        if not written.is_new and written.changed:
            return [finding("reason.required", written.row, min(written.changed))]
    return []


def _write(batch: Sequence[PendingRecord]) -> None:
    """Write, and let the database check the whole records now rather than at the commit."""
    changed = [record for record in batch if any(record.written())]
    if not changed:
        return
    try:
        write_records(changed)
        with connection.cursor() as cursor:
            cursor.execute("set constraints patients_refuse_impossible immediate")
            cursor.execute("set constraints patients_refuse_impossible deferred")
    except IntegrityError as error:
        name = constraint_of(error)
        check = KEYS_AS_CHECKS.get(name, name)
        if check not in CATALOG:
            raise
        # Another writer was faster, or the database is stricter: it tells no row.
        raise Refused([finding(check, changed[0].state.patient, "")]) from None


def _saved(
    batch: Sequence[PendingRecord], questions: Mapping[int, Sequence[Finding]]
) -> list[SavedRecord]:
    ids = [record.patient_id for record in batch]
    versions = dict(
        RecordVersion.objects.filter(patient_id__in=ids).values_list("patient_id", "version")
    )
    return [
        SavedRecord(
            patient_id=record.patient_id,
            public_id=record.public_id,
            version=versions[record.patient_id],
            created=record.is_new,
            changed=sum(1 for _ in record.written()),
            soft=tuple(questions.get(record.patient_id, ())),
        )
        for record in batch
    ]


def create_record(
    *,
    actor: Scope,
    center_id: int,
    rows: Sequence[RowChange],
    reason: str = "",
    confirmed: Mapping[str, str] | None = None,
) -> SavedRecord:
    """Enter a record: its patients row with `record_id`, and any rows of its forms."""
    change = RecordChange(center_id, None, rows)
    return save_records(actor=actor, changes=[change], reason=reason, confirmed=confirmed)[0]


def amend_record(
    *,
    actor: Scope,
    center_id: int,
    patient_id: int,
    rows: Sequence[RowChange],
    reason: str,
    expected_version: int | None = None,
    confirmed: Mapping[str, str] | None = None,
) -> SavedRecord:
    """Change a saved record: any of its rows, in one step. Errors as save_records."""
    change = RecordChange(center_id, patient_id, rows, expected_version)
    return save_records(actor=actor, changes=[change], reason=reason, confirmed=confirmed)[0]


def add_course(
    *,
    actor: Scope,
    center_id: int,
    patient_id: int,
    course: Mapping[str, Value],
    cycle: Mapping[str, Value],
    reason: str = "",
    expected_version: int | None = None,
    confirmed: Mapping[str, str] | None = None,
) -> SavedRecord:
    """Enter a course and its first cycle together: a course without a cycle cannot stand."""
    first = {"cycle_number": 1, **cycle, "course_number": course.get("course_number")}
    return amend_record(
        actor=actor,
        center_id=center_id,
        patient_id=patient_id,
        rows=[RowChange("courses", course), RowChange("cycles", first)],
        reason=reason,
        expected_version=expected_version,
        confirmed=confirmed,
    )


def add_row(
    *,
    actor: Scope,
    center_id: int,
    patient_id: int,
    form: str,
    values: Mapping[str, Value],
    reason: str = "",
    expected_version: int | None = None,
    confirmed: Mapping[str, str] | None = None,
) -> SavedRecord:
    """Enter a row of a form."""
    return amend_record(
        actor=actor,
        center_id=center_id,
        patient_id=patient_id,
        rows=[RowChange(form, values)],
        reason=reason,
        expected_version=expected_version,
        confirmed=confirmed,
    )


def amend_row(
    *,
    actor: Scope,
    center_id: int,
    patient_id: int,
    form: str,
    row_id: int,
    values: Mapping[str, Value],
    reason: str,
    expected_version: int | None = None,
    confirmed: Mapping[str, str] | None = None,
) -> SavedRecord:
    """Change the given values of a saved row."""
    return amend_record(
        actor=actor,
        center_id=center_id,
        patient_id=patient_id,
        rows=[RowChange(form, values, row_id)],
        reason=reason,
        expected_version=expected_version,
        confirmed=confirmed,
    )


def retract_row(
    *,
    actor: Scope,
    center_id: int,
    patient_id: int,
    form: str,
    row_id: int,
    reason: str,
    expected_version: int | None = None,
) -> SavedRecord:
    """Take back a row that was entered in error; it is kept and counts for nothing.

    A course takes its live cycles with it. Form "patients" retracts the whole record.
    """
    rows = [RowChange(form, {}, row_id, retract=True)]
    if form == "courses":
        with acting(actor), transaction.atomic():
            cycles = Cycle.objects.filter(patient_id=patient_id, course_id=row_id, retracted=False)
            ids = list(cycles.order_by("id").values_list("id", flat=True))
        rows += [RowChange("cycles", {}, cycle_id, retract=True) for cycle_id in ids]
    return amend_record(
        actor=actor,
        center_id=center_id,
        patient_id=patient_id,
        rows=rows,
        reason=reason,
        expected_version=expected_version,
    )


def restore_row(
    *,
    actor: Scope,
    center_id: int,
    patient_id: int,
    form: str,
    row_id: int,
    reason: str,
    expected_version: int | None = None,
) -> SavedRecord:
    """Take back the retraction of a row: it counts again, and the whole record is checked anew.

    A course brings back the newest retracted cycle of each number.
    """
    with _scoped(actor), transaction.atomic():
        rows = rows_to_restore(patient_id, form, row_id)
    return amend_record(
        actor=actor,
        center_id=center_id,
        patient_id=patient_id,
        rows=[RowChange(name, {}, key, restore=True) for name, key in rows],
        reason=reason,
        expected_version=expected_version,
    )


def rows_to_restore(patient_id: int, form: str, row_id: int) -> list[tuple[str, int]]:
    """(form, row id) of what comes back with a row: a course cannot stand without a cycle."""
    rows = [(form, row_id)]
    if form == "courses":
        cycles = Cycle.objects.filter(patient_id=patient_id, course_id=row_id, retracted=True)
        newest = dict(cycles.order_by("id").values_list("cycle_number", "id"))
        rows += [("cycles", key) for _, key in sorted(newest.items())]
    return rows


def withdraw_consent(
    *,
    actor: Scope,
    center_id: int,
    patient_id: int,
    reason: str,
    expected_version: int | None = None,
) -> SavedRecord:
    """The patient takes consent back: the record is kept and left out of everything made later."""
    return amend_record(
        actor=actor,
        center_id=center_id,
        patient_id=patient_id,
        rows=[RowChange("patients", {"consent": "withdrawn"})],
        reason=reason,
        expected_version=expected_version,
    )
