"""Readers of the environment say what to set and how."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from registry import env
from registry.stack.paths import CHECKOUT

KEY = base64.b64encode(b"k" * 32).decode()


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (env.text, ""),
        (env.boolean, "perhaps"),
        (lambda name: env.integer(name, 1), "x"),
        (env.key_bytes, "short"),
        (env.key_bytes, base64.b64encode(b"k" * 31).decode()),
        (lambda name: env.cutoff(name, "today"), "30.6.2017"),
        (env.database, "sqlite:///x"),
    ],
)
def test_wrong_value_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, reader: object, text: str
) -> None:
    monkeypatch.setenv("A_VARIABLE", text)
    with pytest.raises(ImproperlyConfigured, match="A_VARIABLE") as refused:
        reader("A_VARIABLE")  # type: ignore[operator]
    assert text in ("", "x") or text not in str(refused.value)


def test_right_values_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_VARIABLE", KEY)
    assert env.key_bytes("A_VARIABLE") == b"k" * 32
    monkeypatch.setenv("A_VARIABLE", "a, b,")
    assert env.names("A_VARIABLE") == ["a", "b"]
    monkeypatch.setenv("A_VARIABLE", "yes")
    assert env.boolean("A_VARIABLE")


def test_database_url_with_a_socket_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_VARIABLE", "postgresql://u:p%40@/name?host=/run/pg&sslmode=require")
    found = env.database("A_VARIABLE", assume_role="r")
    assert (found["NAME"], found["USER"], found["PASSWORD"], found["HOST"]) == (
        "name",
        "u",
        "p@",
        "/run/pg",
    )
    assert found["OPTIONS"] == {"sslmode": "require", "assume_role": "r"}


def test_secret_comes_from_a_file_and_a_password_into_its_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a/b+c@d=\n")
    monkeypatch.setenv("A_VARIABLE_FILE", str(secret))
    assert env.text("A_VARIABLE") == "a/b+c@d="
    monkeypatch.setenv("REGISTRY_APP_PASSWORD_FILE", str(secret))
    monkeypatch.setenv("DATABASE_URL", "postgresql://registry_app@db:5432/registry")
    found = env.database("DATABASE_URL")
    assert (found["HOST"], found["USER"], found["PASSWORD"]) == ("db", "registry_app", "a/b+c@d=")
    monkeypatch.setenv("DATABASE_URL", "postgresql://registry_app:own@db:5432/registry")
    assert env.database("DATABASE_URL")["PASSWORD"] == "own"
    monkeypatch.setenv("A_BROKER", "redis://host:6379/0")
    assert env.broker("A_BROKER", "A_VARIABLE") == "redis://:a%2Fb%2Bc%40d%3D@host:6379/0"
    monkeypatch.setenv("A_BROKER", "redis+socket:///run/valkey.sock?virtual_host=0")
    assert env.broker("A_BROKER", "A_VARIABLE") == "redis+socket:///run/valkey.sock?virtual_host=0"
    secret.write_text("\n")
    assert env.text("A_VARIABLE", "none") == "none"


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [("x", "/nowhere", "A_VARIABLE_FILE are both set"), ("", "/nowhere", "A_VARIABLE_FILE must")],
)
def test_wrong_file_of_a_secret_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, text: str, path: str, said: str
) -> None:
    monkeypatch.setenv("A_VARIABLE", text)
    monkeypatch.setenv("A_VARIABLE_FILE", path)
    with pytest.raises(ImproperlyConfigured, match=said) as refused:
        env.text("A_VARIABLE")
    assert path not in str(refused.value)


def test_cache_address_of_a_socket() -> None:
    assert env.cache_url("redis+socket:///run/v.sock?virtual_host=3") == "unix:///run/v.sock?db=3"
    assert env.cache_url("redis://host:1/0") == "redis://host:1/0"


def test_settings_that_cannot_be_read_stop_every_command() -> None:
    """`check` too: nothing that the settings import may ask for settings before they are whole."""
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=CHECKOUT,
        env=os.environ | {"REGISTRY_IDENTIFIER_KEY": "short"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "REGISTRY_IDENTIFIER_KEY must be" in done.stderr
