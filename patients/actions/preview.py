"""What a change would mean, without saving it: for checks while somebody types."""

from __future__ import annotations

from contextlib import nullcontext

from django.db import transaction
from django.utils import timezone

from centers.access import Scope, acting, current_scope
from centers.roles import Permission
from patients.actions.between import check_duplicates, check_erased, resolve_links
from patients.actions.changes import RecordChange, RecordNotFound
from patients.actions.pending import apply_change
from patients.queries.records import load_records
from patients.rules.checks import check_record
from patients.rules.record import Finding, RecordState


def preview_record(*, actor: Scope, change: RecordChange) -> tuple[RecordState, list[Finding]]:
    """The record as it would stand and every finding, hard and soft. Nothing is locked or written.

    Raises PermissionDenied (center), RecordNotFound and RowNotFound.
    """
    actor.require(Permission.EDIT_RECORDS, change.center_id)
    with nullcontext() if current_scope() == actor else acting(actor), transaction.atomic():
        saved: RecordState | None = None
        if change.patient_id is not None:
            saved = load_records([change.patient_id], identifiers=False).get(change.patient_id)
            if saved is None:
                raise RecordNotFound
        pending = apply_change(change, saved)
        between = [
            *resolve_links([pending]),
            *check_erased([pending]),
            *check_duplicates([pending]),
        ]
    return pending.state, [
        *pending.findings,
        *between,
        *check_record(pending.state, today=timezone.now().date()),
    ]
