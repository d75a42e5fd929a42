"""Signing off a finding of the audit review."""

from __future__ import annotations

from datetime import date
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from centers.access import Scope, acting
from centers.models import AuditReview, Center, User
from centers.queries.review import find
from centers.roles import Permission

MAX_NOTE: Final = 2000


def sign_off(
    *, actor: Scope, kind: str, center: Center, user: User, day: date, events: int, note: str
) -> AuditReview:
    """The reviewer has looked at the finding, as it stood with so many events.

    Doing it again for the same events gives the sign-off that stands. Raises ValidationError (no
    note; more events were flagged since the page was read; nothing is flagged), PermissionDenied.
    """
    actor.require(Permission.REVIEW_AUDIT, center.pk)
    note = note.strip()
    if not note:
        raise ValidationError({"note": _("Write what you found, or why nothing needs to be done.")})
    if len(note) > MAX_NOTE:
        raise ValidationError(
            {"note": _("Write at most %(max_note)s letters.") % {"max_note": f"{MAX_NOTE:,}"}}
        )
    with acting(actor), transaction.atomic():
        found = find([center.pk], day, day, kind=kind, actor=user)
        if not found or found[0].events != events:
            raise ValidationError(_("More events were flagged since you opened this page."))
        review = AuditReview(
            center=center,
            kind=kind,
            key=found[0].key,
            starts_on=day,
            ends_on=day,
            events=events,
            reviewer_id=actor.actor_id,
            note=note,
        )
        # Of two reviewers at once the first one's note stands.
        AuditReview.objects.bulk_create([review], ignore_conflicts=True)
        return AuditReview.objects.get(center=center, key=review.key, events=events)
