"""Reports of the policy: anybody may send them, so little of them is kept."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from registry.csp_reports import MOST_A_MINUTE, MOST_BYTES

pytestmark = pytest.mark.usefixtures("database")
CANARY = "CANARY-4410"
PATH = "/csp-report/"


@pytest.fixture(autouse=True)
def fresh() -> None:
    cache.clear()


def send(body: Any, kind: str = "application/csp-report") -> int:
    text = body if isinstance(body, str) else json.dumps(body)
    return Client(enforce_csrf_checks=True).post(PATH, text, content_type=kind).status_code


def old_report(directive: str, page: str) -> dict[str, Any]:
    return {
        "csp-report": {
            "violated-directive": directive,
            "document-uri": page,
            "blocked-uri": CANARY,
            "script-sample": CANARY,
        }
    }


def test_directive_and_own_page_are_noted(caplog: pytest.LogCaptureFixture) -> None:
    record = "00000000-0000-4000-8000-000000000000"
    page = f"https://registry.example.org/records/{record}/?text={CANARY}"
    assert send(old_report("script-src-elem", page)) == 204
    assert caplog.messages == ["the policy refused script-src-elem on record_detail"]


def test_reporting_api_is_read_too(caplog: pytest.LogCaptureFixture) -> None:
    body = {"effectiveDirective": "img-src", "documentURL": "https://x/records/", "sample": CANARY}
    assert send([{"type": "csp-violation", "body": body}, "x"], "application/reports+json") == 204
    assert caplog.messages == ["the policy refused img-src on record_list"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[" * 5000,
        "\xff\x00",
        {"csp-report": CANARY},
        {"csp-report": {"violated-directive": 1, "document-uri": CANARY}},
        [[CANARY]],
        7,
        json.dumps({"csp-report": {"document-uri": "/records/", "violated-directive": "img-src"}})
        + " " * MOST_BYTES,
    ],
)
def test_what_is_no_report_is_thrown_away(body: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert send(body) == 204
    assert caplog.messages == []


def test_nothing_of_the_report_is_repeated(caplog: pytest.LogCaptureFixture) -> None:
    assert send(old_report(f"{CANARY}\nforged", f"https://x/{CANARY}")) == 204
    assert send(old_report("style-src", "http://[")) == 204
    assert CANARY not in caplog.text
    assert caplog.messages == [
        "the policy refused something on no page of the registry",
        "the policy refused style-src on no page of the registry",
    ]


def test_flood_is_thrown_away(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    for _ in range(MOST_A_MINUTE + 20):
        assert send(old_report("style-src", "/records/")) == 204
    assert MOST_A_MINUTE <= len(caplog.messages) <= 2 * MOST_A_MINUTE  # the minute may turn
    assert len(caplog.messages) < MOST_A_MINUTE + 20


def test_other_methods_are_refused() -> None:
    assert Client().get(PATH).status_code == 405
