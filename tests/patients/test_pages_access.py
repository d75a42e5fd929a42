"""Who may open which page: anonymous, other center, right missing, success."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.patients.pages import Visitor, shown, status_of, without_token
from tests.universe import Universe

ABSENT = "00000000-0000-4000-8000-000000000000"
READING = ("", "outcome/")
ENTERING = (
    "baseline/",
    "consent/",
    "courses/new/",
    "prior_therapies/new/",
    "cycles/new/",
    "assessments/new/",
    "local_therapies/new/",
    "systemic_therapies/new/",
    "follow_ups/new/",
    "follow_ups/{row}/",
    "follow_ups/{row}/retract/",
)


def pages_of(universe: Universe, record: str, pages: tuple[str, ...]) -> list[str]:
    row = str(universe.row_id(record, "follow_ups"))
    return [universe.url(record, page.format(row=row)) for page in pages]


def test_stranger_is_sent_to_sign_in(universe: Universe) -> None:
    paths = ["/records/", "/records/new/", *pages_of(universe, "survivor", READING + ENTERING)]
    for path in paths:
        response = Client().get(path)
        assert (response.status_code, response.headers["Location"]) == (
            302,
            f"/sign-in/?next={path}",
        )


def test_search_by_a_stranger_is_sent_to_sign_in(universe: Universe) -> None:
    assert Client().post("/records/find/", {"text": "C01-0001"}).status_code == 302


def test_record_of_another_center_is_as_absent_as_none(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    for path in pages_of(universe, "stranger", READING + ENTERING):
        absent = path.replace(str(universe.records["stranger"].public_id), ABSENT)
        foreign, missing = visitor.get(path), visitor.get(absent)
        assert (foreign.status, missing.status) == (404, 404), path
        assert without_token(foreign.text) == without_token(missing.text)


def test_row_of_another_record_is_absent(universe: Universe) -> None:
    foreign = universe.row_id("stranger", "follow_ups")
    other = universe.row_id("waiting", "follow_ups")
    visitor = Visitor(universe, "carla")
    for row in (foreign, other, ABSENT):
        assert visitor.get(universe.url("survivor", f"follow_ups/{row}/")).status == 404
    assert visitor.get(universe.url("survivor", f"patients/{other}/")).status == 404


@pytest.mark.parametrize("username", ["max", "petra"])
def test_reader_opens_records_but_no_entry_page(universe: Universe, username: str) -> None:
    visitor = Visitor(universe, username)
    for path in ["/records/new/", *pages_of(universe, "survivor", ENTERING)]:
        assert visitor.get(path).status == 403, path
        assert visitor.post(path, {}).status == 403, path
    assert visitor.get(universe.url("survivor")).status == 200
    assert "Amend" not in visitor.get(universe.url("survivor")).text


@pytest.mark.parametrize("username", ["ines", "adam"])
def test_role_without_records_is_refused(universe: Universe, username: str) -> None:
    visitor = Visitor(universe, username)
    for path in ["/records/", "/records/new/", *pages_of(universe, "survivor", READING)]:
        assert visitor.get(path).status == 403, path
    assert visitor.post("/records/find/", {"text": "x"}).status == 403


def test_coordinator_opens_every_page_of_an_own_record(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    for path in ["/records/", "/records/new/", *pages_of(universe, "survivor", READING + ENTERING)]:
        assert visitor.get(path).status == 200, path


def test_right_at_one_center_gives_none_at_another(universe: Universe) -> None:
    """Bea coordinates First and only monitors Second."""
    visitor = Visitor(universe, "bea")
    assert visitor.get(universe.url("stranger")).status == 200
    for path in pages_of(universe, "stranger", ENTERING):
        assert visitor.get(path).status == 403, path
    assert visitor.get("/records/new/?center=C02&disease=melanoma").text.count("<form") >= 1
    assert "record_id" not in visitor.get("/records/new/?center=C02&disease=melanoma").text


def test_only_known_methods_are_answered(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    assert status_of(visitor.client, "/records/find/") == 405
    assert status_of(visitor.client, "/records/", "post") == 405
    assert status_of(visitor.client, universe.url("survivor"), "delete") == 405


def test_identifiers_are_masked_for_a_monitor(universe: Universe) -> None:
    page = Visitor(universe, "max").get(universe.url("survivor"))
    assert shown(page.text, ("C01-0001", "14-Jul-1951", "1951", "88 1234", ">AB<")) == []
    listed = Visitor(universe, "max").get("/records/").text
    assert "C01-0001" not in listed
    assert "hidden" in listed
    assert "C01-0001" in Visitor(universe, "petra").get(universe.url("survivor")).text
