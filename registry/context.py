"""What every page knows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from analytics.derivation.engine import current_cutoff
from centers.access import current_scope
from centers.models import Center
from centers.roles import Permission


def registry(request: HttpRequest) -> dict[str, Any]:
    """`demo`, `version`, `cutoff` (date), `scope`, `may`, `scope_centers` (list of the reader's centers)."""
    scope = current_scope()
    return {
        "demo": settings.DEMO,
        "version": settings.VERSION,
        "cutoff": current_cutoff(),
        "scope": scope,
        "may": {
            "records": scope is not None and scope.may(Permission.VIEW_RECORDS),
            "cohort": scope is not None and scope.may(Permission.VIEW_COHORT),
        },
        "scope_centers": SimpleLazyObject(
            lambda: list(
                Center.objects.filter(id__in=scope.center_ids if scope else ()).order_by("code")
            )
        ),
    }
