"""The history of a record: what changed, who, when, why; identifiers never; who looked."""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import closing
from dataclasses import dataclass

import pytest
from django.test import Client

from centers.cells import harmless
from patients.actions.changes import RowChange
from tests.audit_trail import verify_live
from tests.patients.pages import Visitor, shown, without_token
from tests.query_counts import pinned_queries
from tests.universe import Universe, amend_record, read_values

ABSENT = "00000000-0000-4000-8000-000000000000"
SECRETS = ("C01-0001", "1951", "14-Jul", "88 1234", "88 9999", "ZZ", ">AB<")


@dataclass(frozen=True)
class Story:
    """The survivor after three changes, and its history's address."""

    universe: Universe
    url: str
    row: str

    def page(self, username: str, query: str = "") -> str:
        page = Visitor(self.universe, username).get(f"{self.url}{query}")
        assert page.status == 200
        return page.text


@pytest.fixture
def story(universe: Universe) -> Story:
    """A follow-up is amended and retracted; identifiers and baseline change."""
    key = universe.row_key("survivor", "follow_ups")
    row = str(universe.row_id("survivor", "follow_ups"))
    values = read_values("follow_ups", {"date": "2001-06-18", "source": "phone"})
    amend_record(universe, "survivor", [RowChange("follow_ups", values, key)])
    secret = read_values("patients", {"mrn": "88 9999", "initials": "ZZ", "ecog": "UNK"})
    amend_record(universe, "survivor", [RowChange("patients", secret)])
    amend_record(universe, "survivor", [RowChange("follow_ups", {}, key, retract=True)])
    return Story(universe, universe.url("survivor", "history/"), row)


def main_of(text: str) -> str:
    """The page without its banner, which shows identifiers to those who may see them."""
    return text[text.index("<main") : text.index("</main>")]


def test_history_says_what_changed_from_what_to_what_and_why(story: Story) -> None:
    text = main_of(story.page("carla", f"?form=follow_ups&row={story.row}"))
    assert "3 events" in text
    actions = re.findall(r"<strong>(\w+)</strong> <span", text)
    assert actions == ["Retracted", "Amended", "Entered"]
    assert "14-May-2001" in text
    assert "18-Jun-2001" in text
    assert "Visit" in text
    assert "Phone" in text
    assert "Made by a test" in text
    assert "System" in text


def test_history_of_a_field_leaves_other_changes_out(story: Story) -> None:
    text = main_of(story.page("carla", "?form=patients&field=ecog"))
    assert "2 events" in text
    assert "Unknown" in text
    assert "0 events" in main_of(story.page("carla", "?form=patients&field=ecog&kind=retracted"))


def test_history_shows_no_identifier_even_to_those_who_see_them(story: Story) -> None:
    for username in ("carla", "petra", "max", "dana"):
        for query in ("", "?kind=readings"):
            text = main_of(story.page(username, query))
            assert shown(text, SECRETS) == [], query
        sealed = main_of(story.page(username, "?form=patients&field=identifiers"))
        assert shown(sealed, SECRETS) == []
        assert "changed (sealed)" in sealed
        assert "2 events" in sealed


def test_readings_name_who_looked_at_the_record_and_at_lists(story: Story) -> None:
    visitor = Visitor(story.universe, "petra")
    visitor.get(story.universe.url("survivor"))
    visitor.get("/records/")
    Visitor(story.universe, "bea").get(story.universe.url("waiting"))
    text = main_of(story.page("max", "?kind=readings"))
    assert text.count('<th scope="row">') == 2
    assert "Petra Example" in text
    assert "page record list" in text
    assert "Bea Example" not in text


def test_filters_by_person_and_day_take_only_what_is_on_the_lists(story: Story) -> None:
    everything = main_of(story.page("carla"))
    for query in ("?kind=x", "?form=centers", "?field=ecog", "?person=x", "?from=soon&to=99"):
        assert main_of(story.page("carla", query)).count("<tr>") == everything.count("<tr>"), query
    nobody = f"?person={story.universe.users['carla'].public_id}"
    assert "0 events" in main_of(story.page("carla", nobody))
    assert "0 events" in main_of(story.page("carla", "?to=2001-01-01"))


