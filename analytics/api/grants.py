"""What the toolkit asks of the registry: which scopes a client has, how its tokens look and end."""

from __future__ import annotations

import secrets
from typing import Any, Final

from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.scopes import BaseScopes

from analytics.actions.clients import forget_tokens
from analytics.api.authentication import checksum
from analytics.clients import SCOPES, ApiClient

# A recognizable start, so that scanners for leaked secrets can find it.
BEARER_PREFIX: Final = "il2_"
LONGEST_ID: Final = 255


def new_token(request: Any, refresh_token: bool = False) -> str:
    """A token of 256 random bits. Client credentials have no refresh tokens."""
    return BEARER_PREFIX + secrets.token_urlsafe(32)


class ClientScopes(BaseScopes):  # type: ignore[misc]  # the toolkit has no types
    """A client gets the scopes that it was made with, or those of them that it asks for."""

    def get_all_scopes(self) -> dict[str, str]:
        """Every scope with what it opens."""
        return dict(SCOPES)

    def get_available_scopes(self, application: Any = None, *args: Any, **kwargs: Any) -> list[str]:
        """Those of the client."""
        return list(application.scopes) if isinstance(application, ApiClient) else []

    get_default_scopes = get_available_scopes


class ClientValidator(OAuth2Validator):  # type: ignore[misc]  # the toolkit has no types
    """The toolkit's own, with the registry's way to end a token."""

    def _extract_basic_auth(self, request: Any) -> str | None:
        """None for what is no base64, which the toolkit would stumble over."""
        given = super()._extract_basic_auth(request)
        return given if given and given.isascii() else None

    def _load_application(self, client_id: Any, request: Any) -> Any:
        """None for what no text column takes."""
        is_text = isinstance(client_id, str) and 0 < len(client_id) <= LONGEST_ID
        if not is_text or "\0" in client_id:
            return None
        return super()._load_application(client_id, request)

    def revoke_token(self, token: str, token_type_hint: str | None, request: Any) -> None:
        """End a token of the client; one of another client, or none, changes nothing."""
        request.client.ended = forget_tokens(request.client, checksum(token))
