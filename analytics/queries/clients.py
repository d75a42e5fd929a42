"""API clients as the page of administrators lists them; never a secret, nor its hash."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone

from analytics.models import ApiClient, Project
from centers.models import SYSTEM_USER_ID, Membership, User, in_force
from centers.roles import PERMISSIONS, Permission, Role


class ClientState(StrEnum):
    """What a request of the client meets."""

    VALID = "valid"
    OWNER_CLOSED = "account closed"
    OWNER_WITHOUT_ROLE = "role ended"
    PROJECT_ENDED = "project ended"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class ClientLine:
    """A client on the page."""

    client: ApiClient
    state: ClientState

    @property
    def by_command(self) -> bool:
        """Whether the system account answers for it: made on the command line."""
        return bool(self.client.user_id == SYSTEM_USER_ID)


def listed_clients() -> QuerySet[ApiClient]:
    """All clients: those that may still be used first, newest first within."""
    usable = Q(revoked_at=None, expires_at__gt=timezone.now())
    found: QuerySet[ApiClient] = (
        ApiClient.objects.select_related("user", "project")
        .defer("client_secret")
        .annotate(
            place=Case(When(usable, Value(0)), default=Value(1), output_field=IntegerField()),
            owner_may=Exists(_roles_that_open(timezone.now().date())),
        )
        .order_by("place", "-created", "-id")
    )
    return found


def _roles_that_open(day: date) -> QuerySet[Membership]:
    """Memberships of a client's owner that open figures on this day."""
    roles = [role for role in Role if Permission.VIEW_COHORT in PERMISSIONS[role]]
    return Membership.objects.filter(in_force(day), user_id=OuterRef("user_id"), role__in=roles)


def client_line(client: ApiClient, now: datetime) -> ClientLine:
    """A client of `listed_clients` with its state at `now`."""
    if client.revoked_at is not None:
        return ClientLine(client, ClientState.REVOKED)
    if not client.is_valid(now):
        return ClientLine(client, ClientState.EXPIRED)
    if not client.user.is_active and client.user_id != SYSTEM_USER_ID:
        return ClientLine(client, ClientState.OWNER_CLOSED)
    if not client.owner_may and client.user_id != SYSTEM_USER_ID:
        return ClientLine(client, ClientState.OWNER_WITHOUT_ROLE)
    if not client.project.is_open(now.date()):
        return ClientLine(client, ClientState.PROJECT_ENDED)
    return ClientLine(client, ClientState.VALID)


def find_client(public_id: uuid.UUID) -> ApiClient | None:
    """The client of this public id, or None."""
    return listed_clients().filter(public_id=public_id).first()


def open_projects() -> QuerySet[Project]:
    """Projects that are open and under an agreement today, by name."""
    today = timezone.now().date()
    return Project.objects.filter(closed_at=None, agreement_expires_on__gte=today)


def possible_owners() -> QuerySet[User]:
    """People of open accounts, by name; whose roles open no export is refused on saving."""
    return User.objects.filter(is_active=True).exclude(pk=SYSTEM_USER_ID).order_by("full_name")
