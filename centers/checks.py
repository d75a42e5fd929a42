"""System checks of a deployment (`manage.py check --deploy`)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.db import DatabaseError


@checks.register(checks.Tags.security, deploy=True)
def no_demo_accounts(**kwargs: Any) -> list[checks.CheckMessage]:
    """Outside the demo there is no account whose password stands in the documentation."""
    if settings.DEMO:
        return []
    try:
        found = get_user_model()._default_manager.filter(is_demo=True).count()
    except DatabaseError:
        hint = "Run the check where DATABASE_URL leads to the database."
        return [
            checks.Warning(
                "Demo accounts were not looked for: no database.", hint, id="centers.W001"
            )
        ]
    if not found:
        return []
    return [
        checks.Error(
            f"{found} demo accounts exist, and their password is public.",
            "A deployment starts with an empty database: do not use the demo's. "
            "(They cannot sign in while REGISTRY_DEMO is off.)",
            id="centers.E001",
        )
    ]
