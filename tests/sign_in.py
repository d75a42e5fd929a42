"""Signing in as a browser does, step by step, with the codes of an authenticator app."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.test import Client

from centers.access import acting, scope_of, system_scope
from centers.actions.users import create_user
from centers.models import User

PASSWORD = "a long enough passphrase"


@cache
def encoded() -> str:
    return make_password(PASSWORD)


def person(username: str = "", **values: Any) -> User:
    """An account with PASSWORD. Names are new each time: limits outlive a test in the cache."""
    username = username or f"user{secrets.token_hex(6)}"
    return create_user(
        actor=system_scope(),
        username=username,
        full_name=f"{username} Example",
        encoded_password=encoded(),
        **values,
    )


def new_address() -> str:
    """An address that no test has used."""
    return f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{secrets.randbelow(256)}"


@dataclass
class Visitor:
    """A browser at an address of its own."""

    address: str = field(default_factory=new_address)
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(REMOTE_ADDR=self.address)

    def sign_in(self, username: str, password: str = PASSWORD, **more: str) -> Any:
        """Send the form; redirects are not followed."""
        return self.client.post("/sign-in/", {"username": username, "password": password, **more})

    def code(self, code: str) -> Any:
        """Send the second step."""
        return self.client.post("/sign-in/second-factor/", {"code": code})

    @property
    def is_in(self) -> bool:
        """Whether the session is somebody's."""
        return self.client.get("/account/").status_code == 200

    @property
    def key(self) -> str:
        """The key of the session."""
        return self.client.cookies["session"].value


def app_of(user: User) -> str:
    """Give the account an authenticator app; answers its secret."""
    secret = generate_totp_secret()
    with acting(scope_of(user)), transaction.atomic():
        TOTP.activate(user, secret)
    return secret


def recovery_codes_of(user: User) -> list[str]:
    """Give the account recovery codes."""
    with acting(scope_of(user)), transaction.atomic():
        codes: list[str] = RecoveryCodes.activate(user).generate_codes()
    return codes


def code_of(secret: str, steps: int = 0) -> str:
    """What the app shows now, or so many half minutes later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def factors(user: User) -> list[str]:
    """Kinds of the account's factors."""
    return sorted(Authenticator.objects.filter(user=user).values_list("type", flat=True))


def without_tokens(text: str) -> str:
    """A page without what is random in each answer."""
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text)
