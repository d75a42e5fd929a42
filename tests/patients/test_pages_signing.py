"""Pages of verifying, signing and locking: who opens them, what they say, what they do."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from centers.confirmation import note_confirmation
from patients.actions.records import RowChange
from tests.patients.pages import Visitor, read_page, without_token
from tests.patients.signing import lock, sign, signing, standing, unlock
from tests.patients.test_pages_record import words
from tests.universe import Universe, amend_record, read_values

ABSENT = "00000000-0000-4000-8000-000000000000"
PAGES = ("verify/", "sign/", "lock/", "print/")


def confirm(visitor: Visitor) -> None:
    """As the page `confirm` does when it was answered rightly."""

    class Request:
        session = visitor.client.session

    note_confirmation(Request, signing=True)  # type: ignore[arg-type]
    Request.session.save()


def amend(universe: Universe, record: str = "survivor") -> None:
    values = read_values("follow_ups", {"source": "phone"})
    row = universe.row_key(record, "follow_ups")
    amend_record(universe, record, [RowChange("follow_ups", values, row_id=row)])


def test_stranger_is_sent_to_sign_in_and_foreign_records_are_absent(universe: Universe) -> None:
    for page in PAGES:
        path = universe.url("survivor", page)
        assert Client().get(path).headers["Location"] == f"/sign-in/?next={path}"
    petra, max_ = Visitor(universe, "petra"), Visitor(universe, "max")
    confirm(petra)
    for visitor, page in ((petra, "verify/"), (petra, "sign/"), (max_, "lock/"), (max_, "print/")):
        foreign = universe.url("stranger", page)
        absent = foreign.replace(str(universe.records["stranger"].public_id), ABSENT)
        answers = [visitor.get(foreign), visitor.get(absent)]
        if page != "print/":
            values = {"reason": "x", "hash": "00"}
            answers += [visitor.post(foreign, values), visitor.post(absent, values)]
        assert {answer.status for answer in answers} == {404}, page
        assert len({without_token(answer.text) for answer in answers}) == 1, page


def test_role_without_the_right_is_refused(universe: Universe) -> None:
    refused = {
        "carla": ("verify/", "sign/", "lock/"),
        "max": ("verify/", "sign/"),
        "petra": ("lock/",),
        "ines": PAGES,
        "adam": PAGES,
    }
    for username, pages in refused.items():
        visitor = Visitor(universe, username)
        confirm(visitor)
        for page in pages:
            assert visitor.get(universe.url("survivor", page)).status == 403, (username, page)
            if page != "print/":
                assert visitor.post(universe.url("survivor", page), {"reason": "x"}).status == 403
    bea = Visitor(universe, "bea")
    assert bea.get(universe.url("stranger", "lock/")).status == 200
    assert bea.get(universe.url("survivor", "lock/")).status == 403
    assert bea.post(universe.url("survivor", "lock/"), {"reason": "x"}).status == 403


def test_signing_without_a_fresh_confirmation_leads_to_it(universe: Universe) -> None:
    petra = Visitor(universe, "petra")
    for page in ("verify/", "sign/"):
        path = universe.url("survivor", page)
        for answer in (petra.get(path), petra.post(path, {"hash": "00"})):
            assert answer.status == 302
            assert answer.url.startswith(reverse("confirm"))
            assert path.replace("/", "%2F") in answer.url
    assert signing(universe, "survivor").signatures == []


def test_verify_and_sign_each_with_a_confirmation_of_its_own(universe: Universe) -> None:
    petra = Visitor(universe, "petra")
    confirm(petra)
    shown = words(petra.get(universe.url("survivor", "verify/")).text)
    assert "I verified these data against the source." in shown
    assert "C01-0001" in shown
    answer = petra.fill(universe.url("survivor", "verify/"))
    assert answer.url == universe.url("survivor") + "#signatures"
    assert petra.get(universe.url("survivor", "sign/")).url.startswith(reverse("confirm"))
    confirm(petra)
    assert petra.fill(universe.url("survivor", "sign/")).status == 302
    assert standing(universe, "survivor") == {"verified", "approved"}
    text = words(petra.get(universe.url("survivor")).text)
    assert "Signed by Petra Example on" in text
    assert "I approve this record as complete and accurate" in text
    assert "Principal investigator" in text
    confirm(petra)
    again = words(petra.get(universe.url("survivor", "sign/")).text)
    assert "This record is signed already, by Petra Example" in again


def test_sign_page_of_an_unverified_record_leads_to_verifying(universe: Universe) -> None:
    petra = Visitor(universe, "petra")
    confirm(petra)
    page = petra.get(universe.url("survivor", "sign/"))
    assert "A record is verified against the source before it is signed." in words(page.text)
    assert "Sign record</button>" not in page.text
    assert petra.post(universe.url("survivor", "sign/"), {"hash": "00"}).status == 409


def test_record_changed_meanwhile_is_shown_again_and_not_signed(universe: Universe) -> None:
    petra = Visitor(universe, "petra")
    confirm(petra)
    path = universe.url("survivor", "verify/")
    form = petra.get(path).form
    amend(universe)
    answer = petra.post(path, form)
    assert answer.status == 409
    assert "The record changed meanwhile. Nothing was signed." in words(answer.text)
    assert standing(universe, "survivor") == set()
    assert petra.post(path, answer.form).status == 302  # the confirmation was not spent
    assert standing(universe, "survivor") == {"verified"}


def test_broken_signature_is_shown_with_who_when_and_why(universe: Universe) -> None:
    sign(universe, "survivor")
    amend(universe)
    text = words(Visitor(universe, "max").get(universe.url("survivor")).text)
    assert "Verification broken" in text
    assert "Signature broken" in text
    assert re.search(r"Broken \d\d-\w{3}-\d{4} [\d:]+ by a change of System: Made by a test", text)


def test_monitor_locks_and_unlocks_on_the_page_with_reasons(universe: Universe) -> None:
    monitor, path = Visitor(universe, "max"), universe.url("survivor", "lock/")
    assert monitor.fill(path).status == 422
    assert monitor.fill(path, reason="Data cut").status == 302
    form = monitor.get(path).form
    assert form["act"] == "unlock"
    text = words(monitor.get(universe.url("survivor")).text)
    assert "Locked by Max Example since" in text
    late = monitor.post(path, {**form, "act": "lock", "reason": "again"})
    assert late.status == 302
    assert signing(universe, "survivor").lock is not None
    assert monitor.post(path, {**form, "reason": ""}).status == 422
    assert monitor.post(path, {**form, "reason": "Late answer"}).status == 302
    assert monitor.post(path, {**form, "reason": "Late answer"}).status == 302
    assert signing(universe, "survivor").lock is None


@pytest.mark.parametrize("is_locked_before", [True, False])
def test_form_of_a_locked_record_says_so_and_loses_nothing(
    universe: Universe, is_locked_before: bool
) -> None:
    carla = Visitor(universe, "carla")
    row = universe.row_id("survivor", "follow_ups")
    path = universe.url("survivor", f"follow_ups/{row}/")
    opened = carla.get(path)
    name = next(name for name in opened.form if name.endswith("second_malignancy"))
    lock(universe, "survivor", reason="Data cut 2026")
    if is_locked_before:  # then there is text to read and nothing to fill in
        page = carla.get(path)
        assert "This record is locked by Max Example since" in words(page.text)
        assert name not in page.form
    values = {**opened.form, name: "yes", "reason_preset": "Other", "reason": "typed for long"}
    answer = carla.post(path, values)
    assert answer.status == 409
    shown = words(answer.text)
    assert "This record is locked by Max Example since" in shown
    assert "Data cut 2026" in shown
    assert "typed for long" in answer.text
    assert answer.form[name] == "yes"
    unlock(universe, "survivor")
    assert carla.post(path, answer.form).status == 302


def test_locked_record_offers_no_entry(universe: Universe) -> None:
    lock(universe, "survivor")
    page = Visitor(universe, "carla").get(universe.url("survivor")).text
    assert "Amend" not in page
    assert "Locked" in page
    assert read_page(Visitor(universe, "carla").client.get(universe.url("waiting"))).text.count(
        "Amend"
    )


def test_actions_of_the_record_fit_the_reader_and_its_state(universe: Universe) -> None:
    def offered(username: str) -> set[str]:
        text = Visitor(universe, username).get(universe.url("survivor")).text
        base = re.escape(universe.url("survivor"))
        return set(re.findall(rf'href="{base}(verify|sign|lock|print)/"', text))

    assert offered("petra") == {"verify", "print"}
    assert offered("max") == {"lock", "print"}
    assert offered("carla") == {"print"}
    sign(universe, "survivor")
    assert offered("petra") == {"print"}
    amend(universe)
    assert offered("petra") == {"verify", "print"}
