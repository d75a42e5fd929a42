"""Making and ending the clients of the REST API.

`create_client` and `revoke_client` are what administrators do; the others are for the command line,
whose user may do everything. The database writes the audit event, without the secret's hash.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from oauth2_provider.models import AccessToken

from analytics.clients import SCOPES, may_own
from analytics.models import ApiClient, Project
from centers.access import Scope, acting, set_reason
from centers.models import SYSTEM_USER_ID, User
from centers.roles import Permission

# Recognizable starts, so that scanners for leaked secrets can find them.
CLIENT_PREFIX: Final = "il2c-"
KEY_PREFIX: Final = "il2s_"
DEFAULT_DAYS: Final = 90
LONGEST_DAYS: Final = 366


@transaction.atomic
def make_client(
    *,
    label: str,
    project: Project,
    owner: User,
    scopes: Iterable[str],
    days: int = DEFAULT_DAYS,
) -> tuple[ApiClient, str]:
    """Make a client for `days` days; the second value is its secret, shown this once.

    Raises ValueError for an empty label, no or an unknown scope, or a term outside 1..366 days.
    """
    wanted = set(scopes)
    if not label.strip() or len(label) > 100:
        raise ValueError("A client needs a label of 1 to 100 characters.")
    if not wanted or wanted - set(SCOPES):
        raise ValueError(f"A client needs scopes out of: {', '.join(SCOPES)}.")
    if not 1 <= days <= LONGEST_DAYS:
        raise ValueError(f"A client lives between 1 and {LONGEST_DAYS} days.")
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    client = ApiClient.objects.create(
        name=label.strip(),
        project=project,
        user=owner,
        client_id=CLIENT_PREFIX + secrets.token_hex(10),
        client_secret=secret,
        client_type=ApiClient.CLIENT_CONFIDENTIAL,
        authorization_grant_type=ApiClient.GRANT_CLIENT_CREDENTIALS,
        scopes=[scope for scope in SCOPES if scope in wanted],
        expires_at=timezone.now() + timedelta(days=days),
    )
    return client, secret


@transaction.atomic
def end_client(*, client_id: int) -> ApiClient:
    """End a client and its tokens now; again changes nothing. Raises ApiClient.DoesNotExist."""
    client: ApiClient = ApiClient.objects.select_for_update().get(pk=client_id)
    if client.revoked_at is None:
        client.revoked_at = timezone.now()
        client.save(update_fields=["revoked_at"])
    forget_tokens(client)
    return client


def create_client(
    *,
    actor: Scope,
    label: str,
    project_id: int,
    owner_id: int,
    scopes: Iterable[str],
    days: int,
    reason: str,
) -> tuple[ApiClient, str]:
    """A client of a project that a person answers for; the second value is its secret, shown once.

    Raises ValidationError (label, scopes, term, a project that is closed or whose agreement has
    expired, an owner whose account is closed or whose roles open no figures), PermissionDenied,
    Project.DoesNotExist, User.DoesNotExist.
    """
    actor.require(Permission.MANAGE_CLIENTS)
    with acting(actor), transaction.atomic():
        set_reason(reason.strip())
        project = Project.objects.get(pk=project_id)
        if not project.is_open(timezone.now().date()):
            problem = _("This project is closed or its agreement has expired. Choose an open one.")
            raise ValidationError({"project": problem})
        owner = User.objects.exclude(pk=SYSTEM_USER_ID).get(pk=owner_id)
        if not owner.is_active:
            raise ValidationError({"owner": _("This account is closed. Choose an open one.")})
        if not may_own(owner):
            problem = _("No role of this person opens an export today. Choose somebody else.")
            raise ValidationError({"owner": problem})
        try:
            return make_client(label=label, project=project, owner=owner, scopes=scopes, days=days)
        except ValueError as error:
            raise ValidationError(str(error)) from error


def revoke_client(*, actor: Scope, client_id: int, reason: str) -> bool:
    """End a client and its tokens now; False when it had been ended.

    Raises ValidationError (no reason), PermissionDenied, ApiClient.DoesNotExist.
    """
    actor.require(Permission.MANAGE_CLIENTS)
    if not reason.strip():
        raise ValidationError({"reason": _("Say why: the audit trail keeps the reason.")})
    with acting(actor), transaction.atomic():
        set_reason(reason.strip())
        if ApiClient.objects.select_for_update().get(pk=client_id).revoked_at is not None:
            return False
        end_client(client_id=client_id)
    return True


def note_issue(client: ApiClient) -> None:
    """Keep when the client last had a token, and drop those of it that ran out."""
    now = timezone.now()
    client.last_used_at = now
    client.save(update_fields=["last_used_at"])
    _drop(AccessToken.objects.filter(application=client, expires__lte=now))


def forget_tokens(client: ApiClient, checksum: str | None = None) -> int:
    """Drop the client's tokens, or the one with this checksum; how many there were."""
    tokens = AccessToken.objects.filter(application=client)
    return _drop(tokens if checksum is None else tokens.filter(token_checksum=checksum))


def _drop(tokens: object) -> int:
    # Nothing of the registry hangs on a token, so no table is asked what does.
    return int(tokens._raw_delete("default"))  # type: ignore[attr-defined]
