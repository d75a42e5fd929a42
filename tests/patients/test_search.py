"""Exact search in own centers; nothing tells whether another center has the number."""

from __future__ import annotations

import time
from statistics import median

import pytest
from django.core.cache import cache
from django.db import transaction

from centers.access import acting, system_scope
from centers.models import AuditEvent
from patients.actions.changes import RowChange
from patients.models import Patient
from tests.patients.pages import Visitor, without_token
from tests.universe import RECORDS, Universe, add_record, amend_record, read_values


@pytest.fixture(autouse=True)
def _no_counts(database: None) -> None:
    """Accounts of another test may have had the same key."""
    cache.clear()


def number_of(universe: Universe, record: str) -> str:
    with acting(system_scope()), transaction.atomic():
        return Patient.objects.get(pk=universe.records[record].patient_id).registry_number


def give_mrn(universe: Universe, record: str, mrn: str) -> None:
    amend_record(universe, record, [RowChange("patients", read_values("patients", {"mrn": mrn}))])


def test_mrn_finds_as_it_is_normalised_where_identifiers_are_permitted(universe: Universe) -> None:
    for username in ("carla", "petra", "bea"):
        visitor = Visitor(universe, username)
        for text in ("88 1234", "881234", " 88  1234 "):
            page = visitor.post("/records/find/", {"text": text})
            assert page.url == universe.url("survivor"), (username, text)
        for text in ("88123", "8812345", "%", "88 123_"):
            assert visitor.post("/records/find/", {"text": text}).status == 200
    for username in ("max", "dana"):
        page = Visitor(universe, username).post("/records/find/", {"text": "88 1234"})
        assert (page.status, "0 found" in page.text) == (200, True)
        number = number_of(universe, "survivor")
        found = Visitor(universe, username).post("/records/find/", {"text": number.lower()})
        assert found.url == universe.url("survivor")


def test_two_records_of_a_person_are_both_found(universe: Universe) -> None:
    give_mrn(universe, "waiting", "881234")
    page = Visitor(universe, "carla").post("/records/find/", {"text": "88 1234"})
    assert (page.status, "2 found" in page.text) == (200, True)


def test_equal_mrn_of_another_center_changes_no_answer(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    before = visitor.post("/records/find/", {"text": "77-99"})
    give_mrn(universe, "stranger", "77-99")
    after = visitor.post("/records/find/", {"text": "77-99"})
    assert "0 found" in after.text
    assert without_token(before.text) == without_token(after.text)
    assert Visitor(universe, "otto").post("/records/find/", {"text": "77-99"}).status == 302


def test_foreign_and_absent_mrn_take_the_same_time(universe: Universe) -> None:
    give_mrn(universe, "stranger", "77-99")
    visitor = Visitor(universe, "carla")
    seconds: dict[str, list[float]] = {"77-99": [], "66-88": []}
    for _ in range(9):
        for text, taken in seconds.items():
            start = time.perf_counter()
            visitor.post("/records/find/", {"text": text})
            taken.append(time.perf_counter() - start)
    foreign, absent = (median(taken) for taken in seconds.values())
    assert 0.5 < foreign / absent < 2


def test_search_is_an_event_without_what_was_typed(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    visitor.post("/records/find/", {"text": "88 1234"})
    visitor.post("/records/find/", {"text": "Canary 4711"})
    with acting(system_scope()), transaction.atomic():
        events = list(AuditEvent.objects.filter(operation="search").order_by("id"))
    center = universe.centers["C01"].pk
    assert [event.center_id for event in events] == [center, center]
    assert events[0].after["patient_ids"] == [universe.records["survivor"].patient_id]
    assert events[1].after["found"] == 0
    assert not any(word in str(e.after) for e in events for word in ("88", "Canary"))


def test_search_is_limited_an_hour(universe: Universe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patients.views.records.FINDS_AN_HOUR", 2)
    visitor = Visitor(universe, "carla")
    statuses = [visitor.post("/records/find/", {"text": "88 1234"}).status for _ in range(3)]
    assert statuses == [302, 302, 429]
    assert Visitor(universe, "petra").post("/records/find/", {"text": "88 1234"}).status == 302
    with acting(system_scope()), transaction.atomic():
        last = AuditEvent.objects.filter(operation="search").order_by("-id")[1]
    assert last.after["refused"] == "more than allowed an hour"


def test_record_id_of_another_center_is_not_found(universe: Universe) -> None:
    add_record(universe.centers["C02"], {**RECORDS["survivor"][1]})
    page = Visitor(universe, "otto").post("/records/find/", {"text": "C01-0001"})
    assert page.status == 302
    page = Visitor(universe, "mona").post("/records/find/", {"text": "C01-0001"})
    assert "0 found" in page.text
