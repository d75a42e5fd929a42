"""Bearer tokens (RFC 6750)."""

from __future__ import annotations

from typing import Final

from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from analytics.actions.api_tokens import fingerprint, note_use
from analytics.models import ApiToken
from centers.access import Scope, pooled, scope_of, system_scope
from centers.models import SYSTEM_USER_ID, User

LONGEST_TOKEN: Final = 200


class BearerAuthentication(BaseAuthentication):
    """Finds the token by its hash; every reason for refusal looks the same from outside."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """(owner, token), or None without a bearer header. Raises AuthenticationFailed."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = self._find(value.strip())
        if token is None or not token.is_valid(timezone.now()):
            raise exceptions.AuthenticationFailed
        if not token.owner.is_active and token.owner_id != SYSTEM_USER_ID:
            raise exceptions.AuthenticationFailed
        note_use(token)
        return token.owner, token

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return 'Bearer realm="registry"'

    @staticmethod
    def _find(value: str) -> ApiToken | None:
        if not value or len(value) > LONGEST_TOKEN:
            return None
        found = ApiToken.objects.select_related("owner").filter(token_hash=fingerprint(value))
        return found.first()


def scope_for(token: ApiToken) -> Scope:
    """What the owner may read now: role changes act on the next request."""
    if token.owner_id == SYSTEM_USER_ID:
        return system_scope()
    return scope_of(token.owner)


def reading_scope(token: ApiToken) -> Scope:
    """The scope of an export: pooled for investigators, else the owner's own centers."""
    return pooled(scope_for(token))
