"""The checks that keep a bad deployment from starting: clean in a good one, red in each bad one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.core import checks
from django.db import connection, connections
from psycopg import sql

from centers.access import system_scope
from centers.checks import roles_of_connections
from patients.actions.key_rotation import rotate_identifier_key
from registry.checks import (
    encrypted_connections,
    factor_key,
    identifier_key,
    is_local,
    protected_tables,
    safe_settings,
)
from registry.stack import checked
from registry.stack.paths import CHECKOUT
from tests.deployment import deployment_environment
from tests.sign_in import app_of
from tests.universe import build_universe

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def deployed(settings: Any) -> Any:
    """Settings as in a deployment, as far as these checks look."""
    settings.DEMO = False
    settings.ALLOWED_HOSTS = ["registry.example.org"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://registry.example.org"]
    return settings


def ids(found: list[checks.CheckMessage]) -> list[str]:
    return [str(message.id) for message in found]


@contextmanager
def changed(superuser: psycopg.Connection, there: str, back: str) -> Iterator[None]:
    """A change of the catalog, undone afterwards whatever happens."""
    superuser.execute(sql.SQL(there))  # type: ignore[arg-type]
    try:
        yield
    finally:
        superuser.execute(sql.SQL(back))  # type: ignore[arg-type]


def run_checks(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *checked.CHECK],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_good_deployment_is_clean(tmp_path: Any) -> None:
    done = run_checks(deployment_environment(tmp_path))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "System check identified no issues (0 silenced)." in done.stdout


@pytest.mark.requirement("R3")
def test_bad_deployment_does_not_start(tmp_path: Any) -> None:
    environment = deployment_environment(tmp_path) | {"ALLOWED_HOSTS": "*"}
    done = subprocess.run(
        [sys.executable, "-m", "registry.stack.checked", sys.executable, "-c", "print('started')"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == checked.REFUSED
    assert "registry.E002" in done.stderr
    assert "started" not in done.stdout


def test_demo_starts_at_once_and_a_command_is_needed(capfd: pytest.CaptureFixture[str]) -> None:
    assert checked.main([]) == 2
    assert checked.command_line(["web"], {"REGISTRY_DEMO": "1"}) == ["web"]
    assert checked.command_line(["web"], {})[1:] == ["-m", "registry.stack.checked", "web"]
    done = subprocess.run(
        [sys.executable, "-m", "registry.stack.checked", sys.executable, "-c", "print('started')"],
        cwd=CHECKOUT,
        env=os.environ | {"REGISTRY_DEMO": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "started\n")


def test_everything_is_green_here() -> None:
    build_universe(derived=False)
    for check in (
        roles_of_connections,
        safe_settings,
        encrypted_connections,
        protected_tables,
        identifier_key,
    ):
        assert check() == [], check


def test_demo_is_checked_for_nothing(deployed: Any) -> None:
    deployed.DEMO = True
    deployed.ALLOWED_HOSTS = ["*"]
    deployed.DEBUG = True
    assert safe_settings() == []
    assert roles_of_connections() == []


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("DEBUG", True, "registry.E001"),
        ("ALLOWED_HOSTS", ["*"], "registry.E002"),
        ("ALLOWED_HOSTS", [], "registry.E002"),
        ("CSRF_TRUSTED_ORIGINS", ["http://registry.example.org"], "registry.E003"),
    ],
)
def test_unsafe_setting_is_refused(deployed: Any, name: str, value: Any, found: str) -> None:
    setattr(deployed, name, value)
    assert ids(safe_settings()) == [found]


READ = "may be read on its way"
POSED = "another machine may answer in its place"


@pytest.mark.parametrize(
    ("host", "options", "warned"),
    [
        ("db.example.org", {}, READ),
        ("db.example.org", {"sslmode": "prefer"}, READ),
        ("db.example.org", {"sslmode": "require"}, POSED),
        ("db.example.org", {"sslmode": "verify-ca"}, POSED),
        ("db.example.org", {"sslmode": "verify-full"}, ""),
        ("127.0.0.1", {}, ""),
        ("/run/postgresql", {}, ""),
    ],
)
def test_database_without_tls_is_warned_of(
    deployed: Any,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    options: dict[str, str],
    warned: str,
) -> None:
    values = deployed.DATABASES["default"]
    monkeypatch.setitem(values, "HOST", host)
    monkeypatch.setitem(values, "OPTIONS", options)
    found = encrypted_connections()
    assert ids(found) == (["registry.W001"] if warned else [])
    assert all(warned in str(message.msg) for message in found)


@pytest.mark.parametrize(
    ("host", "values", "warned"),
    [
        ("smtp.example.org", {"EMAIL_USE_TLS": False}, True),
        ("10.0.0.1", {"EMAIL_USE_TLS": False}, True),
        ("smtp.example.org", {"EMAIL_USE_TLS": True}, False),
        ("smtp.example.org", {"EMAIL_USE_TLS": False, "EMAIL_USE_SSL": True}, False),
        ("localhost", {"EMAIL_USE_TLS": False}, False),
        ("", {"EMAIL_USE_TLS": False}, False),
    ],
)
def test_mail_in_the_clear_is_warned_of(
    deployed: Any, host: str, values: dict[str, bool], warned: bool
) -> None:
    deployed.EMAIL_HOST = host
    for name, value in values.items():
        setattr(deployed, name, value)
    assert ids(encrypted_connections()) == (["registry.W003"] if warned else [])


@pytest.mark.parametrize(
    ("url", "lacks"),
    [
        ("redis://cache.example.org/0", "TLS and a password"),
        ("redis://:secret@cache.example.org/0", "TLS"),
        ("rediss://cache.example.org/0", "a password"),
        ("rediss://:secret@cache.example.org/0", ""),
        ("redis://localhost/0", ""),
        ("redis+socket:///run/valkey.sock", ""),
    ],
)
def test_redis_in_the_clear_is_warned_of(deployed: Any, url: str, lacks: str) -> None:
    deployed.REDIS_URL = url
    found = encrypted_connections()
    assert ids(found) == (["registry.W002"] if lacks else [])
    assert all(f"without {lacks}." in str(message.msg) for message in found)


def test_own_machine_is_local() -> None:
    assert all(map(is_local, ["", "/run", "localhost", "::1", "127.9.9.9"]))
    assert not any(map(is_local, ["10.0.0.1", "db", "example.org"]))


@pytest.mark.requirement("R3")
@pytest.mark.parametrize(
    ("there", "back", "words"),
    [
        ("alter role registry_app superuser", "alter role registry_app nosuperuser", "superuser"),
        (
            "alter role registry_app bypassrls",
            "alter role registry_app nobypassrls",
            "passes row-level security",
        ),
        (
            "alter role registry_app createrole",
            "alter role registry_app nocreaterole",
            "makes roles",
        ),
        (
            "grant registry_owner to registry_app",
            "revoke registry_owner from registry_app",
            "may become registry_owner",
        ),
        (
            "grant registry_worker to registry_app",
            "revoke registry_worker from registry_app",
            "has the rights of registry_worker too",
        ),
        (
            "create table owned_by_app (); alter table owned_by_app owner to registry_app",
            "drop table owned_by_app",
            "owns tables",
        ),
    ],
)
def test_role_of_the_app_that_passes_the_policies_is_refused(
    superuser: psycopg.Connection, there: str, back: str, words: str
) -> None:
    with changed(superuser, there, back):
        [found] = roles_of_connections()
    assert found.id == "centers.E002"
    assert words in found.msg
    assert roles_of_connections() == []


def test_worker_that_signs_in_as_another_role_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    connections["worker"].close()
    monkeypatch.setitem(connections["worker"].settings_dict, "USER", "registry_app")
    try:
        [found] = roles_of_connections()
    finally:
        connections["worker"].close()
    assert found.id == "centers.E003"
    assert "has not the rights of registry_worker" in found.msg


ROW_SECURITY = "alter table patients_course {} row level security"
TRIGGER = "alter table {} {} trigger {}"


@pytest.mark.requirement("R3")
@pytest.mark.parametrize(
    ("there", "back", "found", "table"),
    [
        (
            ROW_SECURITY.format("disable"),
            ROW_SECURITY.format("enable"),
            "registry.E004",
            "patients_course",
        ),
        (
            "alter policy center_scope on patients_course to registry_exporter",
            "alter policy center_scope on patients_course to registry_app",
            "registry.E004",
            "patients_course",
        ),
        (
            "create policy open on patients_course to registry_app using (true)",
            "drop policy open on patients_course",
            "registry.E004",
            "patients_course",
        ),
        (
            "create table noted (center_id bigint); alter table noted enable row level security",
            "drop table noted",
            "registry.E005",
            "noted",
        ),
        (
            TRIGGER.format("ident.patient_identity", "disable", "audit"),
            TRIGGER.format("ident.patient_identity", "enable", "audit"),
            "registry.E005",
            "ident.patient_identity",
        ),
        (
            TRIGGER.format("centers_user", "disable", "audit"),
            TRIGGER.format("centers_user", "enable", "audit"),
            "registry.E005",
            "centers_user",
        ),
        (
            TRIGGER.format("patients_cycle", "enable replica", "touch_update"),
            TRIGGER.format("patients_cycle", "enable", "touch_update"),
            "registry.E006",
            "patients_cycle",
        ),
    ],
)
def test_protection_that_is_missing_is_refused(
    superuser: psycopg.Connection, there: str, back: str, found: str, table: str
) -> None:
    with changed(superuser, there, back):
        messages = protected_tables()
    assert ids(messages) == [found]
    assert str(messages[0].msg).endswith(f": {table}.")
    assert protected_tables() == []


def test_key_that_does_not_open_what_is_there_is_refused(deployed: Any) -> None:
    build_universe(derived=False)
    own = deployed.REGISTRY_IDENTIFIER_KEY
    deployed.REGISTRY_IDENTIFIER_KEY = bytes(range(32))
    [found] = identifier_key()
    assert found.id == "registry.E007"
    assert "key of the blind index and the identifiers of 5 records" in found.msg
    deployed.REGISTRY_IDENTIFIER_KEY_NEW = own
    assert identifier_key() == []


def test_key_that_does_not_open_second_factors_is_warned_of(deployed: Any) -> None:
    users = build_universe(derived=False).users
    app_of(users["carla"])
    assert factor_key() == []
    deployed.REGISTRY_FACTOR_KEY = bytes(range(32))
    app_of(users["petra"])
    [found] = factor_key()
    assert (found.id, "1 of 2" in found.msg) == ("registry.W004", True)


def test_rotation_that_is_not_finished_needs_both_keys(deployed: Any) -> None:
    build_universe(derived=False)
    old, deployed.REGISTRY_IDENTIFIER_KEY_NEW = deployed.REGISTRY_IDENTIFIER_KEY, bytes(range(32))
    assert rotate_identifier_key(actor=system_scope()).is_complete
    assert identifier_key() == []
    deployed.REGISTRY_IDENTIFIER_KEY_NEW = None
    assert ids(identifier_key()) == ["registry.E007"]
    deployed.REGISTRY_IDENTIFIER_KEY = bytes(range(32))
    assert identifier_key() == []
    assert old != bytes(range(32))


def test_wrapped_key_that_was_changed_is_found(superuser: psycopg.Connection) -> None:
    build_universe(derived=False)
    superuser.execute("update ident.data_key set wrapped = wrapped || '\\x00'")
    assert ids(identifier_key()) == ["registry.E007"]


def test_key_that_is_not_random_is_refused(deployed: Any) -> None:
    deployed.REGISTRY_IDENTIFIER_KEY = bytes(32)
    assert ids(identifier_key()) == ["registry.E008"]


@pytest.mark.parametrize(
    ("check", "found"),
    [
        (roles_of_connections, "centers.E004"),
        (protected_tables, "registry.E009"),
        (identifier_key, "registry.E009"),
    ],
)
def test_without_the_database_nothing_is_taken_for_protected(
    monkeypatch: pytest.MonkeyPatch, check: Callable[[], list[checks.CheckMessage]], found: str
) -> None:
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nonexistent")
    assert found in ids(check())
