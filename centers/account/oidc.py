"""A hospital's OpenID provider: the authorization code flow with PKCE, state and nonce.

Sources: OpenID Connect Core 1.0 (3.1), RFC 7636 (PKCE), RFC 9207 (issuer in the answer), RFC 8725
(which algorithms). The token comes straight from the provider over TLS; its signature is checked
all the same. Nothing of it is kept but issuer and subject.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

import jwt
from django.conf import settings
from django.core.cache import cache

from centers.account.limits import counting

# Public-key signatures only: neither "none" nor one made with the client's secret.
ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "EdDSA",
)
TIMEOUT_SECONDS: Final = 5
LARGEST_ANSWER: Final = 1_000_000
LEEWAY_SECONDS: Final = 60
DISCOVERY_SECONDS: Final = 600
# How long a person may take at the hospital's page.
PATIENCE_SECONDS: Final = 600


class Refused(Exception):
    """The provider did not name anybody, or what it said cannot be believed. The text is for logs."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sign-in that was begun remembers in its session."""

    state: str
    nonce: str
    verifier: str
    at: float


@dataclass(frozen=True, slots=True)
class Named:
    """Whom the provider named. `email` is one that the provider has verified, or empty."""

    issuer: str
    subject: str
    email: str


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **values: Any) -> None:
        """An address that was not configured is not followed."""


def begin() -> Asked:
    """Fresh random values for one sign-in."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Asked(state, nonce, verifier, time.time())


def authorization_url(asked: Asked, return_url: str) -> str:
    """Where to send the browser. Raises Refused: the provider does not answer."""
    digest = hashlib.sha256(asked.verifier.encode()).digest()
    values = {
        "response_type": "code",
        "client_id": settings.OIDC_CLIENT_ID,
        "redirect_uri": return_url,
        "scope": "openid email",
        "state": asked.state,
        "nonce": asked.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    return f"{_configuration()['authorization_endpoint']}?{urlencode(values)}"


def finish(asked: Asked, answer: Mapping[str, str], return_url: str) -> Named:
    """Whom the provider named in its answer. Raises Refused."""
    if not secrets.compare_digest(asked.state.encode(), answer.get("state", "").encode()):
        raise Refused("another state")
    if time.time() - asked.at > PATIENCE_SECONDS:
        raise Refused("too late")
    if "code" not in answer:
        raise Refused("no code")
    configuration = _configuration()
    if answer.get("iss", configuration["issuer"]) != configuration["issuer"]:
        raise Refused("another issuer")
    token = _token(configuration, answer["code"], asked.verifier, return_url)
    claims = _claims(configuration, token, asked.nonce)
    verified = claims.get("email_verified") is True
    email = claims.get("email") if verified else ""
    return Named(configuration["issuer"], claims["sub"], email if isinstance(email, str) else "")


def _token(configuration: dict[str, Any], code: str, verifier: str, return_url: str) -> str:
    values = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": return_url,
        "client_id": settings.OIDC_CLIENT_ID,
        "code_verifier": verifier,
    }
    if settings.OIDC_CLIENT_SECRET:
        values["client_secret"] = settings.OIDC_CLIENT_SECRET
    token = _fetch(configuration["token_endpoint"], values).get("id_token")
    if not isinstance(token, str):
        raise Refused("no id_token")
    return token


def _claims(configuration: dict[str, Any], token: str, nonce: str) -> dict[str, Any]:
    """The claims of a token that is this provider's, for us, of this sign-in, and of now."""
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise Refused("algorithm")
        keys = jwt.PyJWKSet.from_dict(_fetch(configuration["jwks_uri"])).keys
        claims: dict[str, Any] = jwt.decode(
            token,
            _key(keys, header),
            algorithms=[header["alg"]],
            audience=settings.OIDC_CLIENT_ID,
            issuer=configuration["issuer"],
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "aud", "iss", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise Refused(type(error).__name__) from error
    if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise Refused("another nonce")
    if claims.get("azp", settings.OIDC_CLIENT_ID) != settings.OIDC_CLIENT_ID:
        raise Refused("made for another party")
    return claims


def _key(keys: list[jwt.PyJWK], header: dict[str, Any]) -> jwt.PyJWK:
    """The key that the token names; without a name there must be one key only."""
    usable = [key for key in keys if key.public_key_use in (None, "sig")]
    named = [key for key in usable if key.key_id == header.get("kid")]
    found = named if header.get("kid") else usable
    if len(found) != 1:
        raise Refused("no such key")
    return found[0]


def _configuration() -> dict[str, Any]:
    """The provider's own description (OpenID Connect Discovery 1.0), asked for again after some minutes."""
    key = f"openid:{settings.OIDC_ISSUER}"
    with counting():
        kept: dict[str, Any] | None = cache.get(key)
    if kept is None:
        kept = _discovered()
        with counting():
            cache.set(key, kept, DISCOVERY_SECONDS)
    return kept


def _discovered() -> dict[str, Any]:
    found = _fetch(f"{settings.OIDC_ISSUER}/.well-known/openid-configuration")
    if str(found.get("issuer", "")).rstrip("/") != settings.OIDC_ISSUER:
        raise Refused("discovery of another issuer")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        _check_address(str(found.get(name, "")))
    return found


def _check_address(url: str) -> None:
    """TLS everywhere; the demo may use a provider on this machine."""
    parts = urlsplit(url)
    here = settings.DEMO and parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
    if not here and parts.scheme != "https":
        raise Refused("an address without TLS")


def _fetch(url: str, values: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A JSON object from the provider; with values they are posted as a form."""
    _check_address(url)
    opener: OpenerDirector = build_opener(_NoRedirects)
    body = urlencode(values).encode() if values is not None else None
    request = Request(url, body, {"Accept": "application/json"})  # noqa: S310  # checked above
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            found = json.loads(answer.read(LARGEST_ANSWER))
    except (URLError, HTTPException, OSError, ValueError) as error:
        raise Refused(type(error).__name__) from error
    if not isinstance(found, dict):
        raise Refused("no object")
    return found
