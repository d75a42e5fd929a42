"""Drafts and the end of a session in a browser: kept, warned of, restored, nothing stored."""

from __future__ import annotations

import re
import time
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from playwright.sync_api import Page, expect

from centers.account.sessions import SessionStore
from centers.models import Session
from tests.e2e.accessibility import violations
from tests.e2e.conftest import Visit
from tests.universe import Universe

NEW = "prior_therapies/new/"


def set_back(**seconds: float) -> None:
    """As if the one session there is had begun, or been used, so many seconds ago."""
    session: Any = SessionStore(Session.objects.exclude(user=None).get().session_key)
    assert isinstance(session, SessionBase)
    for name, value in seconds.items():
        session[f"limits_{name}"] = time.time() - value
    session.save()


def typed(visit: Visit, universe: Universe) -> Page:
    """A form with something typed and kept by itself."""
    page = visit("carla").open(universe.url("survivor", NEW))
    page.get_by_label("Agent").fill("dacarbazine")
    expect(page.locator("[data-draft-status]")).to_have_text(re.compile(r"^Draft saved \d\d:\d\d"))
    return page


def test_draft_is_kept_by_itself_and_restored(visit: Visit, universe: Universe) -> None:
    page = typed(visit, universe)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Record IL2-")
    assert asked == []  # a kept draft is not lost by leaving
    page.goto(page.url + NEW)
    expect(page.get_by_label("Agent")).to_have_value("")
    assert violations(page) == []
    page.get_by_role("link", name="Restore what you typed").click()
    expect(page.get_by_label("Agent")).to_have_value("dacarbazine")
    assert violations(page) == []
    kept = page.evaluate("[localStorage.length, sessionStorage.length]")
    assert kept == [0, 0]
    page.get_by_label("Class").select_option("chemotherapy")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#prior_therapies")).to_contain_text("dacarbazine")
    page.goto(page.url.split("/records/")[0] + "/records/drafts/")
    expect(page.get_by_text("You have no drafts")).to_be_visible()


def test_draft_without_javascript_and_its_list(visit: Visit, universe: Universe) -> None:
    page = visit("carla", width=360, javascript=False).open(universe.url("survivor", NEW))
    page.get_by_label("Agent").fill("dacarbazine")
    page.get_by_role("button", name="Keep as draft").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Drafts")
    page.get_by_role("link", name="New prior therapy").click()
    expect(page.get_by_label("Agent")).to_have_value("dacarbazine")


def test_warning_saves_the_draft_and_staying_keeps_the_session(
    visit: Visit, universe: Universe
) -> None:
    visitor = visit("carla")
    visitor.page.clock.install()
    page = visitor.open(universe.url("survivor", NEW))
    page.get_by_label("Agent").fill("dacarbazine")
    set_back(seen=12 * 3600 - 110, started=60)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    dialog = page.get_by_role("dialog", name="You will be signed out soon")
    expect(dialog).to_contain_text("In 2 minutes")
    expect(dialog).to_contain_text("Draft saved")
    assert violations(page) == []
    expect(dialog.get_by_role("button", name="Stay signed in")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.get_by_label("Agent")).to_have_value("dacarbazine")
    answer = page.evaluate("fetch('/account/session/').then((answer) => answer.json())")
    assert answer["idle"] > 12 * 3600 - 60


def test_end_leads_to_sign_in_and_the_draft_outlives_it(visit: Visit, universe: Universe) -> None:
    visitor = visit("carla")
    page = visitor.open(universe.url("survivor", NEW))
    page.get_by_label("Agent").fill("dacarbazine")
    expect(page.locator("[data-draft-status]")).to_have_text(re.compile("^Draft saved"))
    set_back(seen=13 * 3600)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    assert f"next={universe.url('survivor', NEW)}" in page.url.replace("%2F", "/")
    page.locator("#id_username").fill("carla")
    page.locator("#id_password").fill("a long demo passphrase")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="Restore what you typed").click()
    expect(page.get_by_label("Agent")).to_have_value("dacarbazine")


def test_longest_time_is_said_and_cannot_be_stretched(visit: Visit, universe: Universe) -> None:
    page = visit("carla").open("/records/")
    set_back(seen=1, started=12 * 3600 - 100)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    dialog = page.get_by_role("dialog", name="You will be signed out soon")
    expect(dialog).to_contain_text("as long as one may")
    expect(dialog.get_by_role("button", name="Stay signed in")).to_be_hidden()
    assert violations(page) == []
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog).to_be_hidden()
