"""Keeping and dropping drafts. They enter no record, so they need no reason and write no event."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connections, transaction
from django.utils import timezone

from centers.access import Scope, acting
from centers.roles import Permission
from patients.identity import load_index_key, seal_draft
from patients.models import Draft, Patient
from patients.queries.drafts import KEPT, owner_of

# Bytes of what was typed, as JSON; the longest form filled to its limits stays far below.
MOST_BYTES: Final = 65_536


class DraftTooLong(Exception):
    """More was sent than any form of the registry holds."""


@dataclass(frozen=True, slots=True)
class DraftPage:
    """The form page that a draft is of. `version`: of its record when the page was opened."""

    center_id: int
    address: str
    heading: str
    record: uuid.UUID | None
    version: int | None


def save_draft(*, actor: Scope, page: DraftPage, boxes: Mapping[str, list[str]]) -> datetime:
    """Keep what was typed, in place of an earlier draft of the page. Answers when.

    Raises PermissionDenied, DraftTooLong, Patient.DoesNotExist (the record is not to be seen).
    """
    actor.require(Permission.EDIT_RECORDS, page.center_id)
    body = json.dumps({"heading": page.heading, "boxes": dict(boxes)})
    if len(body) > MOST_BYTES:
        raise DraftTooLong
    with acting(actor), transaction.atomic():
        if page.record is not None:
            Patient.objects.get(public_id=page.record, center_id=page.center_id)
        owner = owner_of(actor.actor_id, page.address)
        draft = Draft(
            center_id=page.center_id,
            user_id=actor.actor_id,
            address=page.address,
            record=page.record,
            version=page.version,
            sealed=seal_draft(load_index_key(), owner, body),
            updated_at=timezone.now(),
        )
        Draft.objects.bulk_create(
            [draft],
            update_conflicts=True,
            unique_fields=["center", "user", "address"],
            update_fields=["version", "sealed", "updated_at"],
        )
    return draft.updated_at


def drop_draft(*, actor: Scope, center_id: int, address: str) -> None:
    """The page was saved: its draft is no longer needed. None is no error."""
    with acting(actor), transaction.atomic():
        Draft.objects.filter(user_id=actor.actor_id, center_id=center_id, address=address).delete()


def discard_draft(*, actor: Scope, draft: Draft) -> None:
    """Its writer throws it away."""
    with acting(actor), transaction.atomic():
        Draft.objects.filter(pk=draft.pk, user_id=actor.actor_id).delete()


def purge_drafts() -> int:
    """Delete drafts that nobody has gone on with for 30 days; answers how many.

    Runs on the worker's connection, whose policy lets it see and delete no others.
    """
    using = "worker" if "worker" in connections else "default"
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("delete from patients_draft where updated_at < %s", [timezone.now() - KEPT])
        return int(cursor.rowcount)
