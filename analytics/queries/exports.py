"""Exports and projects as pages show them: whose they are, how far, and who fetched what."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.export_jobs import ExportState
from analytics.models import DataCut, ExportJob, Project
from centers.access import Scope
from centers.models import SYSTEM_USER_ID, User
from centers.roles import Permission

MOST_DOWNLOADS: Final = 200
# Label and tone of a state's badge.
WORDS: Final = {
    ExportState.QUEUED: (gettext_noop("Waiting for the worker"), "neutral"),
    ExportState.RUNNING: (gettext_noop("Being built"), "info"),
    ExportState.REVIEW: (gettext_noop("Waits for a second person"), "warn"),
    ExportState.READY: (gettext_noop("Ready"), "good"),
    ExportState.REFUSED: (gettext_noop("Refused"), "bad"),
    ExportState.REVOKED: (gettext_noop("Called back"), "bad"),
    ExportState.FAILED: (gettext_noop("Failed"), "bad"),
    ExportState.EXPIRED: (gettext_noop("Ended"), "neutral"),
}
_DOWNLOADS: Final = """
    select event.at, person.full_name, event.after ->> 'client', event.after ->> 'file',
        (event.after ->> 'first')::bigint, (event.after ->> 'last')::bigint,
        event.after ->> 'export'
    from audit.event
    join centers_user person on person.id = event.actor_id
    where event.operation = 'download' and event.after ->> 'what' = 'export'
        and event.after ->> %(key)s = %(value)s
    order by event.id desc limit %(most)s
"""


@dataclass(frozen=True, slots=True)
class ExportLine:
    """An export on a page, with the words and the tone of its state."""

    job: ExportJob

    @property
    def label(self) -> str:
        """The state in words."""
        return _(WORDS[ExportState(self.job.state)][0])

    @property
    def tone(self) -> str:
        """The tone of its badge."""
        return WORDS[ExportState(self.job.state)][1]

    @property
    def is_working(self) -> bool:
        """Whether the worker moves it."""
        return self.job.state in (ExportState.QUEUED, ExportState.RUNNING)


@dataclass(frozen=True, slots=True)
class Download:
    """A range of bytes that was sent: when, to whom, of which file."""

    at: datetime
    person: str
    client: str
    file: str
    first: int
    last: int
    export: str

    @property
    def bytes(self) -> int:
        """How many."""
        return self.last - self.first + 1


def seen_exports(scope: Scope) -> QuerySet[ExportJob]:
    """Exports of the reader's projects; all of them for who releases exports. Newest first."""
    found = ExportJob.objects.select_related("project", "cut", "requested_by", "approved_by")
    if scope.may(Permission.APPROVE_EXPORTS) or scope.actor_id == SYSTEM_USER_ID:
        return found
    return found.filter(project__members__user_id=scope.actor_id, project__members__removed_at=None)


def find_export(scope: Scope, public_id: uuid.UUID) -> ExportJob | None:
    """An export that the reader may see, or None."""
    return seen_exports(scope).filter(public_id=public_id).first()


def may_fetch(scope: Scope, job: ExportJob) -> bool:
    """Files are for members of the project alone: who releases an export does not thereby have it."""
    if scope.actor_id == SYSTEM_USER_ID:
        return True
    return job.project.members.filter(user_id=scope.actor_id, removed_at=None).exists()


def downloads(key: str, public_id: uuid.UUID) -> list[Download]:
    """The newest downloads of an `export` or a `project`, as far as the reader sees such events."""
    parameters: dict[str, Any] = {"key": key, "value": str(public_id), "most": MOST_DOWNLOADS}
    with connection.cursor() as cursor:
        cursor.execute(_DOWNLOADS, parameters)
        return [Download(*row) for row in cursor.fetchall()]


def data_cuts() -> QuerySet[DataCut]:
    """Cuts to choose from, newest first."""
    return DataCut.objects.order_by("-id")


def projects_of(scope: Scope) -> QuerySet[Project]:
    """Open projects of which the reader is a member, by name."""
    return Project.objects.filter(
        closed_at=None, members__user_id=scope.actor_id, members__removed_at=None
    )


def possible_members() -> QuerySet[User]:
    """People of open accounts, by name."""
    return User.objects.filter(is_active=True).exclude(pk=SYSTEM_USER_ID).order_by("full_name")
