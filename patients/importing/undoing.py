"""Taking an import back as one correction: what it entered is retracted, what it changed set back.

While an import is committed it notes, of every record, the version that it left and what it did to
which row. The undo is one batch of changes through the same action as every other write, with a
reason; it is refused whole when anything in one of the records was changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from django.db import transaction

from centers.access import Scope
from centers.audit import EventKind, record_event
from centers.roles import Permission
from patients.actions.changes import RecordChange, RowChange, SavedRecord
from patients.actions.records import save_records
from patients.importing.pages import Pages
from patients.importing.watching import Watcher
from patients.models import ImportJob, Patient, RecordVersion
from patients.queries.import_jobs import UNDO, Item, read_all
from patients.queries.records import load_records
from patients.rules.dictionary import FORMS, PATIENTS
from patients.rules.record import RecordState
from patients.rules.values import Value, format_value, parse_value

CHUNK: Final = 300
LINK: Final = "same_person_as"


class ChangedSince(Exception):
    """Nothing was undone: these records (patient ids) were changed after the import."""

    def __init__(self, patient_ids: Sequence[int]) -> None:
        super().__init__("records were changed after the import")
        self.patient_ids = list(patient_ids)


class Notes(Watcher):
    """Notes what an import does, for its undo."""

    def __init__(self, pages: Pages) -> None:
        super().__init__()
        self.pages = pages

    def saved(
        self,
        changes: Sequence[RecordChange],
        saved: Sequence[SavedRecord],
        before: Mapping[int, RecordState],
    ) -> None:
        """One note a record that was written."""
        kept = [one.patient_id for one in saved if not one.created]
        after = load_records(kept, identifiers=False)
        for change, one in zip(changes, saved, strict=True):
            note: Item = {"patient": one.patient_id, "version": one.version}
            if one.created:
                self.pages.add(UNDO, {**note, "created": True})
            elif one.changed:
                old = before[one.patient_id]
                rows = _note_rows(change, old, after[one.patient_id])
                self.pages.add(UNDO, {**note, "created": False, "rows": rows})


def _note_rows(change: RecordChange, old: RecordState, new: RecordState) -> list[Item]:
    """What was done to each row: `entered`, or the `old` cells, or retracted with its `cells`."""
    noted: list[Item] = []
    for form, rows in new.rows.items():
        known = {row.id for row in old.rows[form]}
        entered = [row for row in rows if row.id not in known and not row.retracted]
        noted += [{"form": form, "entered": row.id} for row in entered]
    for row in change.rows:
        if row.form == PATIENTS.name:
            noted.append({"form": row.form, "old": _texts(old.patient.values, row.values)})
        elif row.row_id is not None:
            saved = next(one for one in old.rows[row.form] if one.id == row.row_id)
            if row.retract:
                noted.append({"form": row.form, "cells": _texts(saved.values, saved.values)})
            else:
                cells = _texts(saved.values, row.values)
                noted.append({"form": row.form, "row": row.row_id, "old": cells})
    return noted


def _texts(values: Mapping[str, Value], names: Iterable[str]) -> dict[str, str]:
    return {name: format_value(values.get(name)) for name in names}


def undo(*, actor: Scope, job: ImportJob, reason: str) -> int:
    """Take the import back in the open transaction; how many records were written.

    Raises ChangedSince, Refused (a check stands against it), PermissionDenied.
    """
    actor.require(Permission.IMPORT_RECORDS, job.center_id)
    with transaction.atomic():
        versions = {note["patient"]: note["version"] for note in read_all(job, UNDO)}
        _require_unchanged(versions)
        notes = iter(list(read_all(job, UNDO)))
        done = 0
        while chunk := list(islice(notes, CHUNK)):
            changes = [_reversed(job.center_id, note) for note in chunk]
            if any(note["created"] for note in chunk):
                actor.require(Permission.RETIRE_RECORDS, job.center_id)
            done += len(save_records(actor=actor, changes=changes, reason=reason))
        detail = {"records": done, "undone": True}
        record_event(EventKind.IMPORT, detail, center_id=job.center_id)
    return done


def _require_unchanged(versions: Mapping[int, int]) -> None:
    """The records stand as the import left them, and no other record that stands names a new one."""
    ids = list(versions)
    locked = RecordVersion.objects.select_for_update().filter(patient_id__in=ids)
    now = dict(locked.order_by("patient_id").values_list("patient_id", "version"))
    changed = [patient for patient, version in versions.items() if now.get(patient) != version]
    linked = Patient.objects.filter(same_person_id__in=ids, retracted=False).exclude(id__in=ids)
    changed += linked.values_list("same_person_id", flat=True)
    if changed:
        raise ChangedSince(changed)


def _reversed(center_id: int, note: Item) -> RecordChange:
    """The change that takes back what was done to one record."""
    patient_id: int = note["patient"]
    if note["created"]:
        row = RowChange(PATIENTS.name, {LINK: None}, retract=True)
        return RecordChange(center_id, patient_id, [row], note["version"])
    rows = [_reversed_row(done) for done in note["rows"]]
    return RecordChange(center_id, patient_id, rows, note["version"])


def _reversed_row(done: Item) -> RowChange:
    form: str = done["form"]
    if "entered" in done:
        return RowChange(form, {}, done["entered"], retract=True)
    if "cells" in done:
        # A retracted row stays one; what it said is entered again.
        return RowChange(form, _values(form, done["cells"]))
    return RowChange(form, _values(form, done["old"]), done.get("row"))


def _values(form: str, texts: Mapping[str, str]) -> dict[str, Any]:
    fields = FORMS[form].by_name
    return {name: parse_value(fields[name], text) for name, text in texts.items()}
