"""API clients as the page of administrators lists them; never a token, nor its hash."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.utils import timezone

from analytics.models import ApiToken
from centers.models import SYSTEM_USER_ID, User


class ClientState(StrEnum):
    """What a request with the token meets."""

    VALID = "valid"
    OWNER_CLOSED = "account closed"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class ClientLine:
    """A client on the page."""

    token: ApiToken
    state: ClientState

    @property
    def by_command(self) -> bool:
        """Whether it reads as the system account: made on the command line, for all centers."""
        return self.token.owner_id == SYSTEM_USER_ID


def listed_clients() -> QuerySet[ApiToken]:
    """All clients: those that may still be used first, newest first within."""
    usable = Q(revoked_at=None, expires_at__gt=timezone.now())
    return (
        ApiToken.objects.select_related("owner")
        .defer("token_hash")
        .annotate(place=Case(When(usable, Value(0)), default=Value(1), output_field=IntegerField()))
        .order_by("place", "-created_at", "-id")
    )


def client_line(token: ApiToken, now: datetime) -> ClientLine:
    """The client with its state at `now`."""
    if token.revoked_at is not None:
        return ClientLine(token, ClientState.REVOKED)
    if not token.is_valid(now):
        return ClientLine(token, ClientState.EXPIRED)
    if not token.owner.is_active and token.owner_id != SYSTEM_USER_ID:
        return ClientLine(token, ClientState.OWNER_CLOSED)
    return ClientLine(token, ClientState.VALID)


def find_client(public_id: uuid.UUID) -> ApiToken | None:
    """The client of this public id, or None."""
    return listed_clients().filter(public_id=public_id).first()


def possible_owners() -> QuerySet[User]:
    """People of open accounts, by name; whose roles open no export is refused on saving."""
    return User.objects.filter(is_active=True).exclude(pk=SYSTEM_USER_ID).order_by("full_name")
