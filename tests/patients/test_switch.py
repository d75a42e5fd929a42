"""Go to a record: search by what identifies, and the records that a person opened last."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache
from django.db import transaction

from centers.access import acting, scope_of, system_scope
from patients.actions.retirement import retire_record
from patients.models import Patient, Visit
from tests.patients.pages import Visitor
from tests.query_counts import pinned_queries
from tests.universe import Universe


def numbers(universe: Universe) -> dict[str, str]:
    with acting(system_scope()), transaction.atomic():
        found = dict(Patient.objects.values_list("id", "registry_number"))
    return {name: found[saved.patient_id] for name, saved in universe.records.items()}


def recent(visitor: Visitor, query: str = "") -> list[str]:
    text = visitor.get(f"/records/switch/{query}").text
    return re.findall(r">(IL2-\d{8}-\d)</a>", text)


@pytest.mark.parametrize("text", ["14-Jul-1951", "14.7.1951", "1951-07-14", "ab", "AB"])
def test_birth_date_and_initials_lead_to_the_record_where_permitted(
    universe: Universe, text: str
) -> None:
    cache.clear()
    page = Visitor(universe, "carla").post("/records/find/", {"text": text})
    assert page.url == universe.url("survivor")
    for username in ("max", "otto", "dana"):
        page = Visitor(universe, username).post("/records/find/", {"text": text})
        assert (page.status, "0 found" in page.text) == (200, True), username


def test_last_records_are_offered_to_who_opened_them(universe: Universe) -> None:
    number = numbers(universe)
    visitor = Visitor(universe, "bea")
    assert "No record yet" in visitor.get("/records/switch/").text
    for name in ("survivor", "stranger", "waiting", "survivor"):
        visitor.get(universe.url(name))
    shown = [number[name] for name in ("survivor", "waiting", "stranger")]
    assert recent(visitor) == recent(visitor, "?part=1") == shown
    assert "<html" not in visitor.get("/records/switch/?part=1").text
    with pinned_queries("record_switch"):
        visitor.get("/records/switch/")
    assert recent(Visitor(universe, "carla")) == []
    with acting(scope_of(universe.users["carla"])), transaction.atomic():
        assert Visit.objects.count() == 0
    actor = scope_of(universe.users["carla"])
    with acting(actor), transaction.atomic():
        patient = Patient.objects.get(pk=universe.records["waiting"].patient_id)
    retire_record(actor=actor, patient=patient, reason="Entered twice")
    assert recent(visitor) == [number["survivor"], number["stranger"]]
