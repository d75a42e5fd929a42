"""Whether an export may still be built: between asking and building, a right can end."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from analytics.actions.projects import require_member
from analytics.models import ApiClient, ExportJob
from centers.access import scope_of
from centers.models import SYSTEM_USER_ID
from centers.roles import Permission


class ProjectEnded(Exception):
    """The project is closed, or the day of its agreement is past."""


class RightEnded(Exception):
    """Who asked could not ask today: account, role, place in the project, or API client ended."""


def require_rights(job: ExportJob) -> None:
    """Ask again today what the request was asked. Raises ProjectEnded and RightEnded."""
    if not job.project.is_open(timezone.now().date()):
        raise ProjectEnded
    if not (_client_stands(job) if job.client else _person_stands(job)):
        raise RightEnded


def _client_stands(job: ExportJob) -> bool:
    with transaction.atomic():
        clients = ApiClient.objects.select_related("user")
        client = clients.filter(client_id=job.client, project_id=job.project_id).first()
    return client is not None and client.is_usable(None)


def _person_stands(job: ExportJob) -> bool:
    """Command-line work is nobody's membership."""
    if job.requested_by_id == SYSTEM_USER_ID:
        return True
    scope = scope_of(job.requested_by)
    if not (job.requested_by.is_active and scope.may(Permission.REQUEST_EXPORTS)):
        return False
    try:
        require_member(scope, job.project)
    except PermissionDenied:
        return False
    return True
