"""What an administrator does about work that does not go on."""

from __future__ import annotations

import uuid

from django.db import connection, transaction

from centers.access import Scope, acting
from centers.audit import EventKind, record_event
from centers.roles import Permission


def retry_dead_letters(*, actor: Scope, record: uuid.UUID | None = None) -> int:
    """Let the worker try records again that failed five times; answers how many.

    All of them, or only `record`. The sweep takes them up within seconds. An event says who asked.
    Raises PermissionDenied.
    """
    actor.require(Permission.MANAGE_OPERATIONS)
    with acting(actor), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select analytics_retry_dead(%s::uuid)", [record])
            retried = int(cursor.fetchone()[0])
        if retried:
            record_event(EventKind.OPERATION, {"act": "retry_derivation", "marks": retried})
    return retried
