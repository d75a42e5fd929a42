"""Follow-up: the day of the next contact, the contact log, the weekly mail, the worklist."""

from __future__ import annotations

import calendar
import re
import uuid
from datetime import date
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail
from django.db import transaction

from analytics.queries.panel import view_outcome
from centers.access import acting, scope_of, set_reason, system_scope
from centers.models import AuditEvent, User
from patients.actions.contacts import log_attempt, send_reminders, set_reminder
from patients.actions.records import RowChange
from patients.actions.retirement import retire_record
from patients.models import ContactAttempt, Patient
from patients.queries.contacts import due_days
from tests.patients.pages import Visitor
from tests.query_counts import pinned_queries
from tests.universe import RENAL, Universe, add_record, amend_record, read_values

MONDAY = date(2026, 11, 23)


def months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def expected(t0: date, last: date | None) -> date:
    """docs/follow-up.md: 3 months in years 1 and 2, 6 in years 3 to 5, 12 later."""
    base = max(last, t0) if last else t0
    if base < months_later(t0, 24):
        return months_later(base, 3)
    return months_later(base, 6 if base < months_later(t0, 60) else 12)


def due(*patient_ids: int) -> dict[int, date]:
    with acting(system_scope()), transaction.atomic():
        return due_days(patient_ids)


def change(universe: Universe, record: str, form: str, row: int | None, **texts: str) -> None:
    amend_record(universe, record, [RowChange(form, read_values(form, texts), row_id=row)])


def test_next_contact_follows_the_rule(universe: Universe) -> None:
    """At the edges of the years, before T0, with a last day of February and a partial date."""
    stranger = universe.records["stranger"].patient_id  # T0 is 6-Sep-2004
    t0, contact = date(2004, 9, 6), universe.row_key("stranger", "follow_ups", 2)
    for place in (0, 1):
        row = universe.row_key("stranger", "follow_ups", place)
        change(universe, "stranger", "follow_ups", row, date="2004-09-20")
    days = ("2006-09-05", "2006-09-06", "2008-02-29", "2009-09-05", "2009-09-06", "2011-06")
    for text in days:
        change(universe, "stranger", "follow_ups", contact, date=text)
        point = date.fromisoformat(text if len(text) == 10 else f"{text}-15")
        assert due(stranger) == {stranger: expected(t0, point)}, text
    change(universe, "stranger", "follow_ups", contact, vital_status="unknown")
    assert due(stranger) == {stranger: expected(t0, date(2004, 9, 20))}
    before = {"patients": [{**RENAL, "record_id": "C01-0007"}]}
    course = {"courses": [{"course_number": "1"}]}
    cycle = {"course_number": "1", "cycle_number": "1", "start_date": "2020-01-31"}
    seen = {"follow_ups": [{"date": "2019-05-01", "source": "visit", "vital_status": "alive"}]}
    added = add_record(universe.centers["C01"], {**before, **course, "cycles": [cycle], **seen})
    assert due(added.patient_id) == {added.patient_id: date(2020, 4, 30)}


def test_nobody_is_due_who_is_not_to_be_asked(universe: Universe) -> None:
    ids = {name: saved.patient_id for name, saved in universe.records.items()}
    assert set(due(*ids.values())) == {ids["survivor"], ids["waiting"], ids["stranger"]}
    carla = scope_of(universe.users["carla"])
    with acting(carla), transaction.atomic():
        survivor = Patient.objects.get(pk=ids["survivor"])
    log_attempt(
        actor=carla,
        patient=survivor,
        attempted_on=date(2012, 1, 9),
        channel="phone",
        outcome="declined",
        submission=uuid.uuid4(),
    )
    assert ids["survivor"] not in due(*ids.values())
    contact = {"date": "2013-02-01", "source": "visit", "vital_status": "alive"}
    change(universe, "survivor", "follow_ups", None, **contact)
    assert due(ids["survivor"]) == {ids["survivor"]: date(2014, 2, 1)}
    change(universe, "survivor", "patients", ids["survivor"], consent="withdrawn")
    change(universe, "waiting", "patients", ids["waiting"], date_of_death="2010")
    with acting(system_scope()), transaction.atomic():
        stranger = Patient.objects.get(pk=ids["stranger"])
    retire_record(actor=system_scope(), patient=stranger, reason="Entered twice")
    assert due(*ids.values()) == {}


