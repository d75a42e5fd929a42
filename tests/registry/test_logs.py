"""What was typed never reaches a log or, in an error, a person."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils.module_loading import import_string

from centers.invitations import invitation_path
from registry.logs import JsonFormatter, PlainFormatter, ServerFormatter
from tests.patients.pages import Visitor
from tests.universe import Universe

CANARY = "CANARY-9134"


@contextmanager
def written_as(name: str) -> Iterator[io.StringIO]:
    """What the handler of the settings would write with a format."""
    values = dict(settings.LOGGING["formatters"][name])
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(import_string(values.pop("()"))(values["format"], style=values["style"]))
    root = logging.getLogger()
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The log for people."""
    with written_as("plain") as written:
        yield written


@pytest.fixture(params=["plain", "json"])
def either(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """The log in each format."""
    with written_as(request.param) as written:
        yield written


def token_of(link: str) -> str:
    """The secret part of a one-time link."""
    return link.strip("/").split("/")[-1]


@pytest.mark.requirement("I1")
def test_row_that_the_database_refuses_is_shown_to_nobody(
    universe: Universe, superuser: psycopg.Connection, log: io.StringIO
) -> None:
    """The real path: a constraint that no rule of the program knows, and its failing row."""
    carla = Visitor(universe, "carla")
    carla.client.raise_request_exception = False
    path = universe.url("survivor", "prior_therapies/new/")
    form = carla.get(path).form
    superuser.execute(
        "alter table patients_prior_therapy add constraint unknown_rule"
        f" check (agent <> '{CANARY}')"
    )
    try:
        answer = carla.post(path, {**form, "therapy_class": "surgery", "agent": CANARY})
    finally:
        superuser.execute("alter table patients_prior_therapy drop constraint unknown_rule")
    assert answer.status == 500
    assert "Something went wrong" in answer.text
    assert CANARY not in answer.text
    assert "unknown_rule" not in answer.text
    lines = log.getvalue()
    assert CANARY not in lines
    assert "Failing row" not in lines
    assert "psycopg.errors.CheckViolation, sqlstate 23514" in lines
    assert "constraint unknown_rule" in lines
    assert "patients/actions/" in lines  # the place is told


def test_other_error_of_a_page_is_told_by_type_and_place(
    universe: Universe, superuser: psycopg.Connection, log: io.StringIO
) -> None:
    carla = Visitor(universe, "carla")
    carla.client.raise_request_exception = False
    superuser.execute("alter table patients_follow_up rename to elsewhere")
    try:
        answer = carla.get(universe.url("survivor"))
    finally:
        superuser.execute("alter table elsewhere rename to patients_follow_up")
    assert answer.status == 500
    assert "relation" not in answer.text
    assert "sqlstate 42P01" in log.getvalue()
    assert "select" not in log.getvalue().lower().split("sqlstate")[-1]


@pytest.mark.requirement("I1")
@pytest.mark.parametrize("path", [f"/records/{CANARY}/", f"/records/Müller%0A{CANARY}"])
def test_address_that_leads_nowhere_is_logged_without_what_was_typed(
    universe: Universe, either: io.StringIO, path: str
) -> None:
    assert Visitor(universe, "carla").get(path).status == 404
    assert "Not Found: none" in either.getvalue()
    assert CANARY not in either.getvalue()
    assert "ller" not in either.getvalue()


@pytest.mark.requirement("I1")
def test_one_time_link_is_in_no_line_when_the_database_is_away(
    universe: Universe, either: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = invitation_path(universe.users["carla"])
    client = Client(raise_request_exception=False)
    connection.close()
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "HOST", "/nonexistent")
        assert client.get(path).status_code == 503
    assert "Service Unavailable: welcome" in either.getvalue()
    assert token_of(path) not in either.getvalue()
    assert path.removesuffix("/") not in either.getvalue()


@pytest.mark.requirement("I1")
def test_refusal_of_a_form_repeats_neither_address_nor_origin(
    universe: Universe, either: io.StringIO
) -> None:
    client = Client(enforce_csrf_checks=True)
    path = invitation_path(universe.users["carla"])
    for headers in ({"origin": f"https://{CANARY}.example"}, {}):
        assert client.post(path, {}, headers=headers).status_code == 403
    assert "Forbidden (Origin checking failed): welcome" in either.getvalue()
    assert "Forbidden (CSRF cookie not set.): welcome" in either.getvalue()
    assert CANARY not in either.getvalue()
    assert token_of(path) not in either.getvalue()
    assert path.removesuffix("/") not in either.getvalue()


@pytest.mark.requirement("I1")
def test_request_that_is_refused_is_logged_without_its_words(
    universe: Universe, either: io.StringIO
) -> None:
    client = Client()
    refused = [
        client.get("/sign-in/", headers={"host": f"{CANARY}.example"}),
        client.post("/sign-in/", {CANARY: "\0"}),
        client.generic(CANARY, "/live"),
    ]
    assert [answer.status_code for answer in refused] == [400, 400, 405]
    for line in ("Bad Request: none", "Bad Request: login", "Method Not Allowed (withheld): live"):
        assert line in either.getvalue()
    assert CANARY not in either.getvalue()


BREAKS = ["\n", "\r", "\r\n", *"\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", "\x1b"]


def record_of(*args: Any, exc_info: Any = None, kind: type[PlainFormatter] = PlainFormatter) -> str:
    record = logging.LogRecord("registry", 40, __file__, 1, args[0], args[1:], exc_info)
    return kind("{levelname} {message}", style="{").format(record)


@pytest.mark.parametrize("kind", [PlainFormatter, JsonFormatter])
@pytest.mark.parametrize("between", BREAKS)
def test_message_cannot_begin_a_line_of_its_own(kind: type[PlainFormatter], between: str) -> None:
    try:
        int(CANARY)
    except ValueError:
        text = record_of(
            "read %s", f"it{between}ERROR all is well", exc_info=sys.exc_info(), kind=kind
        )
    if kind is JsonFormatter:
        line = json.loads(text)
        text = f"{line['message']}\n{line['error']}"
    first, *places = text.splitlines()
    assert first == f"ERROR read it{' ' * len(between)}ERROR all is well"
    assert places[-1] == "builtins.ValueError"


def test_failure_that_gunicorn_meets_is_told_without_address_and_text() -> None:
    line = ("Error handling request %s %s", "GET", f"/records/{CANARY}/")
    try:
        int(CANARY)
    except ValueError:
        text = record_of(*line, exc_info=sys.exc_info(), kind=ServerFormatter)
    assert text.splitlines()[0] == "ERROR Error handling request"
    assert text.endswith("builtins.ValueError")
    assert CANARY not in text
    assert record_of("Booting worker with pid: %s", 7, kind=ServerFormatter).endswith("pid: 7")


@pytest.mark.requirement("I1")
def test_text_of_an_exception_is_withheld_whatever_it_is() -> None:
    try:
        try:
            int(CANARY)
        except ValueError as error:
            raise KeyError(CANARY) from error
    except KeyError:
        text = record_of("failed", exc_info=sys.exc_info())
    assert CANARY not in text
    assert text.index("builtins.ValueError") < text.index("builtins.KeyError")


def test_exception_as_an_argument_is_its_type() -> None:
    assert record_of("failed: %s", ValueError(CANARY)) == "ERROR failed: builtins.ValueError"


def test_detail_in_a_message_is_withheld() -> None:
    text = record_of(f"duplicate key\nDETAIL:  Key (mrn)=({CANARY}) already exists.\nCONTEXT: x")
    assert text == "ERROR duplicate key DETAIL: withheld"


@pytest.mark.requirement("I1")
def test_failure_of_a_task_is_told_without_its_texts() -> None:
    failure = {
        "name": "a.task",
        "id": "1",
        "description": "raised unexpected",
        "exc": CANARY,
        "traceback": f"...\nValueError: {CANARY}",
        "args": CANARY,
        "kwargs": "{}",
    }
    line = "Task %(name)s[%(id)s] %(description)s: %(exc)s\n%(traceback)s"
    assert CANARY not in record_of(line, failure)
    assert "Task a.task[1] raised unexpected" in record_of(line, failure)


def test_error_of_a_stranger_is_the_same_page(universe: Universe) -> None:
    assert CANARY not in Client().get(f"/records/{CANARY}/").content.decode()
