"""The API's own description: committed, valid, complete, and the page made of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from django.test import Client
from django.urls import get_resolver
from openapi_spec_validator import validate

from analytics.api.openapi import METHODS, openapi
from registry.routes import routes
from tests.api_tools import get, is_problem
from tests.crawl import read_html

COPY = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
# Addresses that describe the others, and that of all there are not.
OUTSIDE = {"api_schema", "api_docs", "api_absent"}


def test_committed_document_is_what_the_code_says() -> None:
    """REGISTRY_WRITE_OPENAPI=1 writes it: read the difference before committing."""
    if os.environ.get("REGISTRY_WRITE_OPENAPI"):
        COPY.write_bytes(openapi())
    assert COPY.read_bytes() == openapi(), "REGISTRY_WRITE_OPENAPI=1 writes it anew"


def test_document_is_valid_and_names_every_address_with_its_answers() -> None:
    document = json.loads(openapi())
    assert document["openapi"] == "3.1.0"
    validate(document)
    api = {r for r in routes() if r.path.startswith("/api/v1/") and r.name not in OUTSIDE}
    paths = {
        route.path.replace("<uuid:", "{")
        .replace("<slug:", "{")
        .replace("<str:", "{")
        .replace(">", "}")
        for route in api
    }
    assert set(document["paths"]) == paths
    for path, found in document["paths"].items():
        for method, said in found.items():
            assert method in METHODS
            answers = said["responses"]
            assert {"400", "401", "429", "500", "503"} <= set(answers), (path, method)
            for status, answer in answers.items():
                assert answer["description"], (path, method, status)
                if status >= "400":
                    assert set(answer["content"]) == {"application/problem+json"}
    assert get_resolver()


def test_page_and_document_are_open_to_anybody(database: None) -> None:
    answer = Client().get("/api/v1/openapi.json")
    assert answer.content == openapi()
    is_problem(get("/api/v1/nothing/at/all"), 404)
    page = Client().get("/api/v1/docs")
    assert page.status_code == 200
    text = page.content.decode()
    document = json.loads(openapi())
    for path in document["paths"]:
        assert path in text
    anchors = {
        link.split("#")[1]
        for link in read_html("/", text.replace('href="#', 'href="/x#')).links
        if "#" in link
    }
    assert anchors == set()
