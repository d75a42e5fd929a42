"""Events of reading: what a person looked at, exported or did beside writing rows.

Writes are recorded by triggers; these are the fixed kinds that code may record itself, through a
SECURITY DEFINER function that takes the actor from the transaction's scope.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

from django.db import connections


class EventKind(StrEnum):
    """The kinds that audit.record_event accepts."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    READ = "read"
    REVEAL = "reveal"
    EXPORT = "export"
    IMPORT = "import"


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