def test_contact_log_keeps_each_attempt_once(universe: Universe) -> None:
    visitor, path = Visitor(universe, "carla"), universe.url("waiting", "contacts/new/")
    form = {**visitor.get(path).form, "channel": "phone", "outcome": "no_answer"}
    for _ in range(2):
        assert visitor.post(path, form).status == 302
    refused = visitor.post(path, {**form, "channel": "pigeon", "attempted_on": "24-Mar-2999"})
    assert (refused.status, "in the future" in refused.text) == (422, True)
    text = visitor.get(universe.url("waiting", "contacts/")).text
    assert text.count("No answer") == 1
    with acting(system_scope()), transaction.atomic():
        attempt = ContactAttempt.objects.get()
    back = universe.url("waiting", f"contacts/{attempt.public_id}/retract/")
    assert visitor.fill(back).status == 422
    assert Visitor(universe, "otto").get(back).status == 404
    assert Visitor(universe, "max").get(path).status == 403
    assert visitor.fill(back, reason="Wrong record").status == 302
    assert "Taken back" in visitor.get(universe.url("waiting", "contacts/")).text
    with acting(system_scope()), transaction.atomic():
        events = AuditEvent.objects.filter(table_name="patients_contact_attempt").order_by("id")
        assert [(e.operation, e.reason) for e in events] == [
            ("insert", None),
            ("update", "Wrong record"),
        ]
    told = visitor.get(universe.url("waiting", "history/")).text
    assert told.count("Attempt to reach the patient") == 2
    assert "No answer" in told


def test_weekly_mail_counts_and_names_nobody(
    universe: Universe, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acting(system_scope()), transaction.atomic():
        set_reason("Addresses of a test")
        for user in universe.users.values():
            email = "" if user.username == "bea" else f"{user.username}@example.org"
            User.objects.filter(pk=user.pk).update(email=email)
    assert send_reminders(MONDAY) == 2
    assert sorted(letter.to[0] for letter in mail.outbox) == [
        "carla@example.org",
        "otto@example.org",
    ]
    [letter] = [letter for letter in mail.outbox if letter.to == ["carla@example.org"]]
    assert "2 follow-up contacts are overdue" in letter.body
    assert not re.search(r"IL2-|C0\d|Carla|First|-\d{4}", letter.subject + letter.body)
    assert send_reminders(date(2026, 11, 29)) == 0  # the Sunday of that week
    set_reminder(actor=scope_of(universe.users["otto"]), is_wanted=False)

    def broken(*_: object) -> int:
        raise SMTPServerDisconnected("carla@example.org")

    with monkeypatch.context() as patch:
        patch.setattr("patients.actions.contacts.send_mail", broken)
        assert send_reminders(date(2026, 11, 30)) == 0
    assert send_reminders(date(2026, 11, 30)) == 1
    assert len(mail.outbox) == 3
    otto = Visitor(universe, "otto")
    assert otto.post("/records/due/mail/", otto.get("/records/due/").form).status == 302
    assert send_reminders(date(2026, 12, 7)) == 2


def test_worklist_shows_what_would_decide_and_leads_to_the_form(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    with pinned_queries("work_list"):
        page = visitor.get("/records/work/")
    with pinned_queries("due_list"):
        visitor.get("/records/due/")
    with acting(system_scope()), transaction.atomic():
        view = view_outcome(universe.records["waiting"].patient_id, {})
    assert view is not None
    entries = re.findall(r'href="\?entry=(\w+)#decide"', page.text)
    shown = [visitor.get(f"/records/work/?entry={entry}").text for entry in entries]
    told = [
        s
        for text in shown
        for s in re.findall(r"<td class=\"text\">([^<]+)</td>\s*<td class=\"row", text)
    ]
    assert sorted(told) == sorted(view.deciding)
    links = re.findall(r'<td class="row-actions"><a href="([^"]+)"', "".join(shown))
    assert links
    assert {visitor.get(link).status for link in links} == {200}
    assert "2" in re.findall(r'Follow-up overdue</a></dt><dd class="number">(\d+)', page.text)
    assert Visitor(universe, "max").get("/records/work/").status == 403
    assert "No entry is missing" in Visitor(universe, "otto").get("/records/work/").text
