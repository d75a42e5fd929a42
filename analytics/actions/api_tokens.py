"""Making, finding and ending the tokens of the REST API.

`create_client` and `revoke_client` are what administrators do; the others are for the command line,
whose user may do everything. The database writes the audit event, without the token's hash.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from analytics.models import ApiToken
from centers.access import Scope, acting, scope_of, set_reason
from centers.models import SYSTEM_USER_ID, User
from centers.roles import Permission

# A recognizable start, so that scanners for leaked secrets can find it.
PREFIX = "il2_"
DEFAULT_DAYS = 90
LONGEST_DAYS = 366


def fingerprint(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


@transaction.atomic
def create_api_token(*, label: str, owner: User, days: int = DEFAULT_DAYS) -> tuple[ApiToken, str]:
    """Make a token for `days` days; the second value is the token itself, shown this once.

    Raises ValueError for an empty label or a term outside 1..366 days.
    """
    if not label.strip() or len(label) > 100:
        raise ValueError("A token needs a label of 1 to 100 characters.")
    if not 1 <= days <= LONGEST_DAYS:
        raise ValueError(f"A token lives between 1 and {LONGEST_DAYS} days.")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        label=label.strip(),
        owner=owner,
        token_hash=fingerprint(secret),
        expires_at=timezone.now() + timedelta(days=days),
    )
    return token, secret


@transaction.atomic
def revoke_api_token(*, token_id: int) -> ApiToken:
    """End a token now; ending it again changes nothing. Raises ApiToken.DoesNotExist."""
    token = ApiToken.objects.get(pk=token_id)
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
    return token


def create_client(
    *, actor: Scope, label: str, owner_id: int, days: int, reason: str
) -> tuple[ApiToken, str]:
    """A token that reads with its owner's rights; the second value is shown this once.

    Raises ValidationError (label, term, an owner whose account is closed or whose roles open no
    export), PermissionDenied, User.DoesNotExist.
    """
    actor.require(Permission.MANAGE_CLIENTS)
    with acting(actor), transaction.atomic():
        set_reason(reason.strip())
        owner = User.objects.exclude(pk=SYSTEM_USER_ID).get(pk=owner_id)
        if not owner.is_active:
            raise ValidationError({"owner": "This account is closed. Choose an open one."})
        if not scope_of(owner).may(Permission.VIEW_COHORT):
            problem = "No role of this person opens an export today. Choose somebody else."
            raise ValidationError({"owner": problem})
        try:
            return create_api_token(label=label, owner=owner, days=days)
        except ValueError as error:
            raise ValidationError(str(error)) from error


def revoke_client(*, actor: Scope, token_id: int, reason: str) -> bool:
    """End a client's token now; False when it had been ended.

    Raises ValidationError (no reason), PermissionDenied, ApiToken.DoesNotExist.
    """
    actor.require(Permission.MANAGE_CLIENTS)
    if not reason.strip():
        raise ValidationError({"reason": "Say why: the audit trail keeps the reason."})
    with acting(actor), transaction.atomic():
        set_reason(reason.strip())
        if ApiToken.objects.select_for_update().get(pk=token_id).revoked_at is not None:
            return False
        revoke_api_token(token_id=token_id)
    return True


def note_use(token: ApiToken) -> None:
    """Keep when the token was last used."""
    token.last_used_at = timezone.now()
    token.save(update_fields=["last_used_at"])
