"""What the pages of a record share: finding it, who may do what with it, its banner."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from django.http import Http404
from django.utils import timezone

from centers.access import required_scope
from centers.audit import EventKind, record_event
from centers.roles import Permission
from patients import slots
from patients.models import Patient
from patients.queries.record_page import find_record
from patients.queries.timeline import age_at


def record_or_404(public_id: uuid.UUID) -> Patient:
    """A record of the reader's centers; another center's is as absent as one that never was."""
    patient = find_record(public_id)
    if patient is None:
        raise Http404
    return patient


def editable_record(public_id: uuid.UUID) -> Patient:
    """A record that the reader may change at its center: else 404 or 403."""
    patient = record_or_404(public_id)
    required_scope().require(Permission.EDIT_RECORDS, patient.center_id)
    return patient


def sees_identifiers(patient: Patient) -> bool:
    """Whether the reader may see who the person is."""
    return required_scope().may(Permission.VIEW_IDENTIFIERS, patient.center_id)


def may_edit(patient: Patient) -> bool:
    """Whether links for entry are shown."""
    return required_scope().may(Permission.EDIT_RECORDS, patient.center_id)


def note_reading(page: str, patient: Patient) -> None:
    """Reading identifiers is an event of the audit trail."""
    record_event(EventKind.READ, {"page": page}, center_id=patient.center_id, patient_id=patient.pk)


def note_list_reading(records: Sequence[Patient]) -> None:
    """One event a center for the identifiers on a page of the list."""
    scope = required_scope()
    for center_id in sorted({record.center_id for record in records}):
        if scope.may(Permission.VIEW_IDENTIFIERS, center_id):
            ids = [record.pk for record in records if record.center_id == center_id]
            detail: dict[str, Any] = {"page": "record_list", "patient_ids": ids}
            record_event(EventKind.READ, detail, center_id=center_id)


def banner(patient: Patient, panels: Sequence[slots.Panel] = ()) -> dict[str, Any]:
    """The context of the record's banner, the same on each of its pages."""
    # The database shows no identity to a reader who sees it masked.
    identity = getattr(patient, "identity", None)
    birth = identity.birth_date if identity else None
    death = patient.date_of_death
    today: date = timezone.now().date()
    return {
        "section": "records",
        "patient": patient,
        "identifiers": sees_identifiers(patient),
        "may_edit": may_edit(patient),
        "may_here": {p.value: required_scope().may(p, patient.center_id) for p in Permission},
        "birth": birth,
        "age": age_at(birth, death.point if death else today),
        "badges": [panel.badge for panel in panels],
        "recomputing": any(panel.recomputing for panel in panels),
    }
