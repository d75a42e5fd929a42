"""Queries and field history in a browser: raised, answered, closed; the popover by keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import violations
from tests.e2e.conftest import Visit
from tests.patients.test_field_notes import change
from tests.universe import Universe, amend_record


@pytest.mark.parametrize("javascript", [True, False])
def test_query_travels_between_monitor_and_site(
    visit: Visit, universe: Universe, javascript: bool
) -> None:
    monitor = visit("max", javascript=javascript)
    page = monitor.open(universe.url("survivor"))
    page.locator("#assessments-1").get_by_role("link", name="Query on").click()
    page.get_by_label("Field").select_option("response")
    page.get_by_role("button", name="Send to the center").click()
    assert page.title().startswith("Error")
    page.get_by_label("What the site should look at").fill("Is this PR?")
    page.get_by_role("button", name="Send to the center").click()
    expect(page.locator(".messages")).to_contain_text("The query is sent")

    site = visit("carla", javascript=javascript).open(universe.url("survivor"))
    note = site.locator("#assessments-1").get_by_role("button", name="Response: 1 query")
    note.focus()
    site.keyboard.press("Enter")
    opened = site.get_by_role("dialog", name="Response: 1 query")
    expect(opened).to_be_visible()
    opened.get_by_role("link", name="Is this PR?").click()
    expect(site.get_by_role("button", name="Close query")).to_have_count(0)
    site.get_by_label("Your answer").fill("Yes, both readers agree")
    site.get_by_role("button", name="Answer").dblclick()
    expect(site.locator(".timeline > li")).to_have_count(2)

    page = monitor.open("/monitoring/queries/?state=answered")
    page.get_by_role("link", name="Is this PR?").click()
    expect(page.locator(".timeline")).to_contain_text("both readers agree")
    page.get_by_label("Why nothing is open any more").fill("Agreed")
    page.get_by_role("button", name="Close query").click()
    expect(page.locator("h1 + div, .page-title")).to_contain_text("Closed")
    expect(page.get_by_role("button", name="Reopen query")).to_be_visible()


def test_history_of_a_field_opens_by_enter_and_escape_returns(
    visit: Visit, universe: Universe
) -> None:
    amend_record(universe, "survivor", [change("patients", weight_kg="72")])
    for path in (universe.url("survivor"), universe.url("survivor", "baseline/")):
        page = visit("carla").open(path)
        note = page.get_by_role("button", name="Weight: 2 entries")
        note.focus()
        page.keyboard.press("Enter")
        opened = page.get_by_role("dialog", name="Weight: 2 entries")
        expect(opened.locator("li")).to_have_count(2)
        expect(opened).to_contain_text("71.5 kg")
        expect(opened).to_contain_text("Made by a test")
        assert violations(page) == []
        page.keyboard.press("Escape")
        expect(opened).to_be_hidden()
        expect(note).to_be_focused()
