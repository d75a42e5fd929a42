"""Making, finding and ending the tokens of the REST API."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from analytics.models import ApiToken
from centers.models import User

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


def note_use(token: ApiToken) -> None:
    """Keep when the token was last used."""
    token.last_used_at = timezone.now()
    token.save(update_fields=["last_used_at"])
