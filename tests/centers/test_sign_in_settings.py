"""Settings of the sign-in: who must have a second factor, and the keys of their secrets."""

from __future__ import annotations

import base64
import os
import subprocess
import sys

import pytest
from cryptography.exceptions import InvalidTag
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from centers.account.secrets import seal, unseal
from centers.roles import Role
from registry import env

PEOPLE = frozenset(role.value for role in Role if role != Role.SYSTEM)


@pytest.mark.parametrize(
    ("text", "needed", "expected"),
    [
        ("", True, PEOPLE),
        ("", False, frozenset()),
        ("administrator", False, frozenset({"administrator"})),
        ("administrator, monitor", True, frozenset({"administrator", "monitor"})),
    ],
)
def test_roles_of_the_second_factor(
    monkeypatch: pytest.MonkeyPatch, text: str, needed: bool, expected: frozenset[str]
) -> None:
    monkeypatch.setenv("REGISTRY_MFA_ROLES", text)
    assert env.roles("REGISTRY_MFA_ROLES", needed=needed) == expected


@pytest.mark.parametrize("text", ["nurse", "system", "administrator,nurse"])
def test_unknown_role_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("REGISTRY_MFA_ROLES", text)
    with pytest.raises(ImproperlyConfigured, match="REGISTRY_MFA_ROLES has no role"):
        env.roles("REGISTRY_MFA_ROLES", needed=True)


def test_deployment_asks_every_role_for_a_second_factor() -> None:
    values = {
        "REGISTRY_DEMO": "",
        "REGISTRY_MFA_ROLES": "",
        "ALLOWED_HOSTS": "registry.example.org",
        "DJANGO_SETTINGS_MODULE": "registry.settings",
    }
    code = "from django.conf import settings as s; print(sorted(s.REGISTRY_MFA_ROLES))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | values,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(sorted(PEOPLE))


def test_sealed_secret_opens_with_its_key_only_and_never_looks_the_same(settings: Settings) -> None:
    settings.REGISTRY_FACTOR_KEY = env.derived_key("a secret", "one purpose")
    sealed = seal("JBSWY3DPEHPK3PXP")
    assert unseal(sealed) == "JBSWY3DPEHPK3PXP"
    assert sealed != seal("JBSWY3DPEHPK3PXP")
    raw = bytearray(base64.b64decode(sealed))
    raw[-1] ^= 1
    with pytest.raises(InvalidTag):
        unseal(base64.b64encode(raw).decode())
    settings.REGISTRY_FACTOR_KEY = env.derived_key("a secret", "another purpose")
    with pytest.raises(InvalidTag):
        unseal(sealed)
