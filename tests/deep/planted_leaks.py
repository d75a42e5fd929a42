"""Leaks as registries had them, planted to see whether the non-interference test turns red."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import pytest
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver

from patients.models import Patient, PatientIdentity
from patients.views import records

Planted = Callable[[pytest.MonkeyPatch, psycopg.Connection], AbstractContextManager[None]]
View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Plant:
    """A leak and the way to plant it; the block's end takes out what the database got."""

    name: str
    planted: Planted


def _pattern(name: str, resolver: URLResolver) -> URLPattern | None:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern) and entry.name == name:
            return entry
        found = _pattern(name, entry) if isinstance(entry, URLResolver) else None
        if found:
            return found
    return None


def _replace_view(monkeypatch: pytest.MonkeyPatch, name: str, make: Callable[[View], View]) -> None:
    pattern = _pattern(name, get_resolver())
    assert pattern is not None
    view = pattern.callback
    monkeypatch.setattr(pattern, "callback", functools.wraps(view)(make(view)))


@contextmanager
def cache_without_scope(monkeypatch: pytest.MonkeyPatch, _: psycopg.Connection) -> Iterator[None]:
    """The list is cached under its address alone."""

    def make(view: View) -> View:
        def cached(request: HttpRequest, **arguments: Any) -> HttpResponse:
            key = f"planted:{request.get_full_path()}"
            body = cache.get(key)
            if body is None:
                response = view(request, **arguments)
                if response.status_code != 200:
                    return response
                body = response.content
                cache.set(key, body, 60)
            return HttpResponse(body)

        return cached

    _replace_view(monkeypatch, "record_list", make)
    yield


@contextmanager
def filter_bypassed(monkeypatch: pytest.MonkeyPatch, _: psycopg.Connection) -> Iterator[None]:
    """The total beside a narrowed list is counted on the owner's connection."""

    def everybodys(**_: object) -> Any:
        return Patient.objects.using("owner").filter(retracted=False)

    monkeypatch.setattr(records, "visible_records", everybodys)
    yield


@contextmanager
def policy_switched_off(_: pytest.MonkeyPatch, superuser: psycopg.Connection) -> Iterator[None]:
    """A table has lost its row-level security."""
    superuser.execute("alter table patients_patient disable row level security")
    try:
        yield
    finally:
        superuser.execute("alter table patients_patient enable row level security")


@contextmanager
def global_unique(_: pytest.MonkeyPatch, superuser: psycopg.Connection) -> Iterator[None]:
    """Record IDs are unique over all centers."""
    superuser.execute("create unique index planted on ident.patient_identity (record_id)")
    try:
        yield
    finally:
        superuser.execute("drop index ident.planted")


@contextmanager
def sequence_shown(monkeypatch: pytest.MonkeyPatch, _: psycopg.Connection) -> Iterator[None]:
    """The record page shows the number that the database counts records with."""

    def make(view: View) -> View:
        def numbered(request: HttpRequest, **arguments: Any) -> HttpResponse:
            response = view(request, **arguments)
            patient = Patient.objects.filter(public_id=arguments["record"]).first()
            if patient is not None:
                response.content += f"<p>No. {patient.pk}</p>".encode()
            return response

        return numbered

    _replace_view(monkeypatch, "record_detail", make)
    yield


@contextmanager
def telling_error(monkeypatch: pytest.MonkeyPatch, _: psycopg.Connection) -> Iterator[None]:
    """The search says where else the record ID is used."""

    def make(view: View) -> View:
        def telling(request: HttpRequest) -> HttpResponse:
            response = view(request)
            text = request.POST.get("text", "")
            others = PatientIdentity.objects.using("owner").filter(record_id=text)
            response.content += f"<p>Known at {others.count()} centers.</p>".encode()
            return response

        return telling

    _replace_view(monkeypatch, "record_find", make)
    yield


PLANTS: Final = (
    Plant("cache without scope", cache_without_scope),
    Plant("filter bypassed", filter_bypassed),
    Plant("policy switched off", policy_switched_off),
    Plant("global unique", global_unique),
    Plant("sequence shown", sequence_shown),
    Plant("telling error", telling_error),
)
