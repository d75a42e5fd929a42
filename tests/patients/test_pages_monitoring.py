"""The list of locks and signatures."""

from __future__ import annotations

import re

from django.db import transaction
from django.test import Client

from centers.access import acting, system_scope
from patients.models import Patient
from tests.patients.pages import Visitor
from tests.patients.signing import lock, sign, signing
from tests.patients.test_pages_signing import ABSENT, amend
from tests.query_counts import pinned_queries
from tests.universe import Universe

LOCKS = "/monitoring/locks/"


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


def test_list_is_for_those_who_monitor(universe: Universe) -> None:
    assert Client().get(LOCKS).headers["Location"] == f"/sign-in/?next={LOCKS}"
    statuses = {
        name: Visitor(universe, name).get(LOCKS).status
        for name in ("carla", "petra", "max", "bea", "dana", "ines", "adam")
    }
    assert statuses == {
        "carla": 403,
        "petra": 200,
        "max": 200,
        "bea": 200,
        "dana": 200,
        "ines": 403,
        "adam": 403,
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


def test_lists_need_the_same_queries_whatever_is_on_them(universe: Universe) -> None:
    sign(universe, "survivor")
    lock(universe, "waiting")
    visitor = Visitor(universe, "max")
    with pinned_queries("lock_list"):
        visitor.get(LOCKS)
