"""Typed readers of the environment: each error says which variable and how to mend it."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.core.exceptions import ImproperlyConfigured

from centers.roles import Role
from registry.stack import given
from registry.stack import roles as logins
from registry.stack.paths import StackError


def text(name: str, default: str | None = None) -> str:
    """A text, or what the file named by NAME_FILE holds; without default it must be there and not empty."""
    try:
        value = given.value(name)
    except StackError as error:
        raise ImproperlyConfigured(str(error)) from None
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"Set {name} in the environment; .env.example explains it.")
    return default


def boolean(name: str, default: bool = False) -> bool:
    """1/0, true/false, yes/no or on/off."""
    value = os.environ.get(name, "").lower()
    if not value:
        return default
    if value not in {"1", "true", "yes", "on", "0", "false", "no", "off"}:
        raise ImproperlyConfigured(f"{name} must be 1 or 0.")
    return value in {"1", "true", "yes", "on"}


def integer(name: str, default: int) -> int:
    """A whole number."""
    try:
        return int(os.environ.get(name) or default)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number.") from None


def choice(name: str, allowed: Sequence[str], default: str) -> str:
    """One of a few words."""
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of: {', '.join(allowed)}.")
    return value


def hours(name: str, default: str) -> tuple[int, int]:
    """Hours of a day `06-22`: from the first on, until the second begins."""
    value = text(name, default)
    first, dash, last = value.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal() and int(first) < int(last) <= 24):
        raise ImproperlyConfigured(f"{name} must be two hours of a day, such as 06-22.")
    return int(first), int(last)


def names(name: str) -> list[str]:
    """Names with commas between them; empty when unset."""
    return [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]


def key_bytes(name: str, size: int = 32) -> bytes:
    """A secret of exactly `size` bytes in base64. The message never repeats it."""
    try:
        value = base64.b64decode(text(name), validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != size:
        raise ImproperlyConfigured(
            f"{name} must be {size} random bytes in base64: "
            f'python -c "import base64, os; print(base64.b64encode(os.urandom({size})).decode())"'
        )
    return value


def derived_key(secret: str, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, from a secret that serves others too (HKDF-SHA-256)."""
    return HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(secret.encode())


def roles(name: str, *, needed: bool) -> frozenset[str]:
    """Roles with commas between them; unset means every role, or none where they are not `needed`."""
    people = frozenset(role.value for role in Role if role != Role.SYSTEM)
    found = frozenset(names(name)) or (people if needed else frozenset())
    if unknown := found - people:
        raise ImproperlyConfigured(
            f"{name} has no role {min(unknown)}; there are {', '.join(sorted(people))}."
        )
    return found


def cutoff(name: str, default: str) -> str:
    """A data cutoff: a date YYYY-MM-DD, or `today` for the current day in UTC."""
    value = text(name, default)
    if value != "today":
        try:
            date.fromisoformat(value)
        except ValueError:
            raise ImproperlyConfigured(f"{name} must be YYYY-MM-DD or today.") from None
    return value


def database(name: str, *, assume_role: str = "") -> dict[str, Any]:
    """Django's settings of a PostgreSQL database from a URL.

    `postgresql://user:password@host:port/name?sslmode=verify-full`, or `?host=/socket/folder`; a
    password that is not in it is that of the login (`registry.stack.roles.LOGINS`).
    """
    url = text(name)
    if name in logins.URLS:
        url = given.with_password(url, text(logins.LOGINS[logins.URLS[name]], ""))
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ImproperlyConfigured(f"{name} must begin with postgresql://; no other database fits.")
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    host = options.pop("host", parts.hostname or "")
    if assume_role:
        options["assume_role"] = assume_role
    return {
        "ENGINE": "centers.backend",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": True,
        "DISABLE_SERVER_SIDE_CURSORS": False,
    }


def broker(name: str, password: str) -> str:
    """The address of a Redis or Valkey; a password that is not in it is that of the variable `password`."""
    return given.with_password(text(name), text(password, ""))


def cache_url(redis_url: str) -> str:
    """The address redis-py understands, from the one Celery does (`redis+socket://`)."""
    if redis_url.startswith("redis+socket://"):
        parts = urlsplit(redis_url)
        number = dict(parse_qsl(parts.query)).get("virtual_host", "0")
        return f"unix://{parts.path}?db={number}"
    return redis_url
