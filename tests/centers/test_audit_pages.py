"""The audit review, the people in it, the access log: who opens them, what they find, what they hide."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from centers.access import acting, scope_of, system_scope
from centers.actions.audit_review import sign_off
from centers.actions.users import end_membership
from centers.audit import EventKind, record_event, record_events
from centers.models import AuditEvent, AuditReview, Membership
from centers.queries.access_log import access_on
from centers.queries.review import Finding, find
from patients.actions.records import RecordChange, RowChange, save_records
from tests.audit_trail import verify_live
from tests.patients.pages import Visitor, without_token
from tests.query_counts import pinned_queries
from tests.snapshot import start_from
from tests.universe import Universe, build_people, build_universe, read_values

ABSENT = "00000000-0000-4000-8000-000000000000"
REVIEW, ACCESS = "/monitoring/audit/", "/administration/access/"
TODAY = timezone.now().date()
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def universe(database: None, superuser: psycopg.Connection) -> Universe:
    return start_from("stale universe", lambda: build_universe(derived=False), superuser)


@pytest.fixture
def people(database: None) -> Universe:
    return build_people()


def amend(universe: Universe, day: str = "2001-06-18", username: str = "carla") -> None:
    """One follow-up of the survivor gets another date."""
    key = universe.row_key("survivor", "follow_ups")
    change = RowChange("follow_ups", read_values("follow_ups", {"date": day}), key)
    record = RecordChange(
        universe.centers["C01"].pk, universe.records["survivor"].patient_id, [change]
    )
    scope = scope_of(universe.users[username])
    save_records(actor=scope, changes=[record], reason="Second reading of the chart")


def move(superuser: psycopg.Connection, to: str, where: str, *values: Any) -> None:
    """Events happened at another time: `to` in SQL, of the column `at`."""
    superuser.execute(f"update audit.event set at = {to} where {where}", values)


def at_night(superuser: psycopg.Connection, universe: Universe, username: str = "carla") -> None:
    """What the person wrote was written yesterday at 03:12 UTC."""
    night = "date_trunc('day', now(), 'UTC') - interval '20 hours 48 minutes'"
    move(superuser, night, "actor_id = %s and patient_id is not null", key_of(universe, username))


def key_of(universe: Universe, username: str) -> int:
    return int(universe.users[username].pk)


def found(universe: Universe, username: str = "petra", day: date = TODAY) -> list[Finding]:
    scope = scope_of(universe.users[username])
    with acting(scope), transaction.atomic():
        return find(scope.center_ids, day - timedelta(days=1), day)


def kinds(findings: list[Finding]) -> list[str]:
    return [finding.finder.kind for finding in findings]


def finding_url(universe: Universe, kind: str = "odd_hours", day: date = YESTERDAY) -> str:
    center, user = universe.centers["C01"].public_id, universe.users["carla"].public_id
    return f"{REVIEW}{kind}/{center}/{user}/{day}/"


def body(text: str) -> str:
    return text[text.index("<main") : text.index("</main>")]


# Findings


def test_work_at_night_is_a_finding_of_its_center_alone(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    amend(universe)
    # Whatever the hour of the test is.
    noon = "date_trunc('day', now(), 'UTC') - interval '12 hours'"
    move(superuser, noon, "actor_id = %s", key_of(universe, "carla"))
    assert kinds(found(universe)) == []
    at_night(superuser, universe)
    (finding,) = found(universe)
    assert (finding.finder.kind, finding.user, finding.day) == (
        "odd_hours",
        universe.users["carla"],
        YESTERDAY,
    )
    assert (finding.events, finding.records, finding.state) == (1, 1, "open")
    assert found(universe, "mona") == []
    assert "Carla Example" not in body(Visitor(universe, "mona").get(REVIEW).text)


def test_twenty_amendments_in_an_hour_are_a_finding_and_an_import_another(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    for number in range(20):
        amend(universe, f"2001-06-{number % 2 + 10}")
    noon = "date_trunc('day', now(), 'UTC') - interval '12 hours'"
    move(superuser, noon, "actor_id = %s", key_of(universe, "carla"))
    (finding,) = found(universe)
    assert (finding.finder.kind, finding.events, finding.records) == ("bulk_edits", 20, 1)
    one = "(select min(id) from audit.event where actor_id = %s and operation = 'update')"
    move(superuser, f"{noon} - interval '1 hour'", f"id = {one}", key_of(universe, "carla"))
    assert found(universe) == []
    scope = scope_of(universe.users["carla"])
    with acting(scope), transaction.atomic():
        record_events(EventKind.IMPORT, {universe.centers["C01"].pk: {"records": 1}})
    superuser.execute(
        "update audit.event set request_id = %s, at = " + noon + " where actor_id = %s",
        [scope.request_id, scope.actor_id],
    )
    assert kinds(found(universe)) == ["imports"]


def test_many_records_read_are_held_against_the_persons_own_days(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    center = universe.centers["C01"].pk

    def read(records: int, days_ago: int) -> None:
        with acting(scope_of(universe.users["carla"])), transaction.atomic():
            detail = {"page": "record_list", "patient_ids": list(range(records))}
            record_event(EventKind.READ, detail, center_id=center)
        noon = f"date_trunc('day', now(), 'UTC') - interval '{days_ago} days' + interval '12 hours'"
        move(superuser, noon, "id = (select max(id) from audit.event)")

    read(29, 1)
    assert found(universe) == []
    read(31, 1)
    (finding,) = found(universe)
    assert (finding.finder.kind, finding.events, finding.records) == ("many_readings", 2, 31)
    for days_ago in (3, 4, 5):
        read(11, days_ago)
    assert found(universe) == []


def test_deciding_date_changed_after_ninety_days_is_a_finding(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    amend(universe)
    noon = "date_trunc('day', now(), 'UTC') - interval '12 hours'"
    move(superuser, noon, "actor_id = %s", key_of(universe, "carla"))
    move(superuser, "at - interval '89 days'", "operation = 'insert'")
    assert found(universe) == []
    move(superuser, "at - interval '3 days'", "operation = 'insert'")
    (finding,) = found(universe)
    assert (finding.finder.kind, finding.events) == ("late_changes", 1)


def test_change_shortly_before_a_lock_is_a_finding(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    amend(universe)
    noon = "date_trunc('day', now(), 'UTC') - interval '12 hours'"
    move(superuser, noon, "actor_id = %s", key_of(universe, "carla"))
    center, patient = universe.centers["C01"].pk, universe.records["survivor"].patient_id
    with superuser.transaction():
        superuser.execute("select set_config('registry.actor', '1', true)")
        superuser.execute(
            "select audit.append(%s, %s, 'patients_lock', 1, 'insert', null, '{}', null)",
            [center, patient],
        )
    move(superuser, f"{noon} + interval '16 minutes'", "table_name = 'patients_lock'")
    assert found(universe) == []
    move(superuser, f"{noon} + interval '14 minutes'", "table_name = 'patients_lock'")
    assert kinds(found(universe)) == ["near_signing"]


# The worklist and the sign-off


@pytest.mark.requirement("A5")
def test_finding_is_signed_off_with_a_note_and_opens_again_with_more_events(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    amend(universe)
    at_night(superuser, universe)
    petra, url = Visitor(universe, "petra"), finding_url(universe)
    assert "1 open, 0 signed off" in petra.get(REVIEW).text
    assert url in petra.get(REVIEW).text
    page = petra.get(url)
    assert "Second reading of the chart" in page.text
    refused = petra.post(url, {**page.form, "note": "  "})
    assert refused.status == 422
    assert "Write what you found" in refused.text
    assert petra.post(url, {**page.form, "events": "7", "note": "seen"}).status == 422
    assert petra.post(url, {**page.form, "note": "Night shift, as planned"}).status == 302
    assert petra.post(url, {**page.form, "note": "Twice"}).status == 302
    signed = petra.get(url).text
    assert "Night shift, as planned" in signed
    assert "Signed off by Petra Example" in signed
    assert "Twice" not in signed
    assert "0 open, 1 signed off" in petra.get(REVIEW).text
    assert url not in petra.get(REVIEW).text
    assert url in petra.get(f"{REVIEW}?state=signed").text
    amend(universe, "2001-06-19")
    at_night(superuser, universe)
    assert "More since sign-off" in petra.get(f"{REVIEW}?state=all&kind=odd_hours").text


@pytest.mark.requirement("A5")
def test_sign_off_is_an_event_and_the_trail_verifies(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    with acting(scope_of(universe.users["carla"])), transaction.atomic():
        detail = {"page": "record_list", "patient_ids": list(range(40))}
        record_event(EventKind.READ, detail, center_id=universe.centers["C01"].pk)
    max_scope = scope_of(universe.users["max"])
    arguments: dict[str, Any] = {
        "kind": "many_readings",
        "center": universe.centers["C01"],
        "user": universe.users["carla"],
        "day": timezone.now().date(),
        "events": 1,
        "note": "Preparing a visit",
    }
    review = sign_off(actor=max_scope, **arguments)
    with acting(max_scope), transaction.atomic():
        event = AuditEvent.objects.get(table_name="centers_audit_review")
    assert (event.row_id, event.actor_id) == (review.pk, max_scope.actor_id)
    assert verify_live().findings == []
    for username in ("mona", "carla", "adam"):
        with pytest.raises(PermissionDenied):
            sign_off(actor=scope_of(universe.users[username]), **arguments)


def test_sign_off_of_another_center_is_invisible_and_refused_by_the_database(
    universe: Universe,
) -> None:
    values: dict[str, Any] = {
        "center": universe.centers["C01"],
        "kind": "odd_hours",
        "key": "odd_hours/x/2020-01-01",
        "starts_on": date(2020, 1, 1),
        "ends_on": date(2020, 1, 1),
        "events": 1,
        "reviewer": universe.users["mona"],
        "note": "n",
    }
    mona = scope_of(universe.users["mona"])
    with acting(mona), pytest.raises(DatabaseError), transaction.atomic():
        AuditReview.objects.create(**values)
    with acting(scope_of(universe.users["max"])), transaction.atomic():
        AuditReview.objects.create(**values)
    with acting(mona), transaction.atomic():
        assert AuditReview.objects.count() == 0
    with acting(system_scope()), pytest.raises(DatabaseError), transaction.atomic():
        AuditReview.objects.update(note="changed")


def test_review_pages_are_guarded(universe: Universe, superuser: psycopg.Connection) -> None:
    amend(universe)
    at_night(superuser, universe)
    own = finding_url(universe)
    person = f"{REVIEW}people/{universe.users['carla'].public_id}/"
    pages = [REVIEW, own, f"{own}events.csv", person, f"{person}events.jsonl"]
    for page in pages:
        assert Client().get(page).status_code == 302, page
        for username in ("petra", "max", "dana"):
            with closing(Visitor(universe, username).client.get(page)) as answer:
                assert answer.status_code == 200, (page, username)
        for username in ("carla", "ines", "adam"):
            assert Visitor(universe, username).get(page).status == 403, (page, username)
    mona = Visitor(universe, "mona")
    for page in pages[1:]:
        absent = page.replace(str(universe.users["carla"].public_id), ABSENT)
        foreign, missing = mona.get(page), mona.get(absent)
        assert (foreign.status, missing.status) == (404, 404), page
        assert without_token(foreign.text) == without_token(missing.text)
    assert mona.post(own, {"events": "1", "note": "x"}).status == 404
    petra = Visitor(universe, "petra")
    for broken in ("no_such_kind", "imports"):
        assert petra.get(own.replace("odd_hours", broken)).status == 404
    assert petra.get(own.replace(str(YESTERDAY), "2026-02-30")).status == 404
    assert petra.get(f"{own}events.xml").status == 404


def test_right_at_one_center_shows_findings_of_that_one(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    """Bea coordinates First and monitors Second."""
    amend(universe)
    at_night(superuser, universe)
    bea = Visitor(universe, "bea")
    assert "Nothing is open" in bea.get(REVIEW).text
    assert bea.get(finding_url(universe)).status == 404
    assert bea.get(f"{REVIEW}people/{universe.users['carla'].public_id}/").status == 404


def test_events_of_a_person_are_those_at_the_readers_centers(universe: Universe) -> None:
    amend(universe)
    Visitor(universe, "carla").get(universe.url("survivor"))
    url = f"{REVIEW}people/{universe.users['carla'].public_id}/"
    text = body(Visitor(universe, "petra").get(url).text)
    assert "14-May-2001" in text
    assert "18-Jun-2001" in text
    assert "Identifiers read" in text
    assert "Membership" not in text
    assert "C01-0001" not in text
    amended = body(Visitor(universe, "petra").get(f"{url}?kind=amended").text)
    assert "1 at your centers" in amended
    assert "0 at your centers" in Visitor(universe, "petra").get(f"{url}?to=2020-01-01").text


def test_review_and_history_of_a_person_need_a_fixed_number_of_queries(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    amend(universe)
    at_night(superuser, universe)
    max_ = Visitor(universe, "max")
    for name, url in (
        ("audit_review", REVIEW),
        ("audit_finding", finding_url(universe)),
        ("audit_user", f"{REVIEW}people/{universe.users['carla'].public_id}/"),
    ):
        max_.get(url)
        with pinned_queries(name):
            max_.get(url)


# The access log


def test_access_log_shows_sign_ins_and_roles_and_nothing_clinical(universe: Universe) -> None:
    amend(universe)
    Visitor(universe, "carla").get(universe.url("survivor"))
    text = body(Visitor(universe, "adam").get(ACCESS).text)
    assert "Signed in" in text
    assert "Carla Example, coordinator at C01" in text
    for needle in ("Follow-up", "IL2-", "Identifiers read", "Second reading"):
        assert needle not in text
    only = body(Visitor(universe, "adam").get(f"{ACCESS}?kind=sessions").text)
    assert "Membership" not in only
    person = universe.users["petra"].public_id
    hers = body(Visitor(universe, "adam").get(f"{ACCESS}{person}/").text)
    assert "Petra Example, principal investigator at C01" in hers
    assert "Carla" not in hers


def test_administrator_reads_no_clinical_event_even_in_sql(universe: Universe) -> None:
    Visitor(universe, "carla").get("/records/")
    with acting(scope_of(universe.users["adam"])), transaction.atomic():
        events = list(AuditEvent.objects.all())
        tables = {event.table_name for event in events}
        assert tables == {"", "centers_user", "centers_membership", "centers_center"}
        assert {e.operation for e in events if not e.table_name} == {"sign_in"}
        assert [e for e in events if e.patient_id or "patient_ids" in (e.after or {})] == []
    with acting(scope_of(universe.users["carla"])), transaction.atomic():
        assert not AuditEvent.objects.filter(table_name="centers_user").exists()


def test_access_pages_are_guarded(people: Universe) -> None:
    person = f"{ACCESS}{people.users['carla'].public_id}/"
    for page in (ACCESS, f"{ACCESS}events.csv", person, f"{person}events.jsonl"):
        assert Client().get(page).status_code == 302
        for username in ("carla", "petra", "max", "dana", "ines"):
            assert Visitor(people, username).get(page).status == 403, page
        with closing(Visitor(people, "adam").client.get(page)) as answer:
            assert answer.status_code == 200
        assert Visitor(people, "adam").post(page, {}).status == 405
    assert Visitor(people, "adam").get(f"{ACCESS}{ABSENT}/").status == 404


@pytest.mark.requirement("A6")
def test_who_had_access_is_answered_for_the_day_asked_about(
    people: Universe, superuser: psycopg.Connection
) -> None:
    """Made 40 days ago; Carla's role ended 10 days ago at noon, with the day before as its last."""
    center = people.centers["C01"].pk
    superuser.execute("set session_replication_role = replica")
    superuser.execute("update centers_membership set starts_on = current_date - 40")
    superuser.execute(
        "update audit.event set at = at - interval '40 days', after = case table_name"
        " when 'centers_membership' then jsonb_set(after, '{starts_on}',"
        " to_jsonb((current_date - 40)::text)) else after end"
    )
    superuser.execute("reset session_replication_role")
    with acting(system_scope()), transaction.atomic():
        carla = Membership.objects.get(user=people.users["carla"])
    ended = TODAY - timedelta(days=10)
    end_membership(actor=system_scope(), membership_id=carla.pk, ends_on=ended - timedelta(days=1))
    noon = "date_trunc('day', now(), 'UTC') - interval '10 days' + interval '12 hours'"
    move(superuser, noon, "table_name = 'centers_membership' and operation = 'update'")

    def names(day: date) -> set[str]:
        with acting(scope_of(people.users["adam"])), transaction.atomic():
            return {access.user.username for access in access_on(center, day)}

    everybody = {"carla", "petra", "max", "bea", "dana"}
    assert names(TODAY - timedelta(days=41)) == set()
    assert names(TODAY - timedelta(days=39)) == everybody
    assert names(ended) == everybody
    assert names(ended + timedelta(days=1)) == everybody - {"carla"}
    adam = Visitor(people, "adam")
    shown = body(adam.get(f"{ACCESS}?access_center=C01&access_day={ended}").text)
    assert "Carla Example" in shown[shown.index('id="who"') :]
    assert "Whole registry" in shown
    for query in ("?access_center=C99&access_day=2020-01-01", "?access_center=C01&access_day=x"):
        assert "<caption>" not in adam.get(f"{ACCESS}{query}").text
    assert "Nobody had access" in adam.get(f"{ACCESS}?access_center=C01&access_day=2020-01-01").text


