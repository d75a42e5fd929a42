"""The operations page: how the registry runs, what waits, and what cannot be derived. For administrators."""

from __future__ import annotations

import platform
import uuid
from typing import Any, Final

import django
from django.conf import settings
from django.contrib import messages
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_POST, require_safe

from analytics.actions.operations import retry_dead_letters
from analytics.derivation.engine import RULE_SET
from analytics.queries.operations import dead_letters, recent_batches, waiting_work
from centers.access import required_scope, requires
from centers.models import OperationRun
from centers.roles import Permission
from registry.readiness import DEGRADED, FAILED, OK, all_checks, state_of

TONES: Final = {
    OK: ("good", "OK"),
    DEGRADED: ("warn", gettext_noop("Degraded")),
    FAILED: ("bad", gettext_noop("Failed")),
}
RUNS_SHOWN: Final = 5


@require_safe
@requires(Permission.MANAGE_OPERATIONS)
def operations(request: HttpRequest) -> HttpResponse:
    """Readiness, waiting work, dead letters, backups and drills, versions."""
    checks = all_checks()
    context = {
        "section": "administration",
        "tab": "operations",
        "state": state_of(checks),
        "checks": [(check, *_tone(check.state)) for check in checks],
        "work": waiting_work(),
        "batches": recent_batches(),
        "letters": dead_letters(),
        "runs": {kind: _newest(kind) for kind in ("backup", "drill")},
        "versions": _versions(),
    }
    return render(request, "registry/operations.html", context)


@require_POST
@requires(Permission.MANAGE_OPERATIONS)
def operations_retry(request: HttpRequest) -> HttpResponse:
    """Let the worker try dead letters again: one record, or all of them."""
    record = _uuid(request.POST.get("record", ""))
    retried = retry_dead_letters(actor=required_scope(), record=record)
    said = (
        _("The worker tries %(retried)s again.") % {"retried": retried}
        if retried
        else _("There was nothing to try again.")
    )
    messages.success(request, said)
    return redirect("operations")


def _tone(state: str) -> tuple[str, str]:
    tone, label = TONES[state]
    return tone, _(label)


def _newest(kind: str) -> list[OperationRun]:
    return list(OperationRun.objects.filter(kind=kind)[:RUNS_SHOWN])


def _uuid(text: str) -> uuid.UUID | None:
    """Which record; nothing means all. What is no public id means one that there is not."""
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return uuid.UUID(int=0)


def _versions() -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select current_setting('server_version'), pg_size_pretty(pg_database_size(current_database()))"
        )
        server, size = cursor.fetchone()
    return [
        {"term": _("Registry"), "value": settings.VERSION},
        {"term": _("Rule set"), "value": RULE_SET},
        {"term": "Python", "value": platform.python_version()},
        {"term": "Django", "value": django.get_version()},
        {"term": "PostgreSQL", "value": server},
        {"term": _("Database"), "value": size},
    ]
