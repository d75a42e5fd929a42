"""Data managers say of two records of two centers whether they are one person."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from centers.access import Scope, acting, set_reason
from centers.roles import Permission
from patients.models import DuplicateReview, Patient

VERDICTS: Final = {"same": _("Same person"), "different": _("Different persons")}


def review_duplicate(
    *, actor: Scope, first: Patient, second: Patient, verdict: str, note: str
) -> DuplicateReview:
    """Keep the verdict; a later one replaces it, and the audit trail has both.

    Raises PermissionDenied, ValueError (no verdict, no note, records of one center).
    """
    for patient in (first, second):
        actor.require(Permission.VIEW_DUPLICATES, patient.center_id)
    if verdict not in VERDICTS or not note.strip() or first.center_id == second.center_id:
        raise ValueError("a verdict of two centers' records, with a note")
    one, other = sorted((first.pk, second.pk))
    with acting(actor), transaction.atomic():
        set_reason(note.strip())
        review, __ = DuplicateReview.objects.update_or_create(
            first_id=one,
            second_id=other,
            defaults={
                "verdict": verdict,
                "note": note.strip(),
                "reviewed_by_id": actor.actor_id,
                "reviewed_at": timezone.now(),
            },
        )
    return review
