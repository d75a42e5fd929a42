"""A request that was refused can be traced to who tried, and to nothing else about a person."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from registry.logs import JsonFormatter
from tests.api_tools import get, program
from tests.patients.pages import Visitor
from tests.universe import Universe

OPERATIONS = "/administration/operations/"
EXPORT = "/api/v1/exports/00000000-0000-4000-8000-000000000000"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is written about requests where LOG_LEVEL is left alone."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter("{message}", style="{"))
    logger = logging.getLogger("registry.requests")
    logger.addHandler(handler)
    yield written
    logger.removeHandler(handler)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_refused_page_is_logged_with_the_public_id_of_the_account(
    universe: Universe, log: io.StringIO
) -> None:
    carla = Visitor(universe, "carla")
    asked = [
        (carla.get(OPERATIONS).status, "operations"),
        (carla.get(universe.url("stranger")).status, "record_detail"),
        (carla.post(OPERATIONS, {}).status, "operations"),
    ]
    assert [status for status, _ in asked] == [403, 404, 405]
    found = lines(log)
    assert [(line["status"], line["route"]) for line in found] == asked
    account = str(universe.users["carla"].public_id)
    assert {line["account"] for line in found} == {account}
    assert {line["level"] for line in found} == {"WARNING"}
    assert found[0]["message"] == f"GET operations 403, account {account}"
    assert "carla" not in log.getvalue().lower()


def test_stranger_is_nobody_and_what_is_answered_is_no_warning(
    universe: Universe, log: io.StringIO
) -> None:
    assert Client().get("/no/such/page/").status_code == 404
    assert Client().get("/sign-in/").status_code == 200
    assert Client().get(OPERATIONS).status_code == 302
    assert Client(enforce_csrf_checks=True).post("/sign-in/", {}).status_code == 403
    assert [(line["status"], line["account"]) for line in lines(log)] == [
        (404, "nobody"),
        (403, "nobody"),
    ]


def test_program_is_told_by_the_id_of_its_client(universe: Universe, log: io.StringIO) -> None:
    asking = program(scopes=["exports"])
    token = asking.token()
    assert get(EXPORT, token).status == 404
    assert get("/api/v1/outcomes", token).status == 403
    assert get("/api/v1/outcomes", "another").status == 401
    found = lines(log)
    assert [(line["status"], line.get("client")) for line in found] == [
        (404, asking.client.client_id),
        (403, asking.client.client_id),
        (401, None),
    ]
    assert (found[2]["account"], token in log.getvalue()) == ("nobody", False)


def test_who_is_not_asked_of_the_database(
    universe: Universe, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused before the session was read: nothing is read for the line, and nothing can fail."""
    carla = Visitor(universe, "carla")
    connection.close()
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "HOST", "/nonexistent")
        assert carla.client.generic("TRACE", OPERATIONS).status_code == 405
        assert carla.client.get("/sign-in/", headers={"host": "evil.example"}).status_code == 400
    assert [line["account"] for line in lines(log)] == ["unknown"] * 2
