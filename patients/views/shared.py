"""What the pages of a record share: finding it, who may do what with it, its banner."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from django.http import Http404
from django.utils import timezone

from centers.access import required_scope
from centers.audit import EventKind, record_event, record_events
from centers.roles import Permission
from patients import slots
from patients.models import Erasure, Patient
from patients.queries.data_queries import QueryLine
from patients.queries.field_notes import Notes, field_notes
from patients.queries.record_page import find_record
from patients.queries.signatures import signing_of
from patients.queries.timeline import age_at

# What stays possible with a retired record.
OF_RETIRED = frozenset({Permission.VIEW_HISTORY, Permission.RETIRE_RECORDS})


def record_or_404(public_id: uuid.UUID, *, retired: bool = False) -> Patient:
    """A record of the reader's centers; another center's is as absent as one that never was.

    `retired`: the page is open for a retired record too, which others treat as absent.
    """
    patient = find_record(public_id, retired=retired)
    if patient is None:
        raise Http404
    return patient


def editable_record(public_id: uuid.UUID, *, is_sent: bool = False) -> Patient:
    """A record that the reader may change at its center: else 404 or 403.

    `is_sent`: somebody typed already; a record retired meanwhile is found, so that saving can say
    so and keep what was typed.
    """
    patient = record_or_404(public_id, retired=is_sent)
    required_scope().require(Permission.EDIT_RECORDS, patient.center_id)
    return patient


def sees_identifiers(patient: Patient) -> bool:
    """Whether the reader may see who the person is; of an erased record there is nothing to see."""
    may_see = required_scope().may(Permission.VIEW_IDENTIFIERS, patient.center_id)
    return may_see and erasure_of(patient) is None


def erasure_of(patient: Patient) -> Erasure | None:
    """The erasure of the record's identifiers, if there was one."""
    erasure: Erasure | None = getattr(patient, "erasure", None)
    return erasure


def may_edit(patient: Patient) -> bool:
    """Whether links for entry are shown."""
    may_enter = required_scope().may(Permission.EDIT_RECORDS, patient.center_id)
    return may_enter and not patient.retracted


def may_here(patient: Patient) -> dict[str, bool]:
    """Every permission, and whether the reader has it for this record; a retired one allows few."""
    scope = required_scope()
    return {
        p.value: scope.may(p, patient.center_id) and (not patient.retracted or p in OF_RETIRED)
        for p in Permission
    }


def notes_beside_fields(patient: Patient, queries: Sequence[QueryLine]) -> Notes:
    """How fields changed and what is asked about them, for who may see the history; one query."""
    scope = required_scope()
    if not scope.may(Permission.VIEW_HISTORY, patient.center_id):
        return {}
    may_raise = scope.may(Permission.MANAGE_QUERIES, patient.center_id) and not patient.retracted
    return field_notes(patient, queries, raising=may_raise)


def note_reading(page: str, patient: Patient) -> None:
    """Reading identifiers is an event of the audit trail."""
    record_event(EventKind.READ, {"page": page}, center_id=patient.center_id, patient_id=patient.pk)


def note_list_reading(records: Sequence[Patient]) -> None:
    """One event a center for the identifiers on a page of the list."""
    scope = required_scope()
    details: dict[int, dict[str, Any]] = {}
    for record in sorted(records, key=lambda record: record.center_id):
        if scope.may(Permission.VIEW_IDENTIFIERS, record.center_id):
            detail = details.setdefault(
                record.center_id, {"page": "record_list", "patient_ids": []}
            )
            detail["patient_ids"].append(record.pk)
    record_events(EventKind.READ, details)


def note_search(records: Sequence[Patient], **more: str) -> None:
    """A search is an event, without what was typed: that may be an identifier.

    At the centers of what was found; else at the reader's own center, when there is only one.
    """
    details: dict[int, dict[str, Any]] = {}
    for record in sorted(records, key=lambda record: record.center_id):
        at_center = details.setdefault(record.center_id, {"page": "record_find", "patient_ids": []})
        at_center["patient_ids"].append(record.pk)
    if details:
        record_events(EventKind.SEARCH, details)
        return
    own = required_scope().center_ids
    detail = {"page": "record_find", "found": 0, **more}
    record_event(EventKind.SEARCH, detail, center_id=own[0] if len(own) == 1 else None)


def banner(patient: Patient, panels: Sequence[slots.Panel] = ()) -> dict[str, Any]:
    """The context of the record's banner, the same on each of its pages."""
    # The database shows no identity to a reader who sees it masked.
    identity = getattr(patient, "identity", None)
    birth = identity.birth_date if identity else None
    death = patient.date_of_death
    today: date = timezone.now().date()
    signing = signing_of(patient.pk)
    return {
        "section": "records",
        "patient": patient,
        "identifiers": sees_identifiers(patient),
        "signing": signing,
        # What is locked is not offered for entry; the database refuses it in any case.
        "may_edit": may_edit(patient) and signing.lock is None,
        "erased": erasure_of(patient),
        "may_here": may_here(patient),
        "birth": birth,
        "age": age_at(birth, death.point if death else today),
        "badges": [*(panel.badge for panel in panels), *signing.badges],
        "recomputing": any(panel.recomputing for panel in panels),
    }
