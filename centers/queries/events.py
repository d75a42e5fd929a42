"""Events of the audit trail by period, kind and person: filters from allow-lists, newest first."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from centers import slots
from centers.audit import EventKind
from centers.models import AuditEvent, Center, User

ONE_DAY: Final = timedelta(days=1)
DEFAULT_DAYS: Final = 30

_FACTORS: Final = ("mfa_authenticator", "centers_openidentity")
ACCESS_TABLES: Final = ("centers_user", "centers_membership", "centers_center", *_FACTORS)
READINGS: Final = (
    EventKind.READ,
    EventKind.REVEAL,
    EventKind.SEARCH,
    EventKind.PRINT,
    EventKind.DOWNLOAD,
)
_FAILURES: Final = (EventKind.SIGN_IN_FAILED, EventKind.LOCKED_OUT, EventKind.SIGNING_REFUSED)
_FILES: Final = (EventKind.DOWNLOAD, EventKind.EXPORT, EventKind.IMPORT)
_SESSIONS: Final = (EventKind.SIGN_IN, EventKind.SIGN_OUT)

# Value of the filter -> label and condition.
Kinds = Mapping[str, tuple[str, Q]]
ACCESS_KINDS: Final[Kinds] = {
    "sessions": (gettext_noop("Signing in and out"), Q(operation__in=_SESSIONS)),
    "factors": (
        gettext_noop("Second factors, OpenID accounts"),
        Q(table_name__in=_FACTORS) | Q(operation=EventKind.MFA),
    ),
    "failures": (gettext_noop("Refused and locked out"), Q(operation__in=_FAILURES)),
    "accounts": (gettext_noop("Accounts"), Q(table_name="centers_user")),
    "memberships": (gettext_noop("Roles"), Q(table_name="centers_membership")),
    "centers": (gettext_noop("Centers"), Q(table_name="centers_center")),
    "files": (gettext_noop("Downloads, exports, imports"), Q(operation__in=_FILES)),
    "operations": (gettext_noop("Operations"), Q(operation=EventKind.OPERATION)),
}
_RETRACTED: Final = Q(operation="update", before__retracted=False, after__retracted=True)
ROW_KINDS: Final[Kinds] = {
    "entered": (gettext_noop("Entered"), Q(operation="insert")),
    "amended": (gettext_noop("Amended"), Q(operation="update") & ~_RETRACTED),
    "retracted": (gettext_noop("Retracted"), _RETRACTED),
    "readings": (gettext_noop("Readings"), Q(table_name="", operation__in=READINGS)),
}


@dataclass(frozen=True, slots=True)
class EventFilters:
    """What a page of events is narrowed to; what is not on the allow-lists counts as not given.

    `start` and `end` are days in UTC, both included.
    """

    kind: str = ""
    person: uuid.UUID | None = None
    center: str = ""
    start: date | None = None
    end: date | None = None
    is_narrowed: bool = False

    @classmethod
    def read(
        cls, query: Mapping[str, Any], kinds: Kinds, *, days: int | None = None
    ) -> EventFilters:
        """From the page's address. `days`: the period when none is given, ending today."""
        kind = str(query.get("kind", ""))
        start, end = read_day(query.get("from")), read_day(query.get("to"))
        given = bool(start or end)
        if days is not None and not given:
            end = timezone.now().date()
            start = end - (days - 1) * ONE_DAY
        return cls(
            kind if kind in kinds else "",
            read_uuid(query.get("person")),
            _code(query.get("center")),
            start,
            end,
            given or any(query.get(name) for name in ("kind", "person", "center")),
        )

    def narrow(self, events: QuerySet[AuditEvent], kinds: Kinds) -> QuerySet[AuditEvent]:
        """The events that pass, newest first, with the person."""
        if self.kind:
            events = events.filter(kinds[self.kind][1])
        if self.person:
            events = events.filter(actor__public_id=self.person)
        if self.center:
            ids = center_ids_of(self.center)
            events = events.filter(center_id__in=ids)
        return within(events, self.start, self.end).select_related("actor").order_by("-id")


def center_ids_of(code: str) -> list[int]:
    """The key of the center with this code, or nothing."""
    return list(Center.objects.filter(code=code).values_list("id", flat=True))


def within(
    events: QuerySet[AuditEvent], start: date | None, end: date | None
) -> QuerySet[AuditEvent]:
    """Events from the first to the last day, both included, in UTC."""
    if start:
        events = events.filter(at__gte=midnight(start))
    if end:
        events = events.filter(at__lt=midnight(end + ONE_DAY))
    return events


def midnight(day: date) -> datetime:
    """The moment at which the day begins in UTC."""
    return datetime.combine(day, time(), UTC)


def _code(text: object) -> str:
    """What may be a center's code. PostgreSQL takes no NUL in a text: such a one is nobody's."""
    code = str(text or "")[:12]
    return code if "\0" not in code else "-"


def read_day(text: object) -> date | None:
    """A day YYYY-MM-DD between 1900 and 2199, or None."""
    try:
        day = date.fromisoformat(str(text or ""))
    except ValueError:
        return None
    return day if 1900 <= day.year < 2200 else None


def read_uuid(text: object) -> uuid.UUID | None:
    """A public id, or None."""
    try:
        return uuid.UUID(str(text or ""))
    except ValueError:
        return None


def access_events() -> QuerySet[AuditEvent]:
    """Accounts, roles, centers, signing in, files; nothing about any record.

    The database shows them to administrators alone; that somebody is a member of a center as well
    does not let clinical events in.
    """
    kinds = [*_SESSIONS, *_FAILURES, *_FILES, EventKind.MFA, EventKind.OPERATION]
    acts = Q(table_name="", operation__in=kinds) & ~Q(after__has_key="patient_ids")
    tables = [*ACCESS_TABLES, *slots.access_tables]
    return AuditEvent.objects.filter(Q(table_name__in=tables) | acts, patient_id__isnull=True)


def access_events_of(user: User) -> QuerySet[AuditEvent]:
    """What a person did of these, and what was done to the account and its roles."""
    about = Q(table_name="centers_user", row_id=user.pk) | Q(after__account=user.pk)
    for key in ("user_id", "owner_id"):
        about |= Q(**{f"after__{key}": user.pk}) | Q(**{f"before__{key}": user.pk})
    return access_events().filter(Q(actor=user) | about)


def center_events(center_ids: frozenset[int]) -> QuerySet[AuditEvent]:
    """Everything about the records of these centers, readings included."""
    return AuditEvent.objects.filter(center_id__in=center_ids).exclude(table_name__in=ACCESS_TABLES)


def people_of(events: QuerySet[AuditEvent]) -> list[User]:
    """Who appears in the events, for the filter."""
    ids = events.order_by().values_list("actor_id", flat=True).distinct()
    return list(User.objects.filter(id__in=ids).order_by("full_name"))