def test_pages_hold_fifty_events_and_keep_the_filter(story: Story) -> None:
    key = story.universe.row_key("survivor", "assessments")
    for day in range(10, 36):
        values = read_values("assessments", {"date": f"1999-07-{day % 20 + 10}"})
        amend_record(story.universe, "survivor", [RowChange("assessments", values, key)])
    first = main_of(story.page("carla", "?kind="))
    assert first.count('<th scope="row">') <= 50
    amended = main_of(story.page("carla", "?kind=amended&page=99"))
    assert "Retracted" not in amended.split("<tbody>")[1]


def test_history_pages_are_guarded(story: Story) -> None:
    universe = story.universe
    pages = ("history/", "history/events.csv", "history/events.jsonl")
    for page in pages:
        own, foreign = universe.url("survivor", page), universe.url("stranger", page)
        assert Client().get(own).status_code == 302
        carla = Visitor(universe, "carla")
        with closing(carla.client.get(own)) as response:
            assert response.status_code == 200
        absent = foreign.replace(str(universe.records["stranger"].public_id), ABSENT)
        other, none = carla.get(foreign), carla.get(absent)
        assert (other.status, none.status) == (404, 404)
        assert without_token(other.text) == without_token(none.text)
        for username in ("ines", "adam"):
            assert Visitor(universe, username).get(own).status == 403
        assert carla.post(own, {}).status == 405
    assert (
        Visitor(universe, "carla").get(universe.url("survivor", "history/events.xml")).status == 404
    )


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "|x"])
def test_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless(f"a{text}") == f"a{text}"


def test_csv_has_one_line_a_changed_field_and_no_identifier(story: Story) -> None:
    url = f"{story.url}events.csv?form=follow_ups&kind=amended"
    response = Visitor(story.universe, "carla").client.get(url)
    text = b"".join(response.streaming_content).decode()
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [(line["field"], line["old"], line["new"]) for line in lines] == [
        ("Date", "14-May-2001", "18-Jun-2001"),
        ("Source", "Visit", "Phone"),
    ]
    assert {line["reason"] for line in lines} == {"Made by a test"}
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in response.headers["Content-Disposition"]
    assert response.headers["Cache-Control"] == "no-store"
    whole = Visitor(story.universe, "carla").client.get(f"{story.url}events.csv")
    everything = b"".join(whole.streaming_content).decode()
    assert shown(everything, SECRETS) == []


def test_json_lines_hold_every_event_and_no_key_of_the_database(story: Story) -> None:
    response = Visitor(story.universe, "carla").client.get(f"{story.url}events.jsonl")
    text = b"".join(response.streaming_content).decode()
    lines = [json.loads(line) for line in text.splitlines()]
    assert {line["operation"] for line in lines} == {"insert", "update"}
    amended = next(line for line in lines if line["table"] == "patients_follow_up")
    assert amended["after"]["retracted"] is True
    keys = {key for line in lines for key in (line["after"] or {})}
    assert not {key for key in keys if key.endswith("_id") and key != "public_id"}
    assert "id" not in keys
    assert "sealed" not in keys
    assert shown(text, SECRETS) == []
    exports = main_of(story.page("max"))
    assert "Exported" not in exports


def test_download_is_an_event_and_asks_who_is_there(story: Story) -> None:
    visitor = Visitor(story.universe, "carla")
    session = visitor.client.session
    session["confirmed_at"] = 0
    session.save()
    page = visitor.get(f"{story.url}events.csv?form=follow_ups")
    assert page.status == 302
    assert page.url.startswith("/confirm/?next=")
    assert "form%3Dfollow_ups" in page.url


def test_history_needs_the_same_queries_for_any_number_of_events(story: Story) -> None:
    visitor = Visitor(story.universe, "max")
    visitor.get(story.url)
    with pinned_queries("record_history"):
        visitor.get(story.url)


def test_record_page_links_the_history_of_every_row(story: Story) -> None:
    text = Visitor(story.universe, "carla").get(story.universe.url("survivor")).text
    assert f"history/?form=follow_ups&amp;row={story.row}" in text


def test_trail_verifies_with_readings_and_exports_in_it(story: Story) -> None:
    visitor = Visitor(story.universe, "carla")
    visitor.get(story.url)
    visitor.get("/records/")
    b"".join(visitor.client.get(f"{story.url}events.csv").streaming_content)
    assert verify_live().findings == []
