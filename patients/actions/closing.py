"""Closing a query to the site with a note."""

from __future__ import annotations

import uuid

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.utils import timezone

from centers.access import Scope, acting, set_reason
from centers.roles import Permission
from patients.models import Query


class QueryNotFound(ObjectDoesNotExist):
    """No such query, or one the actor may not see: the two look the same."""


class AlreadyClosed(Exception):
    """Nothing was done: somebody else closed the query before."""


class NoteMissing(Exception):
    """Nothing was done: closing a query needs a note."""


def close_query(*, actor: Scope, query: uuid.UUID, note: str) -> None:
    """Close an open query; the note says why nothing is open any more.

    Raises NoteMissing, QueryNotFound, AlreadyClosed, PermissionDenied (center).
    """
    if not note.strip():
        raise NoteMissing
    with acting(actor), transaction.atomic():
        set_reason(note.strip())
        found = Query.objects.select_for_update().filter(public_id=query).first()
        if found is None:
            raise QueryNotFound
        actor.require(Permission.MANAGE_QUERIES, found.center_id)
        if found.closed_at is not None:
            raise AlreadyClosed
        Query.objects.filter(pk=found.pk).update(
            closed_at=timezone.now(), closed_by=actor.actor_id, closing_note=note.strip()
        )
