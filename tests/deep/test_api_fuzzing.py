"""Every operation of the API's own document with made-up requests: no 5xx, no undocumented answer.

With a token that may everything, with one that may nothing, and without any.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from analytics.api.openapi import openapi
from analytics.api.throttling import RATES
from analytics.projects import RESEARCH
from registry.wsgi import application
from tests.analytics.exports_world import World, build, build_world, use_folder
from tests.api_tools import program
from tests.snapshot import start_from

EXAMPLES = 25
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


def _make(superuser: psycopg.Connection) -> World:
    world = build_world(superuser)
    world.built[RESEARCH] = build(world, RESEARCH, formats=["csv"])
    return world


@pytest.fixture
def world(
    database: None, superuser: psycopg.Connection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> World:
    use_folder(folder)
    for name in RATES:
        monkeypatch.setitem(RATES, name, (10**9, 60))
    return start_from("fuzzed", lambda: _make(superuser), superuser)


OPERATIONS = [
    found.ok()
    for found in schemathesis.openapi.from_dict(json.loads(openapi())).get_all_operations()
]
bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def visit(operation: Any, headers: Mapping[str, str]) -> None:
    """Send what the document allows and what it does not; hold the answers to it."""

    @bounded
    @given(operation.as_strategy() | operation.as_strategy(GenerationMode.NEGATIVE))
    def answers_conform(case: schemathesis.Case) -> None:
        given = dict(case.headers or {}) | dict(headers)
        response = case.call(headers=given, app=application)
        case.validate_response(response, checks=CHECKS)

    answers_conform()


def holding(world: World, **more: Any) -> Mapping[str, str]:
    """The header of a client of the project that has an export."""
    made = program(owner=world.asker, of=world.projects[RESEARCH], **more)
    return {"Authorization": f"Bearer {made.token()}"}


def test_with_a_token_of_all_scopes(world: World) -> None:
    headers = holding(world)
    for operation in OPERATIONS:
        visit(operation, headers)


def test_with_a_token_of_one_scope(world: World) -> None:
    headers = holding(world, scopes=["cohorts"])
    for operation in OPERATIONS:
        visit(operation, headers)


def test_without_a_token(database: None) -> None:
    for operation in OPERATIONS:
        visit(operation, {})
