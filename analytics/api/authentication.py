"""Bearer tokens (RFC 6750) of API clients, and the scope in which a client's requests run."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any, Final, cast

from django.utils import timezone
from oauth2_provider.models import AccessToken
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from analytics.api.problems import AgreementEnded, InsufficientScope
from analytics.models import ApiClient
from centers.access import Scope, pooled
from centers.models import User
from centers.roles import Permission

LONGEST_TOKEN: Final = 200
REALM: Final = 'Bearer realm="registry"'
# What the audit trail prints as the role of who acted.
ROLE: Final = "api_client"


def checksum(token: str) -> str:
    """What is stored of a token: SHA-256, hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


class ClientAuthentication(BaseAuthentication):
    """Finds the token by its hash; every reason for refusal looks the same from outside."""

    def authenticate(self, request: Request) -> tuple[User, Any] | None:
        """(owner of the client, token), or None without a bearer header. Raises AuthenticationFailed."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = self._find(value.strip())
        if token is None or token.expires <= timezone.now():
            raise exceptions.AuthenticationFailed
        if not token.application.is_usable(request):
            raise exceptions.AuthenticationFailed
        return token.application.user, token

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401; with a token that does not count, it says so."""
        given = "Authorization" in request.headers
        return f'{REALM}, error="invalid_token"' if given else REALM

    @staticmethod
    def _find(value: str) -> Any:
        if not value or len(value) > LONGEST_TOKEN:
            return None
        tokens = AccessToken.objects.select_related("application__user", "application__project")
        return tokens.filter(token_checksum=checksum(value), application__isnull=False).first()


def scope_for(view: Any, method: str) -> str:
    """The scope that a method of a view needs; empty: any token will do."""
    return str((method.upper() == "POST" and view.scope_to_post) or view.scope)


class InScope(BasePermission):
    """The token holds the scope that the view names; an empty one is held by every token."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Raises AgreementEnded, InsufficientScope, or answers whether there is a token at all."""
        if request.auth is None:
            return False
        if not client_of(request).project.is_open(timezone.now().date()):
            raise AgreementEnded
        needed = scope_for(view, request.method or "")
        token: Any = request.auth
        if needed and needed not in token.scope.split():
            raise InsufficientScope
        return True


def client_of(request: Request) -> ApiClient:
    """The client that asks."""
    return cast("ApiClient", request.auth.application)  # type: ignore[union-attr]


def request_id_of(request: Request) -> uuid.UUID:
    """The id that the answer prints as X-Request-Id."""
    return cast("uuid.UUID", request.META["registry.request_id"])


def client_scope(client: ApiClient, request_id: uuid.UUID) -> Scope:
    """What the client may: pooled figures, named cohorts and exports of its project; no rows of records."""
    wide = frozenset({Permission.VIEW_COHORT, Permission.REQUEST_EXPORTS})
    return Scope(client.user_id, ROLE, registry_wide=wide, request_id=request_id)


def reading_scope(client: ApiClient, request_id: uuid.UUID) -> Scope:
    """All centers pooled, for figures and de-identified rows; nothing is written in it."""
    return pooled(client_scope(client, request_id))
