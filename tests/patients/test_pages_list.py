"""The record list: what it shows, filters, order, paging, search, and its queries."""

from __future__ import annotations

import re

import pytest
from django.db import connection, transaction

from analytics.models import Stale
from centers.access import acting, system_scope
from centers.models import AuditEvent
from patients.models import Patient
from patients.queries.lists import ListFilters
from patients.registry_numbers import new_registry_number
from tests.patients.pages import Visitor
from tests.query_counts import pinned_queries
from tests.universe import RENAL, Universe, add_record


def listed(text: str) -> list[str]:
    """Record ids on the list, in order."""
    return re.findall(r'<td class="nowrap">(C\d\d-\d{4})</td>', text)


def number_of(universe: Universe, record: str) -> str:
    with acting(system_scope()), transaction.atomic():
        return Patient.objects.get(pk=universe.records[record].patient_id).registry_number


def test_list_shows_own_records_with_status_and_counts(universe: Universe) -> None:
    text = Visitor(universe, "carla").get("/records/?order=eligible").text
    assert set(listed(text)[:2]) == {"C01-0003", "C01-0004"}
    assert listed(text)[2:] == ["C01-0002", "C01-0001"]
    assert "4 of 4" in text
    assert number_of(universe, "stranger") not in text
    row = text[text.index("C01-0001") :]
    assert re.findall(r"<b[^>]*>(\d+)</b>", row)[:5] == ["1", "1", "2", "4", "6"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("disease=melanoma", {"C01-0001", "C01-0003"}),
        ("eligible=yes", {"C01-0001"}),
        ("eligible=unknown", {"C01-0002"}),
        ("eligible=no&disease=renal_cell", {"C01-0004"}),
        ("eligible=recomputing", set()),
        ("disease=nonsense", {"C01-0001", "C01-0002", "C01-0003", "C01-0004"}),
        ("center=C02", {"C01-0001", "C01-0002", "C01-0003", "C01-0004"}),
        ("order=public_id", {"C01-0001", "C01-0002", "C01-0003", "C01-0004"}),
    ],
)
def test_filters_come_from_the_address_and_allow_lists(
    universe: Universe, query: str, expected: set[str]
) -> None:
    text = Visitor(universe, "carla").get(f"/records/?{query}").text
    assert set(listed(text)) == expected
    assert f"{len(expected)} of 4" in text


def test_center_filter_is_offered_to_who_has_several(universe: Universe) -> None:
    visitor = Visitor(universe, "bea")
    assert 'name="center"' not in Visitor(universe, "carla").get("/records/").text
    text = visitor.get("/records/?center=C02").text
    assert "1 of 5" in text
    assert number_of(universe, "stranger") in text
    assert "C02-0001" not in text  # Bea only monitors Second


@pytest.mark.parametrize("order", ["number", "disease", "eligible", "changed", "center"])
def test_every_order_of_the_allow_list_is_reversed_by_a_minus(
    universe: Universe, order: str
) -> None:
    visitor = Visitor(universe, "bea")
    up = visitor.get(f"/records/?order={order}").text
    down = visitor.get(f"/records/?order=-{order}").text
    assert 'aria-sort="ascending"' in up
    assert 'aria-sort="descending"' in down
    assert len(re.findall("aria-sort", up)) == 1


def test_marked_record_is_listed_as_recomputing(universe: Universe) -> None:
    with acting(system_scope()), transaction.atomic(using="owner"):
        saved = universe.records["survivor"]
        Stale.objects.using("owner").create(
            patient_id=saved.patient_id, center_id=universe.centers["C01"].pk, version=1
        )
    text = Visitor(universe, "carla").get("/records/?eligible=recomputing").text
    assert listed(text) == ["C01-0001"]


def test_withdrawn_record_has_no_eligibility(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    visitor.fill(universe.url("untreated", "consent/"), reason="Letter of today")
    text = visitor.get("/records/").text
    assert "Recomputing" in text[text.index("C01-0004") :][:600]


def test_fifty_records_fill_a_page(universe: Universe) -> None:
    center = universe.centers["C01"]
    for number in range(5, 53):
        forms = {"patients": [{**RENAL, "record_id": f"C01-{number:04}", "sex": "female"}]}
        add_record(center, forms)
    visitor = Visitor(universe, "carla")
    first = visitor.get("/records/?order=number").text
    second = visitor.get("/records/?order=number&page=2").text
    assert (len(listed(first)), len(listed(second))) == (50, 2)
    assert not set(listed(first)) & set(listed(second))
    assert "52 of 52" in first
    assert "order=number&amp;page=2" in first
    assert visitor.get("/records/?page=99").status == 200
    with pinned_queries("record_list"):
        visitor.get("/records/?order=number")


def test_list_needs_a_fixed_number_of_queries(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    with pinned_queries("record_list"):
        visitor.get("/records/")
    with pinned_queries("record_list.filtered"):
        visitor.get("/records/?disease=melanoma&eligible=yes")


def test_reading_identifiers_is_an_event(universe: Universe) -> None:
    Visitor(universe, "carla").get("/records/")
    Visitor(universe, "max").get("/records/")
    with acting(system_scope()), transaction.atomic():
        events = AuditEvent.objects.filter(operation="read")
        assert [event.actor_id for event in events] == [universe.users["carla"].pk]
        assert "C01-0001" not in str([event.after for event in events])


@pytest.mark.parametrize("text", ["C01-0002", "  C01-0002 "])
def test_search_by_record_id_leads_to_the_record(universe: Universe, text: str) -> None:
    page = Visitor(universe, "carla").post("/records/find/", {"text": text})
    assert (page.status, page.url) == (302, universe.url("waiting"))


def test_search_by_registry_number_leads_to_the_record(universe: Universe) -> None:
    number = number_of(universe, "waiting")
    for username in ("carla", "max"):
        page = Visitor(universe, username).post("/records/find/", {"text": number.lower()})
        assert (page.status, page.url) == (302, universe.url("waiting"))


def test_search_finds_nothing_outside_the_scope(universe: Universe) -> None:
    foreign = number_of(universe, "stranger")
    for text in (foreign, "C02-0001", "", new_registry_number(), "C01-000"):
        page = Visitor(universe, "carla").post("/records/find/", {"text": text})
        assert page.status == 200
        assert "0 found" in page.text
    assert "0 found" in Visitor(universe, "max").post("/records/find/", {"text": "C01-0001"}).text


def test_search_that_finds_several_lists_them(universe: Universe) -> None:
    twin = {"patients": [{**RENAL, "record_id": "SAME", "sex": "female"}]}
    for center in universe.centers.values():
        add_record(center, twin)
    otto = universe.users["otto"]
    with acting(system_scope()), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "update centers_membership set user_id = %s where user_id = %s",
            [universe.users["carla"].pk, otto.pk],
        )
    page = Visitor(universe, "carla").post("/records/find/", {"text": "SAME"})
    assert "2 found" in page.text


def test_filters_keep_only_what_is_allowed() -> None:
    filters = ListFilters.read({"disease": ["melanoma"], "order": "--number"}, {"C01"})
    assert (filters.disease, filters.order) == ("", "-changed")
