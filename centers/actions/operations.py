"""Noting that a backup was made or a drill was run, for the operations page."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from centers.access import Scope, acting
from centers.models import OperationRun


@transaction.atomic
def note_run(*, actor: Scope, kind: str, passed: bool, seconds: float, **detail: Any) -> None:
    """A row of a run: `kind` is backup or drill. `detail` holds no word of a record."""
    with acting(actor):
        OperationRun.objects.create(
            kind=kind, passed=passed, seconds=round(seconds, 1), detail=detail
        )
