"""Events of reading: what a person looked at, exported or did beside writing rows.

Writes are recorded by triggers; these are the fixed kinds that code may record itself, through a
SECURITY DEFINER function that takes the actor from the transaction's scope.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from django.db import connections


class EventKind(StrEnum):
    """The kinds that audit.record_event accepts."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    SIGN_IN_FAILED = "sign_in_failed"
    LOCKED_OUT = "locked_out"
    SIGNING_REFUSED = "signing_refused"
    MFA = "mfa"
    READ = "read"
    REVEAL = "reveal"
    SEARCH = "search"
    PRINT = "print"
    DOWNLOAD = "download"
    EXPORT = "export"
    IMPORT = "import"
    OPERATION = "operation"


def record_event(
    kind: EventKind,
    detail: dict[str, Any],
    *,
    center_id: int | None = None,
    patient_id: int | None = None,
    using: str = "default",
) -> None:
    """Append one event in the current transaction. `detail` holds no identifying value."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "select audit.record_event(%s, %s, %s, %s::jsonb)",
            [kind.value, center_id, patient_id, json.dumps(detail)],
        )


def record_events(
    kind: EventKind, details: Mapping[int, dict[str, Any]], *, using: str = "default"
) -> None:
    """Append one event a center in one query: {center id: detail}, in the order given."""
    if not details:
        return
    with connections[using].cursor() as cursor:
        cursor.execute(
            "select audit.record_events(%s, %s::bigint[], %s::jsonb)",
            [kind.value, list(details), json.dumps(list(details.values()))],
        )
