"""Drafts: kept for one page and one person, sealed, offered again, gone when saved, old or erased."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from django.core.signing import Signer
from django.db import connection, transaction
from django.utils import timezone

from centers.access import acting, scope_of, system_scope
from patients.actions.changes import RowChange
from patients.actions.drafts import MOST_BYTES, DraftPage, DraftTooLong, save_draft
from patients.actions.erasure import erase_identifiers
from patients.actions.key_rotation import rotate_identifier_key
from patients.models import Draft, Patient, PriorTherapy
from patients.queries.drafts import own_drafts
from patients.tasks import purge
from tests.patients.pages import Page, Visitor
from tests.universe import Universe, amend_record, read_values

NEW = "prior_therapies/new/"
CREATE = "/records/new/?center=C01&disease=melanoma"
CANARY = "CANARY-7731"


def keep(visitor: Visitor, path: str, **values: object) -> Page:
    """Open a form, change boxes, keep a draft as a browser without JavaScript does."""
    page = visitor.get(path)
    assert page.status == 200
    return visitor.post("/records/drafts/save/", {**page.form, **values})


def drafts_of(universe: Universe, username: str) -> list[Draft]:
    with acting(scope_of(universe.users[username])), transaction.atomic():
        return list(Draft.objects.order_by("id"))


def test_draft_is_kept_offered_and_restored(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", NEW)
    assert "Restore what you typed" not in visitor.get(path).text
    answer = keep(visitor, path, therapy_class="surgery", agent="dacarb", start_date="31/2/1998")
    assert (answer.status, answer.url) == (302, "/records/drafts/")
    offering = visitor.get(path)
    assert "Restore what you typed" in offering.text
    assert offering.form["agent"] == ""
    restored = visitor.get(path + "?draft=1")
    assert restored.form["agent"] == "dacarb"
    assert restored.form["therapy_class"] == "surgery"
    assert restored.form["start_date"] == "31/2/1998"  # not finished, so no error yet
    assert "There is a problem" not in restored.text
    assert restored.form["submission"] != offering.form["submission"]
    assert PriorTherapy.objects.count() == 0


def test_script_gets_a_line_of_text(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    form = visitor.get(universe.url("survivor", NEW)).form
    answer = visitor.client.post(
        "/records/drafts/save/", {**form, "agent": "x"}, headers={"accept": "text/plain"}
    )
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    [draft] = drafts_of(universe, "carla")
    assert answer.content.decode() == f"Draft saved {draft.updated_at:%H:%M} UTC"


def test_saving_takes_the_draft_away(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", NEW)
    keep(visitor, path, therapy_class="surgery")
    restored = visitor.get(path + "?draft=1")
    saved = visitor.post(path + "?draft=1", {**restored.form, "agent": "none"})
    assert (saved.status, saved.url) == (302, universe.url("survivor"))
    assert drafts_of(universe, "carla") == []


def test_saving_beside_an_offered_draft_leaves_it(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", NEW)
    keep(visitor, path, agent="waits")
    assert visitor.fill(path, therapy_class="surgery").status == 302
    assert len(drafts_of(universe, "carla")) == 1
    assert visitor.get(path + "?draft=1").form["agent"] == "waits"


def test_refused_save_keeps_the_draft(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", NEW)
    keep(visitor, path, agent="waits")
    assert visitor.fill(path + "?draft=1", start_date="31/2/1998").status == 422
    assert len(drafts_of(universe, "carla")) == 1


def test_page_has_one_draft_and_the_last_one_counts(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", NEW)
    note = visitor.get(path).form
    for agent in ("first", "second"):
        visitor.post("/records/drafts/save/", {**note, "agent": agent})
    assert len(drafts_of(universe, "carla")) == 1
    assert visitor.get(path + "?draft=1").form["agent"] == "second"


def test_changed_record_is_said(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    row = universe.row_id("survivor", "cycles")
    path = universe.url("survivor", f"cycles/{row}/")
    keep(visitor, path, doses_given="9")
    assert "changed since" not in visitor.get(path).text
    key = universe.row_key("survivor", "cycles")
    change = RowChange("cycles", read_values("cycles", {"doses_given": "11"}), row_id=key)
    amend_record(universe, "survivor", [change])
    assert "The record was changed since" in visitor.get(path).text
    assert "Record changed since" in visitor.get("/records/drafts/").text
    restored = visitor.get(path + "?draft=1")
    assert "compare before you save" in restored.text
    reason = {"reason_preset": "Transcription error"}
    conflict = visitor.post(path, {**restored.form, **reason})
    assert conflict.status == 409
    assert "11" in conflict.text
    assert conflict.form["doses_given"] == "9"


def test_new_record_has_a_draft_of_its_own(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    keep(visitor, CREATE, record_id=CANARY, initials="ZZ")
    other = visitor.get("/records/new/?center=C01&disease=renal_cell")
    assert "Restore what you typed" not in other.text
    assert "Restore what you typed" in visitor.get(CREATE).text
    restored = visitor.get(CREATE + "&draft=1")
    assert restored.form["record_id"] == CANARY
    saved = visitor.post(
        CREATE,
        {**restored.form, "sex": "male", "cohort": "retrospective", "consent": "waived"},
    )
    assert saved.status == 302, saved.text
    assert drafts_of(universe, "carla") == []


def test_baseline_and_course_are_restored(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    baseline = universe.url("survivor", "baseline/")
    keep(visitor, baseline, ecog="2", mrn=CANARY, metastatic_sites=["bone", "liver"])
    restored = visitor.get(baseline + "?draft=1").form
    assert (restored["ecog"], restored["mrn"]) == ("2", CANARY)
    assert set(restored["metastatic_sites"]) >= {"bone", "liver"}
    course = universe.url("survivor", "courses/new/")
    keep(visitor, course, **{"cycle.doses_given": "7"})
    assert visitor.get(course + "?draft=1").form["cycle.doses_given"] == "7"


def test_list_shows_own_drafts_and_discards(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", NEW)
    keep(visitor, path, agent="x")
    listed = visitor.get("/records/drafts/")
    assert "New prior therapy" in listed.text
    assert f"{path}?draft=1" in listed.text
    [draft] = drafts_of(universe, "carla")
    discard = f"/records/drafts/{draft.public_id}/discard/"
    assert "You have no drafts" in Visitor(universe, "bea").get("/records/drafts/").text
    assert Visitor(universe, "bea").post(discard, {}).status == 404
    assert Visitor(universe, "max").post(discard, {}).status == 403
    assert visitor.post(discard, {"next": "//evil.example/"}).url == "/records/drafts/"
    assert visitor.post(discard, {}).status == 404
    keep(visitor, path, agent="x")
    [draft] = drafts_of(universe, "carla")
    discard = f"/records/drafts/{draft.public_id}/discard/"
    assert visitor.post(discard, {"next": path}).url == path


def test_note_of_another_page_or_person_is_refused(universe: Universe) -> None:
    carla, otto = Visitor(universe, "carla"), Visitor(universe, "otto")
    form = carla.get(universe.url("survivor", NEW)).form
    save = "/records/drafts/save/"
    assert otto.post(save, form).status == 404
    assert carla.post(save, {**form, "draft_page": "made:up"}).status == 400
    assert carla.post(save, {}).status == 400
    forged = Signer(salt="another").sign_object({"user": universe.users["carla"].pk})
    assert carla.post(save, {**form, "draft_page": forged}).status == 400
    assert drafts_of(universe, "carla") + drafts_of(universe, "otto") == []


def test_draft_asks_for_the_permission_at_its_center(universe: Universe) -> None:
    page = DraftPage(universe.centers["C02"].pk, "/records/new/", "New record", None, None)
    for username in ("carla", "mona"):
        with pytest.raises(Exception, match="edit_records"):
            save_draft(actor=scope_of(universe.users[username]), page=page, boxes={})


def test_draft_of_a_record_that_is_not_seen_is_refused(universe: Universe) -> None:
    record = universe.records["stranger"].public_id
    page = DraftPage(universe.centers["C01"].pk, "/records/x/", "New", record, 1)
    with pytest.raises(Patient.DoesNotExist):
        save_draft(actor=scope_of(universe.users["carla"]), page=page, boxes={})


def test_too_long_is_refused(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    answer = keep(visitor, universe.url("survivor", NEW), agent="x" * MOST_BYTES)
    assert (answer.status, answer.text) == (413, "Too long for a draft")
    page = DraftPage(universe.centers["C01"].pk, "/records/new/", "New", None, None)
    with pytest.raises(DraftTooLong):
        save_draft(
            actor=scope_of(universe.users["carla"]), page=page, boxes={"a": ["x" * MOST_BYTES]}
        )


def test_what_is_typed_is_sealed_and_nowhere_else(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    visitor = Visitor(universe, "carla")
    before = superuser.execute("select count(*) from audit.event").fetchone()
    form = visitor.get(CREATE).form
    visitor.post("/records/drafts/save/", {**form, "record_id": CANARY})
    [(row,)] = superuser.execute("select to_jsonb(d)::text from patients_draft d").fetchall()
    assert CANARY not in row
    assert CANARY.encode().hex() not in row
    assert before == superuser.execute("select count(*) from audit.event").fetchone()


def test_draft_that_cannot_be_opened_is_no_error(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", NEW)
    keep(visitor, path, agent="x")
    superuser.execute("update patients_draft set sealed = sealed || '\\x00'")
    assert "can no longer be opened" in visitor.get("/records/drafts/").text
    offering = visitor.get(path)
    assert "Restore what you typed" not in offering.text
    assert "Discard it" in offering.text
    assert visitor.get(path + "?draft=1").form["agent"] == ""


def test_ciphertext_of_another_page_does_not_open(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    visitor = Visitor(universe, "carla")
    path, other = universe.url("survivor", NEW), universe.url("waiting", NEW)
    keep(visitor, path, agent="x")
    superuser.execute("update patients_draft set address = %s", [other])
    assert visitor.get(other + "?draft=1").form["agent"] == ""


def test_database_shows_nobody_else_a_draft(universe: Universe) -> None:
    keep(Visitor(universe, "carla"), universe.url("survivor", NEW), agent="x")
    assert len(drafts_of(universe, "carla")) == 1
    for username in ("bea", "petra", "dana", "otto", "adam"):
        assert drafts_of(universe, username) == []
    with acting(system_scope()), transaction.atomic():
        assert Draft.objects.count() == 0


def test_nobody_writes_a_draft_for_somebody_else(universe: Universe) -> None:
    scope = scope_of(universe.users["carla"])
    with (
        acting(scope),
        pytest.raises(Exception, match="row-level security"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "insert into patients_draft (public_id, center_id, user_id, address, sealed,"
            " updated_at) values (gen_random_uuid(), %s, %s, '/x/', '', now())",
            [universe.centers["C01"].pk, universe.users["bea"].pk],
        )


def test_old_drafts_go_and_young_ones_stay(
    universe: Universe, superuser: psycopg.Connection
) -> None:
    visitor = Visitor(universe, "carla")
    keep(visitor, universe.url("survivor", NEW), agent="old")
    superuser.execute("update patients_draft set updated_at = now() - interval '30 days 1 minute'")
    keep(visitor, universe.url("waiting", NEW), agent="young")
    superuser.execute(
        "update patients_draft set updated_at = now() - interval '29 days 23 hours'"
        " where updated_at > now() - interval '1 day'"
    )
    assert "Waits for a week" in visitor.get("/records/drafts/").text
    assert purge() == 1
    [left] = drafts_of(universe, "carla")
    assert timezone.now() - left.updated_at < timedelta(days=30)


def test_erasure_takes_the_drafts_of_the_record(universe: Universe) -> None:
    for username, record in (("carla", "survivor"), ("bea", "survivor"), ("carla", "waiting")):
        keep(Visitor(universe, username), universe.url(record, "baseline/"), mrn=CANARY)
    actor = scope_of(universe.users["petra"])
    with acting(actor), transaction.atomic():
        patient = Patient.objects.get(public_id=universe.records["survivor"].public_id)
    erase_identifiers(
        actor=actor, patient=patient, requested_on=date(2017, 1, 1), reason="Asked for"
    )
    assert drafts_of(universe, "bea") == []
    [left] = drafts_of(universe, "carla")
    assert left.record == universe.records["waiting"].public_id


def test_draft_outlives_the_rotation_of_the_key(universe: Universe, settings: Any) -> None:
    visitor = Visitor(universe, "carla")
    path = universe.url("survivor", NEW)
    keep(visitor, path, agent="kept")
    settings.REGISTRY_IDENTIFIER_KEY_NEW = bytes(range(32))
    assert rotate_identifier_key(actor=system_scope()).is_complete
    settings.REGISTRY_IDENTIFIER_KEY = bytes(range(32))
    settings.REGISTRY_IDENTIFIER_KEY_NEW = None
    assert visitor.get(path + "?draft=1").form["agent"] == "kept"


@pytest.mark.parametrize("username", ["max", "petra", "ines", "adam", "dana"])
def test_role_without_entry_is_refused(universe: Universe, username: str) -> None:
    visitor = Visitor(universe, username)
    assert visitor.get("/records/drafts/").status == 403
    assert visitor.post("/records/drafts/save/", {}).status == 403


def test_acts_have_no_drafts(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    row = universe.row_id("survivor", "follow_ups")
    for page in ("consent/", f"follow_ups/{row}/retract/"):
        text = visitor.get(universe.url("survivor", page)).text
        assert "draft_page" not in text
        assert visitor.get(universe.url("survivor", page) + "?draft=1").status == 200


def test_body_is_what_was_typed_and_nothing_of_the_page(universe: Universe) -> None:
    keep(Visitor(universe, "carla"), universe.url("survivor", NEW), agent="x")
    with acting(scope_of(universe.users["carla"])), transaction.atomic():
        [view] = own_drafts()
    assert view.boxes is not None
    assert view.boxes["agent"] == ["x"]
    assert not {"csrfmiddlewaretoken", "submission", "draft_page"} & set(view.boxes)
    assert json.dumps(view.boxes)
