"""Queries on pages: who may raise, answer, close and reopen; the thread; the list; soft checks."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import psycopg
import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from centers.access import acting, scope_of, system_scope
from patients.actions.changes import RowChange
from patients.actions.records import RecordChange, save_records
from patients.models import Patient
from patients.queries.data_queries import annotate_queries, open_by_form
from patients.query_models import Query, QueryMessage
from tests.patients.pages import Page, Visitor
from tests.patients.test_pages_record import words
from tests.query_counts import pinned_queries
from tests.universe import Universe, amend_record, read_values

QUERIES = "/monitoring/queries/"
ABSENT = uuid.UUID("00000000-0000-4000-8000-000000000000")


def stored(query: uuid.UUID) -> Query:
    with acting(system_scope()), transaction.atomic():
        return Query.objects.get(public_id=query)


def thread(query: uuid.UUID) -> list[tuple[str, str, str]]:
    with acting(system_scope()), transaction.atomic():
        found = QueryMessage.objects.filter(query__public_id=query).select_related("author")
        return [(m.act, m.author.username, m.text) for m in found.order_by("id")]


def raised(universe: Universe, who: str = "max", record: str = "survivor", **place: str) -> Page:
    path = universe.url(record, "queries/new/")
    address = path + "?" + "&".join(f"{name}={value}" for name, value in place.items())
    return Visitor(universe, who).fill(address, text=f"Look at {record}")


def open_query(universe: Universe, record: str = "survivor", **place: str) -> uuid.UUID:
    who = "max" if record != "stranger" else "mona"
    assert raised(universe, who, record, **place).status == 302
    with acting(system_scope()), transaction.atomic():
        return Query.objects.filter(kind="manual").latest("id").public_id


def test_query_goes_from_raised_to_answered_reopened_and_closed(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    row = str(universe.row_id("survivor", "assessments"))
    query = open_query(universe, form="assessments", row=row, field="response")
    path = f"{QUERIES}{query}/"
    made = stored(query)
    assert (made.form_name, made.field_name, made.state) == ("assessments", "response", "open")
    assert made.row_id == universe.row_key("survivor", "assessments")

    carla, monitor = Visitor(universe, "carla"), Visitor(universe, "max")
    shown = words(carla.get(path).text)
    assert "Assessment 12-Jul-1999, PR : Response (PR, partial response)" in shown
    assert "Close query" not in shown
    assert "Look at survivor" in carla.get(universe.url("survivor")).text
    blank = carla.post(path + "answer/", {"text": " "})
    assert blank.status == 422
    assert 'href="#id_query_answer"' in blank.text
    form = carla.get(path).form
    for _ in range(2):  # pressed twice: one answer
        assert carla.post(path + "answer/", {**form, "text": "Read again: PR"}).url == path
    assert stored(query).state == "answered"
    assert monitor.post(path + "reopen/", {"text": "Which scan?"}).url == path
    assert stored(query).state == "reopened"
    assert monitor.post(path + "close/", {"text": "Seen"}).url == path
    assert "somebody else was faster" in words(
        _follow(carla, carla.post(path + "answer/", {"text": "late"}))
    )
    assert thread(query) == [
        ("raised", "max", "Look at survivor"),
        ("answered", "carla", "Read again: PR"),
        ("reopened", "max", "Which scan?"),
        ("closed", "max", "Seen"),
    ]
    assert "Look at survivor" not in carla.get(universe.url("survivor")).text
    history = words(carla.get(universe.url("survivor", "history/")).text)
    assert "Query answered" in history
    assert "Read again: PR" in history
    with (
        acting(scope_of(universe.users["max"])),
        transaction.atomic(),
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        _update_as_app()


def _follow(visitor: Visitor, page: Page) -> str:
    return visitor.get(page.url).text


def _update_as_app() -> None:
    """No word of a thread is ever changed: the application has no right to."""
    try:
        QueryMessage.objects.update(text="never said")
    except Exception as error:
        raise error.__cause__ or error from None


def test_rights_and_other_centers(universe: Universe) -> None:
    assert Client().get(QUERIES).headers["Location"] == f"/sign-in/?next={QUERIES}"
    own, foreign = open_query(universe), open_query(universe, "stranger")
    may = {
        # list, thread, answer, close, raise
        "carla": (200, 200, 302, 403, 403),
        "petra": (200, 200, 403, 403, 403),
        "max": (200, 200, 403, 302, 302),
        "bea": (200, 200, 302, 403, 403),
        "dana": (200, 200, 403, 302, 302),
        "ines": (403, 403, 403, 403, 403),
        "adam": (403, 403, 403, 403, 403),
        "otto": (200, 404, 404, 403, 403),
        "mona": (200, 404, 403, 404, 404),
    }
    new = universe.url("survivor", "queries/new/")
    for name, expected in may.items():
        visitor, path = Visitor(universe, name), f"{QUERIES}{own}/"
        found = (
            visitor.get(QUERIES).status,
            visitor.get(path).status,
            visitor.post(path + "answer/", {"text": "x"}).status,
            visitor.post(path + "close/", {"text": "x"}).status,
            visitor.post(new, {"text": "x"}).status,
        )
        assert found == expected, name
        Visitor(universe, "max").post(path + "reopen/", {"text": "x"})
    # The right is asked before the words.
    assert Visitor(universe, "bea").post(f"{QUERIES}{own}/close/", {"text": ""}).status == 403
    monitor = Visitor(universe, "max")
    for query in (foreign, ABSENT):
        assert monitor.get(f"{QUERIES}{query}/").status == 404
        assert monitor.post(f"{QUERIES}{query}/close/", {"text": "x"}).status == 404
    strange = f"?form=assessments&row={universe.row_id('waiting', 'assessments')}"
    for place in (strange, f"?form=assessments&row={ABSENT}", "?form=assessments&row=x"):
        assert monitor.post(new + place, {"text": "x"}).status == 404
    assert monitor.post(new + "?form=x&field=y", {"text": ""}).status == 422


def test_list_shows_own_centers_by_filters_and_orders(universe: Universe) -> None:
    for record, days in (("survivor", 400), ("progressed", 40), ("stranger", 2)):
        query = open_query(universe, record, form="patients", field="weight_kg")
        with acting(system_scope()), transaction.atomic():
            opened = timezone.now() - timedelta(days=days, hours=1)
            Query.objects.filter(public_id=query).update(opened_at=opened)

    def found(username: str, query: str = "") -> list[str]:
        text = Visitor(universe, username).get(f"{QUERIES}?kind=manual&{query}").text
        return re.findall(r"Look at (\w+)", text)

    assert found("carla") == ["survivor", "progressed"]
    assert found("mona") == ["stranger"]
    assert found("dana") == ["survivor", "progressed", "stranger"]
    assert found("dana", "order=age") == ["stranger", "progressed", "survivor"]
    assert found("dana", "center=C02") == ["stranger"]
    assert found("max", "age=90") == ["survivor"]
    assert found("max", "field=patients.weight_kg&state=asking") == ["survivor", "progressed"]
    assert found("max", "field=patients.ecog") == []
    assert found("max", "state=closed") == []
    assert found("max", "age=1;drop&state=%27&center=C02&order=id") == ["survivor", "progressed"]
    text = Visitor(universe, "max").get(QUERIES).text
    assert '<td class="num">400</td>' in text
    assert "Unknown criterion" in text
    visitor = Visitor(universe, "max")
    with pinned_queries("query_list"):
        visitor.get(QUERIES)
    with pinned_queries("query_detail"):
        visitor.get(f"{QUERIES}{_any(universe)}/")


def _any(universe: Universe) -> uuid.UUID:
    with acting(scope_of(universe.users["max"])), transaction.atomic():
        return Query.objects.filter(kind="manual").earliest("id").public_id


def test_counts_of_a_record_are_annotated_in_one_statement(universe: Universe) -> None:
    open_query(universe)
    answered = open_query(universe, form="follow_ups")
    Visitor(universe, "carla").post(f"{QUERIES}{answered}/answer/", {"text": "Done"})
    survivor = universe.records["survivor"].patient_id
    with acting(scope_of(universe.users["carla"])), transaction.atomic():
        rows = annotate_queries(Patient.objects.filter(retracted=False))
        counts = {r.pk: (r.queries_open, r.queries_answered) for r in rows}
        cells = open_by_form([survivor])
    names = {universe.records[n].patient_id: n for n in universe.records}
    assert {names[key]: number for key, number in counts.items() if any(number)} == {
        "survivor": (2, 1),  # the first is a gap between contacts
        "waiting": (4, 0),
    }
    assert cells[survivor, "patients", survivor] == cells[survivor, "follow_ups", None] == 1
    assert sum(cells.values()) == 3


def test_soft_check_asks_once_closes_by_itself_and_comes_back(universe: Universe) -> None:
    def weigh(text: str) -> list[tuple[str, str]]:
        amend_record(
            universe,
            "survivor",
            [RowChange("patients", read_values("patients", {"weight_kg": text}))],
        )
        with acting(system_scope()), transaction.atomic():
            found = Query.objects.filter(check_id="weight.range")
            return [(query.state, query.closing_note) for query in found]

    assert weigh("250") == [("open", "")]
    assert weigh("251") == [("open", "")]
    assert weigh("70") == [("closed", "Closed by itself: the record no longer raises it")]
    assert weigh("252") == [("reopened", "")]
    saved = universe.records["survivor"]
    change = RecordChange(
        universe.centers["C01"].pk,
        saved.patient_id,
        [RowChange("patients", read_values("patients", {"ecog": "1"}))],
    )
    save_records(
        actor=scope_of(universe.users["carla"]),
        changes=[change],
        reason="Review",
        confirmed={"weight.range": "Scale checked"},
    )
    with acting(system_scope()), transaction.atomic():
        confirmed = Query.objects.get(check_id="weight.range")
    assert (confirmed.state, confirmed.confirmed_reason) == ("closed", "Scale checked")
