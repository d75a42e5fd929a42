"""A change applied to what is saved, in memory: the record as it will stand and what differs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from django.core.exceptions import ObjectDoesNotExist

from patients.actions.changes import RecordChange, RowChange
from patients.rules.checks import finding
from patients.rules.dictionary import FORMS, PATIENTS, RECORD_FORMS
from patients.rules.record import Finding, RecordState, Row
from patients.rules.values import Value

RETRACTED = "retracted"
# What an erasure destroys; the fields that are sealed.
IDENTIFIERS: Final = frozenset({"record_id", "birth_date", "mrn", "initials"})


class RowNotFound(ObjectDoesNotExist):
    """The record has no such row, or the actor may not see it: the two look the same."""


@dataclass(slots=True, eq=False)
class PendingRow:
    """A row that will be written. `changed` names the fields that differ from what is saved."""

    row: Row
    changed: frozenset[str]

    @property
    def is_new(self) -> bool:
        """Whether it is to be inserted."""
        return self.row.id is None


@dataclass(slots=True, eq=False)
class PendingRecord:
    """A record as it will stand; `rows` holds what has to be written, in order of saving."""

    change: RecordChange
    state: RecordState
    patient_id: int = 0
    public_id: uuid.UUID = field(default_factory=uuid.uuid4)
    same_person_id: int | None = None
    patient: PendingRow | None = None
    rows: dict[str, list[PendingRow]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_new(self) -> bool:
        """Whether the record is to be created."""
        return self.change.patient_id is None

    @property
    def center_id(self) -> int:
        """The record's center."""
        return self.change.center_id

    @property
    def record_id(self) -> str:
        """The site's own number of the record."""
        return str(self.state.patient.values.get("record_id") or "")

    def written(self) -> Iterator[PendingRow]:
        """Every row that has to be written."""
        if self.patient is not None:
            yield self.patient
        for rows in self.rows.values():
            yield from rows

    def changes_field(self, *names: str) -> bool:
        """Whether the patient's row is written with one of the fields new or different."""
        return self.patient is not None and bool(self.patient.changed & set(names))


def apply_change(change: RecordChange, saved: RecordState | None) -> PendingRecord:
    """The record after the change. `saved` is None for a new record; it is not modified.

    Raises RowNotFound for a row that is not the record's, ValueError for a change that no caller
    should build (an unknown form or field, a new record without its patients row).
    """
    if saved is None:
        state = RecordState(Row("patients", None, {}), {f.name: [] for f in RECORD_FORMS[1:]})
        if not any(row.form == "patients" for row in change.rows):
            raise ValueError("a new record needs its patients row")
    else:
        rows = {form: list(rows) for form, rows in saved.rows.items()}
        state = RecordState(saved.patient, rows, erased=saved.erased)
    pending = PendingRecord(change, state)
    if saved is not None and saved.public_id is not None:
        pending.patient_id, pending.public_id = change.patient_id or 0, saved.public_id
    for row_change in change.rows:
        _refuse_unknown(row_change)
        if row_change.form == "patients":
            _apply_patient(pending, row_change)
        elif row_change.row_id is None:
            _apply_new(pending, row_change)
        else:
            _apply_saved(pending, row_change)
    _find_courses(pending)
    _require_record_id(pending)
    return pending


def _refuse_unknown(change: RowChange) -> None:
    form = FORMS[change.form]
    unknown = set(change.values) - set(form.by_name)
    if form is PATIENTS:
        unknown.discard("record_id")
    if unknown:
        raise ValueError(f"no fields of {form.name}: {', '.join(sorted(unknown))}")


def _apply_patient(pending: PendingRecord, change: RowChange) -> None:
    row = pending.state.patient
    if change.row_id is not None and change.row_id != row.id:
        raise RowNotFound
    after, changed = _merge(row, change)
    if row.retracted and changed and not change.restore:
        pending.findings.append(finding("row.retracted", after, ""))
    if pending.state.erased:
        for name in sorted(changed & IDENTIFIERS):
            pending.findings.append(finding("person.erased", after, name))
    if row.id is None or changed:
        before = pending.patient.changed if pending.patient else frozenset()
        pending.state.patient = after
        pending.patient = PendingRow(after, changed | before)


def _apply_new(pending: PendingRecord, change: RowChange) -> None:
    values, retract = _without_status(change)
    row = Row(change.form, None, values, retract, change.source)
    pending.state.rows[change.form].append(row)
    pending.rows.setdefault(change.form, []).append(PendingRow(row, frozenset(values)))


def _apply_saved(pending: PendingRecord, change: RowChange) -> None:
    rows = pending.state.rows[change.form]
    place = next((i for i, row in enumerate(rows) if row.id == change.row_id), None)
    if place is None:
        raise RowNotFound
    row = rows[place]
    after, changed = _merge(row, change)
    if not changed:
        return
    if row.retracted and not change.restore:
        pending.findings.append(finding("row.retracted", after, ""))
    for key in FORMS[change.form].keys:
        if key in changed:
            pending.findings.append(finding("row.key", after, key))
    rows[place] = after
    written = pending.rows.setdefault(change.form, [])
    earlier = next((w for w in written if w.row is row), None)
    if earlier is not None:  # amended twice in one batch: one write
        earlier.row, earlier.changed = after, earlier.changed | changed
    else:
        written.append(PendingRow(after, changed))


def _merge(row: Row, change: RowChange) -> tuple[Row, frozenset[str]]:
    """The row with the change in it, and the names of the fields that differ."""
    given, retract = _without_status(change)
    changed = {name for name, value in given.items() if row.values.get(name) != value}
    values = {**row.values, **given}
    retracted = (row.retracted or retract) and not change.restore
    if retracted != row.retracted:
        changed.add(RETRACTED)
    return Row(row.form, row.id, values, retracted, change.source), frozenset(changed)


def _without_status(change: RowChange) -> tuple[dict[str, Value], bool]:
    """An assessment's status `retracted` is the act of retracting, not a value."""
    values: Mapping[str, Value] = change.values
    status = values.get("status")
    kept = {name: value for name, value in values.items() if name != "status"}
    return kept, change.retract or status == RETRACTED


def _find_courses(pending: PendingRecord) -> None:
    """A retracted new cycle needs a course to hang on as well; live ones are checked elsewhere."""
    numbers = {row.values.get("course_number") for row in pending.state.rows["courses"]}
    for written in pending.rows.get("cycles", ()):
        row = written.row
        if row.retracted and row.values.get("course_number") not in numbers:
            pending.findings.append(finding("cycle.course_missing", row, "course_number"))


def _require_record_id(pending: PendingRecord) -> None:
    if not pending.record_id:
        pending.findings.append(finding("value.required", pending.state.patient, "record_id"))
