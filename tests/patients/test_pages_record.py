"""The record page: outcome with evidence, recomputing, every form's rows, timeline."""

from __future__ import annotations

import re

import pytest
from django.db import transaction

from analytics.derivation.stale import drain
from centers.access import acting, system_scope
from centers.models import AuditEvent
from patients.actions.records import RowChange
from tests.patients.pages import Visitor
from tests.query_counts import pinned_queries
from tests.universe import Universe, amend_record, read_values


def words(html: str) -> str:
    """Text of a page with single spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_page_shows_outcome_with_reasons_and_four_variants(universe: Universe) -> None:
    text = words(Visitor(universe, "carla").get(universe.url("survivor")).text)
    assert "Long-term cohort Eligible" in text
    for title in ("PFS Primary 12+", "PFS FDA 12+", "PFS EMA 12+", "PFS Worst case 12+"):
        assert title in text
    assert "Censored: end of follow-up" in text
    assert "Overall survival 12+" in text
    assert "rule set 1" in text
    assert "Cutoff 30-Jun-2017" in text
    assert "No later systemic therapy A contact on or after the anniversary attests" in text


def test_evidence_links_lead_to_rows_of_the_page(universe: Universe) -> None:
    for record in ("survivor", "waiting", "progressed", "untreated"):
        text = Visitor(universe, "carla").get(universe.url(record)).text
        targets = set(re.findall(r'href="#([\w-]+)"', text)) - {"main"}
        anchors = re.findall(r'\bid="([\w-]+)"', text)
        assert targets <= set(anchors)
        assert len(anchors) == len(set(anchors))
        assert "patients" in targets


def test_unknown_says_which_entry_would_decide(universe: Universe) -> None:
    text = words(Visitor(universe, "carla").get(universe.url("waiting")).text)
    assert "Eligibility unknown" in text
    assert "What would decide: A follow-up contact, alive, on or after 09-Jan-2011" in text


def test_event_ends_without_plus_and_flags_are_shown(universe: Universe) -> None:
    text = words(Visitor(universe, "carla").get(universe.url("progressed")).text)
    assert "PFS Primary 2 798" in text
    assert "Event: progression" in text
    assert "Long gap without assessment before the event" in text
    assert "Died Aug-2003 (day not known) (41 y)" in text.replace("\xa0", " ").replace(
        "&nbsp;", " "
    )
    assert "Deceased" in text


def test_untreated_record_has_no_survival(universe: Universe) -> None:
    text = words(Visitor(universe, "carla").get(universe.url("untreated")).text)
    assert "Not eligible" in text
    assert "there is no PFS and no overall survival" in text


def test_interval_of_partial_dates_is_shown(universe: Universe) -> None:
    row = read_values("cycles", {"start_date": "1999-05"})
    cycle = universe.row_key("survivor", "cycles")
    amend_record(universe, "survivor", [RowChange("cycles", row, row_id=cycle)])
    drain()
    text = words(Visitor(universe, "carla").get(universe.url("survivor")).text)
    assert "4,424 4,424 to 4,433" in text


def test_changed_record_says_recomputing_until_the_worker_has_derived(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    change = RowChange("follow_ups", read_values("follow_ups", {"date": "2012-02-20"}))
    row = universe.row_key("waiting", "follow_ups")
    amend_record(universe, "waiting", [RowChange("follow_ups", change.values, row_id=row)])
    page = visitor.get(universe.url("waiting"))
    assert "Recomputing" in page.text
    assert 'aria-live="polite"' in page.text
    assert "outcome.js" in page.text
    assert "is of before the change" in page.text
    assert visitor.get(universe.url("waiting", "outcome/")).status == 204
    drain()
    fragment = visitor.get(universe.url("waiting", "outcome/"))
    assert fragment.status == 200
    assert "<html" not in fragment.text
    assert 'id="record-status"' in fragment.text
    assert "Recomputing" not in fragment.text
    assert "20-Feb-2012" in fragment.text
    after = visitor.get(universe.url("waiting"))
    assert "outcome.js" not in after.text
    assert "Eligible" in after.text


def test_withdrawn_record_says_that_it_is_left_out(universe: Universe) -> None:
    values = read_values("patients", {"consent": "withdrawn"})
    amend_record(universe, "survivor", [RowChange("patients", values)])
    drain()
    text = words(Visitor(universe, "carla").get(universe.url("survivor")).text)
    assert "Consent withdrawn" in text
    assert "left out of every outcome" in text
    assert "Withdraw consent" not in text


def test_retracted_row_is_struck_out_and_cannot_be_amended(universe: Universe) -> None:
    row = universe.row_key("survivor", "assessments")
    amend_record(universe, "survivor", [RowChange("assessments", row_id=row, retract=True)])
    public_id = universe.row_id("survivor", "assessments")
    visitor = Visitor(universe, "carla")
    text = visitor.get(universe.url("survivor")).text
    assert "data-retracted" in text
    assert f'assessments/{public_id}/"' not in text
    assert visitor.get(universe.url("survivor", f"assessments/{public_id}/")).status == 404


def test_retraction_is_undone_with_a_reason_and_checked_again(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    course = universe.url("survivor", f"courses/{universe.row_id('survivor', 'courses')}/")
    assert visitor.get(f"{course}restore/").url == universe.url("survivor")
    assert visitor.fill(f"{course}retract/", reason="Wrong person").status == 302
    cycle = universe.url("survivor", f"cycles/{universe.row_id('survivor', 'cycles')}/restore/")
    refused = visitor.fill(cycle, reason="Was right")
    assert refused.status == 422  # a cycle stands in no retracted course
    assert visitor.fill(f"{course}restore/").status == 422
    page = visitor.get(f"{course}restore/")
    assert "2 retracted cycles of the course come back" in page.text
    # What is unlikely in the record is asked again: the whole of it is checked.
    again = visitor.post(f"{course}restore/", {**page.form, "reason": "Was right"})
    asked = dict.fromkeys(re.findall(r'name="(confirm[^"]+)"', again.text), "As in the chart")
    sent = {**again.form, **asked, "reason": "Was right"}
    assert visitor.post(f"{course}restore/", sent).status == 302
    assert "data-retracted" not in visitor.get(universe.url("survivor")).text
    with acting(system_scope()), transaction.atomic():
        rows = AuditEvent.objects.filter(operation="update", reason="Was right")
        assert sorted(rows.values_list("table_name", flat=True)) == [
            "patients_course",
            "patients_cycle",
            "patients_cycle",
        ]
    assert "Restored" in visitor.get(universe.url("survivor", "history/")).text


def test_dates_are_unambiguous_on_every_page(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    for path in ("/records/", universe.url("survivor"), universe.url("progressed")):
        assert not re.search(r">\s*\d{1,2}/\d{1,2}/\d{4}", visitor.get(path).text)
    text = visitor.get(universe.url("survivor")).text
    assert '<time datetime="2009-03">Mar-2009 (day not known)</time>' in text


def test_timeline_tells_every_dated_row_as_list_and_figure(universe: Universe) -> None:
    text = Visitor(universe, "carla").get(universe.url("survivor")).text
    events = re.findall(r'<li data-kind="(\w+)">.*?>([^<]+)</a>', text)
    assert events == [
        ("diagnosis", "Primary diagnosis"),
        ("therapy", "Prior therapy: surgery"),
        ("diagnosis", "Metastatic disease"),
        ("il2", "HD IL-2 course 1, cycle 1"),
        ("il2", "HD IL-2 course 1, cycle 2"),
        ("good", "Assessment: PR, partial response"),
        ("good", "Assessment: CR, complete response"),
        ("contact", "Contact, alive"),
        ("contact", "Contact, alive"),
        ("good", "Assessment: CR, complete response"),
        ("contact", "Contact, alive"),
        ("contact", "Contact, alive"),
        ("contact", "Contact, alive"),
        ("good", "Assessment: CR, complete response"),
        ("contact", "Contact, alive"),
    ]
    marks = re.findall(r'tabindex="-1" class="(\w+)"><title>[^:]+: ([^<]+)</title>', text)
    assert marks == events


def test_page_needs_a_fixed_number_of_queries(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    for record in ("survivor", "untreated"):
        with pinned_queries("record_detail"):
            visitor.get(universe.url(record))
    with pinned_queries("record_outcome"):
        visitor.get(universe.url("survivor", "outcome/"))
    row = universe.row_id("survivor", "assessments")
    with pinned_queries("row_amend"):
        visitor.get(universe.url("survivor", f"assessments/{row}/"))


@pytest.mark.requirement("A4")
def test_reading_a_record_with_identifiers_is_an_event(universe: Universe) -> None:
    Visitor(universe, "carla").get(universe.url("survivor"))
    Visitor(universe, "max").get(universe.url("survivor"))
    with acting(system_scope()), transaction.atomic():
        event = AuditEvent.objects.get(operation="read")
    assert event.patient_id == universe.records["survivor"].patient_id
    assert event.actor_id == universe.users["carla"].pk
