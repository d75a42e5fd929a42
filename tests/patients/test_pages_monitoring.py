"""Monitors' lists: locks and signatures, open queries."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

from django.db import transaction
from django.test import Client
from django.utils import timezone

from centers.access import acting, system_scope
from patients.models import Patient, Query
from tests.patients.pages import Visitor
from tests.patients.signing import lock, sign, signing
from tests.patients.test_pages_record import words
from tests.patients.test_pages_signing import ABSENT, amend
from tests.query_counts import pinned_queries
from tests.universe import Universe

LOCKS, QUERIES = "/monitoring/locks/", "/monitoring/queries/"


def numbers(universe: Universe) -> dict[str, str]:
    """Registry number -> name of the record."""
    names = {saved.patient_id: name for name, saved in universe.records.items()}
    with acting(system_scope()), transaction.atomic():
        found = Patient.objects.values_list("registry_number", "id")
        return {number: names[key] for number, key in found}


def listed(universe: Universe, text: str) -> set[str]:
    """Names of the records on a list."""
    known = numbers(universe)
    return {known[n] for n in re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)<', text)}


def test_lists_are_for_those_who_monitor(universe: Universe) -> None:
    for path in (LOCKS, QUERIES):
        assert Client().get(path).headers["Location"] == f"/sign-in/?next={path}"
    statuses = {
        name: [Visitor(universe, name).get(path).status for path in (LOCKS, QUERIES)]
        for name in ("carla", "petra", "max", "bea", "dana", "ines", "adam")
    }
    assert statuses == {
        "carla": [403, 403],
        "petra": [200, 403],
        "max": [200, 200],
        "bea": [200, 200],
        "dana": [200, 200],
        "ines": [403, 403],
        "adam": [403, 403],
    }


def test_lock_list_shows_records_of_monitored_centers_alone(universe: Universe) -> None:
    own = {"survivor", "waiting", "progressed", "untreated"}
    for name, expected in (("max", own), ("bea", {"stranger"}), ("dana", {*own, "stranger"})):
        assert listed(universe, Visitor(universe, name).get(LOCKS).text) == expected


def test_lock_list_filters_by_state_and_counts_each(universe: Universe) -> None:
    sign(universe, "survivor")
    sign(universe, "waiting")
    amend(universe, "waiting")
    lock(universe, "survivor", "untreated")
    expected = {
        "unsigned": {"waiting", "progressed", "untreated"},
        "verified": set(),
        "signed": {"survivor"},
        "broken": {"waiting"},
        "locked": {"survivor", "untreated"},
        "unlocked": {"waiting", "progressed"},
    }
    visitor = Visitor(universe, "max")
    for state, records in expected.items():
        page = visitor.get(f"{LOCKS}?state={state}")
        assert listed(universe, page.text) == records, state
        chosen = re.search(r"<option [^>]+ selected>[^<]+\((\d+)\)", page.text)
        assert chosen is not None
        assert int(chosen[1]) == len(records), state
    dana = Visitor(universe, "dana")
    assert listed(universe, dana.get(f"{LOCKS}?center=C02").text) == {"stranger"}
    strange = visitor.get(f"{LOCKS}?state=x'&center=C02&page=99")
    assert len(listed(universe, strange.text)) == 4


def test_principal_investigator_finds_what_to_verify_and_sign(universe: Universe) -> None:
    sign(universe, "survivor")
    text = Visitor(universe, "petra").get(f"{LOCKS}?state=unsigned").text
    assert listed(universe, text) == {"waiting", "progressed", "untreated"}
    assert f'href="{universe.url("waiting", "verify/")}"' in text
    assert 'type="checkbox"' not in text
    assert Visitor(universe, "petra").post(LOCKS, {"record": [_id(universe)]}).status == 403


def _id(universe: Universe, record: str = "survivor") -> str:
    return str(universe.records[record].public_id)


def test_chosen_records_are_locked_in_one_step_with_one_reason(universe: Universe) -> None:
    visitor = Visitor(universe, "max")
    chosen = [_id(universe), _id(universe, "waiting")]
    refused = visitor.post(LOCKS, {"record": chosen, "reason": " "})
    assert refused.status == 422
    assert "Give the reason" in refused.text
    assert refused.text.count(" checked>") == 2
    assert visitor.post(LOCKS, {"reason": "Data cut"}).status == 422
    address = f"{LOCKS}?state=unlocked"
    answer = visitor.post(address, {"record": chosen, "reason": "Data cut"})
    assert (answer.status, answer.url) == (302, address)
    assert "2 records are locked now." in visitor.get(address).text
    for record in ("survivor", "waiting"):
        held = signing(universe, record).lock
        assert held is not None
        assert held.reason == "Data cut"


def test_list_locks_nothing_when_one_record_is_foreign(universe: Universe) -> None:
    visitor = Visitor(universe, "max")
    for other in (_id(universe, "stranger"), ABSENT, "x"):
        values = {"record": [_id(universe), other], "reason": "x"}
        assert visitor.post(LOCKS, values).status == 404
    bea = Visitor(universe, "bea")
    assert bea.post(LOCKS, {"record": [_id(universe)], "reason": "x"}).status == 403
    assert signing(universe, "survivor").lock is None


def _open(universe: Universe, record: str, days: int = 0, check: str = "weight.range") -> uuid.UUID:
    with acting(system_scope()), transaction.atomic():
        patient = Patient.objects.get(pk=universe.records[record].patient_id)
        query = Query.objects.create(
            center_id=patient.center_id,
            patient=patient,
            check_id=check,
            form_name="patients",
            message=f"Weight of {record}",
            opened_by_id=1,
        )
        opened = timezone.now() - timedelta(days=days, hours=1)
        Query.objects.filter(pk=query.pk).update(opened_at=opened)
        return query.public_id


def test_query_list_shows_open_ones_of_monitored_centers_by_filters(universe: Universe) -> None:
    with acting(system_scope()), transaction.atomic():
        Query.objects.update(closed_at=timezone.now())
    _open(universe, "survivor", 400)
    _open(universe, "waiting", 40, check="ldh.range")
    _open(universe, "stranger", 2)

    def found(username: str, query: str = "") -> list[str]:
        text = Visitor(universe, username).get(QUERIES + query).text
        return re.findall(r"Weight of (\w+)", text)

    assert found("max") == ["survivor", "waiting"]
    assert found("bea") == ["stranger"]
    assert found("dana") == ["survivor", "waiting", "stranger"]
    assert found("dana", "?center=C02") == ["stranger"]
    assert found("max", "?check=ldh.range") == ["waiting"]
    assert found("max", "?age=90") == ["survivor"]
    assert found("max", "?age=30") == ["survivor", "waiting"]
    assert found("max", "?age=1;drop&check=%27&center=C02") == ["survivor", "waiting"]
    text = Visitor(universe, "max").get(QUERIES).text
    assert f'href="{universe.url("survivor")}#patients"' in text
    assert '<td class="num">400</td>' in text


def test_query_is_closed_with_a_note_once(universe: Universe) -> None:
    query = _open(universe, "survivor")
    path = f"{QUERIES}{query}/"
    visitor = Visitor(universe, "max")
    assert "Weight of survivor" in visitor.get(path).text
    assert visitor.fill(path, note=" ").status == 422
    assert visitor.fill(path, note="Scale was broken").url == QUERIES
    assert visitor.post(path, {"note": "again"}).url == QUERIES
    with acting(system_scope()), transaction.atomic():
        closed = Query.objects.get(public_id=query)
    assert closed.closing_note == "Scale was broken"
    assert closed.closed_by_id == universe.users["max"].pk
    assert closed.closed_at is not None
    shown = words(visitor.get(path).text)
    assert "by Max Example" in shown
    assert "Scale was broken" in shown


def test_query_of_another_center_is_absent(universe: Universe) -> None:
    foreign = _open(universe, "stranger")
    visitor = Visitor(universe, "max")
    for query in (foreign, ABSENT):
        assert visitor.get(f"{QUERIES}{query}/").status == 404
        assert visitor.post(f"{QUERIES}{query}/", {"note": "x"}).status == 404
    own = _open(universe, "survivor")
    bea = Visitor(universe, "bea")  # coordinator there, monitor elsewhere
    assert bea.get(f"{QUERIES}{own}/").status == 404
    assert Visitor(universe, "carla").get(f"{QUERIES}{own}/").status == 403


def test_record_page_shows_its_open_queries_to_the_site(universe: Universe) -> None:
    query = _open(universe, "survivor")
    carla = Visitor(universe, "carla")
    assert "Weight of survivor" in carla.get(universe.url("survivor")).text
    Visitor(universe, "max").fill(f"{QUERIES}{query}/", note="Answered")
    assert "Weight of survivor" not in carla.get(universe.url("survivor")).text


def test_lists_need_the_same_queries_whatever_is_on_them(universe: Universe) -> None:
    sign(universe, "survivor")
    lock(universe, "waiting")
    _open(universe, "survivor")
    visitor = Visitor(universe, "max")
    with pinned_queries("lock_list"):
        visitor.get(LOCKS)
    with pinned_queries("query_list"):
        visitor.get(QUERIES)
