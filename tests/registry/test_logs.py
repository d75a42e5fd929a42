"""What was typed never reaches a log or, in an error, a person."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.test import Client

from registry.logs import PlainFormatter
from tests.patients.pages import Visitor
from tests.snapshot import start_from
from tests.universe import Universe, build_universe

CANARY = "CANARY-9134"


@pytest.fixture
def universe(database: None, superuser: psycopg.Connection) -> Universe:
    return start_from("stale universe", lambda: build_universe(derived=False), superuser)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the handler of the settings would write."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    values = dict(settings.LOGGING["formatters"]["plain"])
    assert values.pop("()") == "registry.logs.PlainFormatter"
    handler.setFormatter(PlainFormatter(values["format"], style=values["style"]))
    root = logging.getLogger()
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)


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


def record_of(*args: Any, exc_info: Any = None) -> str:
    record = logging.LogRecord("registry", 40, __file__, 1, args[0], args[1:], exc_info)
    return PlainFormatter("{levelname} {message}", style="{").format(record)


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
    assert text == "ERROR duplicate key\nDETAIL: withheld"


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
