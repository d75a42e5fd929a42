"""The house itself: sizes, templates, declared permissions, migrations in step with models."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("registry", "centers", "patients", "analytics")
SOURCES = [
    path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts
]
TEMPLATES = list((ROOT / "templates").rglob("*.*"))
FORBIDDEN_IN_TEMPLATES = {
    "inline style": re.compile(r"<style|\sstyle="),
    "inline script": re.compile(r"<script(?![^>]*\ssrc=)"),
    "event attribute": re.compile(r"\son[a-z]+="),
    "htmx script": re.compile(r"hx-on|js:|javascript:"),
    "unescaped output": re.compile(r"\|\s*safe\b|autoescape off"),
    "another host": re.compile(r"(src|href)=[\"']https?://"),
}


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("path", SOURCES, ids=names(SOURCES))
def test_module_and_functions_keep_to_the_house_numbers(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 600
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


@pytest.mark.parametrize("path", TEMPLATES, ids=names(TEMPLATES))
def test_template_holds_nothing_that_the_csp_refuses(path: Path) -> None:
    text = path.read_text()
    found = [what for what, pattern in FORBIDDEN_IN_TEMPLATES.items() if pattern.search(text)]
    assert found == []


def routes(resolver: URLResolver) -> Iterator[URLPattern]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern)
        else:
            yield pattern


def test_every_route_declares_its_permission() -> None:
    found = list(routes(get_resolver()))
    assert len(found) > 8
    undeclared = [str(p.pattern) for p in found if not hasattr(p.callback, "permission")]
    assert undeclared == []


def test_every_route_has_a_name_and_no_identifier_in_its_path() -> None:
    for pattern in routes(get_resolver()):
        assert pattern.name
        assert not re.search(
            r"<(str|path|slug)?:?(record_id|mrn|initials|name)>", str(pattern.pattern)
        )


def test_migrations_are_in_step_with_the_models(database: None) -> None:
    out = StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=out)
    assert "No changes" in out.getvalue()


def test_style_sheet_stays_small() -> None:
    sheets = list((ROOT / "registry" / "static").rglob("*.css"))
    assert len(sheets) == 1


@pytest.mark.parametrize("path", SOURCES, ids=names(SOURCES))
def test_no_marker_of_unfinished_work(path: Path) -> None:
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", path.read_text())
