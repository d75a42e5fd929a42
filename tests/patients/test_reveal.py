"""Identifiers are masked on every page of a monitor, and shown once, with reason and event."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date

import pytest
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver

from centers.access import Scope, acting, current_scope, scope_of, system_scope
from centers.limits import HOUR
from centers.models import AuditEvent
from patients.actions.erasure import erase_identifiers
from patients.actions.reveal import Erased, reveal_identifiers
from patients.models import Patient, PatientIdentity
from patients.views.identifiers import REVEALS_AN_HOUR
from tests.patients.pages import Visitor
from tests.universe import Universe

CANARIES = ("C01-0001", "C01-0002", "14-Jul-1951", "1951-07-14", "88 1234", "881234")
REASON = {"reason_preset": "Query to the site", "reason": "letter 12"}


@pytest.fixture(autouse=True)
def _no_counts(database: None) -> None:
    """Accounts of another test may have had the same key."""
    cache.clear()


def reveal_events(universe: Universe) -> list[dict[str, object]]:
    with acting(system_scope()), transaction.atomic():
        events = AuditEvent.objects.filter(
            operation="reveal", patient_id=universe.records["survivor"].patient_id
        )
        return [event.after for event in events.order_by("id")]


def test_reveal_shows_the_identifiers_of_one_record_once_with_an_event(universe: Universe) -> None:
    path = universe.url("survivor", "reveal/")
    for username in ("max", "dana"):
        visitor = Visitor(universe, username)
        asked = visitor.get(path)
        assert asked.status == 200
        assert not any(canary in asked.text for canary in CANARIES)
        response = visitor.client.post(path, REASON)
        text = response.content.decode()
        assert response.headers["Cache-Control"] == "no-store"
        for needle in ("C01-0001", "14-Jul-1951", "88 1234", "AB"):
            assert needle in text
        assert not any(canary in visitor.get(path).text for canary in CANARIES)
        assert not any(canary in visitor.get(universe.url("survivor")).text for canary in CANARIES)
    assert reveal_events(universe) == [{"reason": "Query to the site: letter 12"}] * 2


def test_reveal_without_a_reason_shows_nothing(universe: Universe) -> None:
    visitor, path = Visitor(universe, "max"), universe.url("survivor", "reveal/")
    for sent in ({}, {"reason_preset": "Other"}, {"reason_preset": "made up"}):
        page = visitor.post(path, sent)
        assert (page.status, "Give the reason" in page.text) == (422, True)
        assert not any(canary in page.text for canary in CANARIES)
    assert reveal_events(universe) == []


def test_reveal_asks_who_is_there_first(universe: Universe) -> None:
    visitor, path = Visitor(universe, "max"), universe.url("survivor", "reveal/")
    session = visitor.client.session
    session["confirmed_at"] = 0
    session.save()
    page = visitor.post(path, REASON)
    assert (page.status, page.url.partition("?")[0]) == (302, "/confirm/")
    assert reveal_events(universe) == []


def test_reveal_is_limited_an_hour_and_the_refusal_is_an_event(universe: Universe) -> None:
    visitor, path = Visitor(universe, "max"), universe.url("survivor", "reveal/")
    key = f"limit:reveal:{universe.users['max'].pk}:"
    assert visitor.post(path, REASON).status == 200
    for name in _keys(key):
        cache.set(name, REVEALS_AN_HOUR)
    page = visitor.post(path, REASON)
    assert (page.status, "Too many" in page.text) == (429, True)
    assert not any(canary in page.text for canary in CANARIES)
    assert reveal_events(universe)[-1] == {"refused": "more than allowed an hour"}
    assert Visitor(universe, "dana").post(path, REASON).status == 200


def _keys(prefix: str) -> list[str]:
    """Of this hour and, should it end meanwhile, the next."""
    return [f"{prefix}{int(time.time() // HOUR) + later}" for later in (0, 1)]


def test_reveal_of_an_erased_record_shows_that(universe: Universe) -> None:
    with acting(system_scope()), transaction.atomic():
        patient = Patient.objects.get(pk=universe.records["survivor"].patient_id)
    erase(patient)
    visitor, path = Visitor(universe, "max"), universe.url("survivor", "reveal/")
    for page in (visitor.get(path), visitor.post(path, REASON)):
        assert (page.status, "nothing to reveal" in page.text) == (200, True)
    with pytest.raises(Erased):
        reveal_identifiers(actor=scope_in_force(universe, "max"), patient=patient, reason="why not")
    assert reveal_events(universe) == []


def test_who_may_not_reveal(universe: Universe) -> None:
    path = universe.url("survivor", "reveal/")
    for username in ("carla", "petra", "ines", "adam"):
        assert Visitor(universe, username).get(path).status == 403
        assert Visitor(universe, username).post(path, REASON).status == 403
    assert Visitor(universe, "mona").post(path, REASON).status == 404
    assert Visitor(universe, "bea").post(path, REASON).status == 403
    assert Visitor(universe, "bea").post(universe.url("stranger", "reveal/"), REASON).status == 200


def test_policy_opens_for_the_one_record_alone(universe: Universe) -> None:
    actor = scope_in_force(universe, "max")
    with acting(system_scope()), transaction.atomic():
        patient = Patient.objects.get(pk=universe.records["survivor"].patient_id)
        foreign = Patient.objects.get(pk=universe.records["stranger"].patient_id)
    with acting(actor), transaction.atomic():
        assert PatientIdentity.objects.count() == 0
        shown = dict(reveal_identifiers(actor=actor, patient=patient, reason="query"))
        assert shown["Record ID"] == "C01-0001"
        assert PatientIdentity.objects.count() == 0
        assert current_scope() == actor
    with pytest.raises(PermissionDenied):
        reveal_identifiers(actor=actor, patient=foreign, reason="query")
    with pytest.raises(ValueError, match="reason"):
        reveal_identifiers(actor=actor, patient=patient, reason=" ")


def scope_in_force(universe: Universe, username: str) -> Scope:
    with acting(system_scope()):
        return scope_of(universe.users[username])


def erase(patient: Patient) -> None:
    erase_identifiers(
        actor=system_scope(), patient=patient, requested_on=date(2026, 1, 2), reason="letter"
    )


def test_no_page_of_a_monitor_shows_an_identifier(universe: Universe) -> None:
    """Every address that can be read, with the ids of a record that has all identifiers."""
    opened = 0
    for username in ("max", "dana"):
        visitor = Visitor(universe, username)
        for path in addresses(universe):
            response = visitor.client.get(path)
            # A test client's response iterates over a stream and over a page alike.
            body = b"".join(response)
            assert not [c for c in CANARIES if c.encode() in body], path
            opened += response.status_code == 200
    assert opened > 12


def addresses(universe: Universe) -> Iterator[str]:
    """Every pattern of the site filled with the survivor's ids."""
    values = {
        "<uuid:record>": str(universe.records["survivor"].public_id),
        "<uuid:row>": str(universe.row_id("survivor", "follow_ups")),
        "<form:form>": "follow_ups",
        "<slug:form>": "csv",
    }
    for route in routes(get_resolver()):
        for name, value in values.items():
            route = route.replace(name, value)
        if "<" not in route and not route.startswith(("^", "static")):
            yield f"/{route}"


def routes(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from routes(pattern, route)