@pytest.mark.requirement("A4")
def test_access_log_as_a_file_is_safe_and_leaves_an_event(people: Universe) -> None:
    superuser_name = people.users["carla"]
    adam = Visitor(people, "adam")
    with closing(adam.client.get(f"{ACCESS}events.csv?kind=memberships")) as response:
        text = b"".join(response.streaming_content).decode()
    lines = list(csv.DictReader(io.StringIO(text)))
    assert any(line["what"].startswith("Membership: Carla Example") for line in lines)
    with closing(adam.client.get(f"{ACCESS}{superuser_name.public_id}/events.jsonl")) as response:
        objects = [
            json.loads(line)
            for line in response.streaming_content
            for line in line.split(b"\n")
            if line
        ]
    assert {line["table"] for line in objects} == {"centers_user", "centers_membership"}
    assert all("password" not in (line["after"] or {}) for line in objects)
    log = body(adam.get(f"{ACCESS}?kind=files").text)
    assert log.count("Exported") == 2


# The functions that record readings


def test_events_of_many_centers_are_one_call_and_keep_their_details(people: Universe) -> None:
    first, second = (people.centers[code].pk for code in ("C01", "C02"))
    scope = system_scope()
    with acting(scope), transaction.atomic():
        record_events(EventKind.READ, {})
        record_events(EventKind.PRINT, {second: {"n": 2}, first: {"n": 1}})
        events = AuditEvent.objects.filter(operation="print").order_by("id")
        assert [(event.center_id, event.after) for event in events] == [
            (second, {"n": 2}),
            (first, {"n": 1}),
        ]


@pytest.mark.parametrize("kind", ["insert", "sign", ""])
def test_unknown_kind_of_event_is_refused(people: Universe, kind: str) -> None:
    with (
        acting(system_scope()),
        pytest.raises(DatabaseError, match="Unknown kind"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "select audit.record_events(%s, array[%s]::bigint[], '[{}]')",
            [kind, people.centers["C01"].pk],
        )
