"""Retiring a record that was created in error, and taking that back. Nothing is deleted.

A retired record counts for nothing: not in lists, cohorts, exports, nor for the import. It gives
its record ID free for the right record and keeps it under seal; restoring takes it back if it is
still free.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from centers.access import Scope, acting
from centers.roles import Permission
from patients.actions.changes import RowChange, SavedRecord
from patients.actions.records import amend_record
from patients.models import Patient


class LinkedRecords(Exception):
    """Not done: records (registry numbers) are linked to it, and a link needs two that stand."""

    def __init__(self, numbers: tuple[str, ...]) -> None:
        super().__init__("linked records")
        self.numbers = numbers


def retire_record(
    *, actor: Scope, patient: Patient, reason: str, expected_version: int | None = None
) -> SavedRecord:
    """Retire a record. Raises LinkedRecords, Conflict, Refused, PermissionDenied."""
    actor.require(Permission.RETIRE_RECORDS, patient.center_id)
    with acting(actor), transaction.atomic():
        _refuse(Patient.objects.filter(same_person_id=patient.pk, retracted=False))
        return _save(actor, patient, RowChange("patients", retract=True), reason, expected_version)


def restore_record(
    *, actor: Scope, patient: Patient, reason: str, expected_version: int | None = None
) -> SavedRecord:
    """Let a retired record count again, checked as a new one is.

    Raises Refused (its record ID is taken, a check refuses it), LinkedRecords, Conflict.
    """
    actor.require(Permission.RETIRE_RECORDS, patient.center_id)
    with acting(actor), transaction.atomic():
        _refuse(Patient.objects.filter(id=patient.same_person_id or 0, retracted=True))
        return _save(actor, patient, RowChange("patients", restore=True), reason, expected_version)


def _refuse(linked: QuerySet[Patient]) -> None:
    numbers = tuple(linked.order_by("registry_number").values_list("registry_number", flat=True))
    if numbers:
        raise LinkedRecords(numbers)


def _save(
    actor: Scope, patient: Patient, row: RowChange, reason: str, expected_version: int | None
) -> SavedRecord:
    return amend_record(
        actor=actor,
        center_id=patient.center_id,
        patient_id=patient.pk,
        rows=[row],
        reason=reason,
        expected_version=expected_version,
    )
