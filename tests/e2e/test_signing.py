"""Verifying, signing, amending and locking in a real browser, without and with JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.accessibility import violations
from tests.e2e.conftest import Visit
from tests.universe import PASSWORD, Universe


def confirm(page: Page) -> None:
    """The page that asks who is there."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm it is you")
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm", exact=True).click()


@pytest.mark.parametrize("javascript", [True, False])
def test_record_is_verified_signed_amended_and_found_broken(
    visit: Visit, universe: Universe, javascript: bool
) -> None:
    petra = visit("petra", javascript=javascript)
    page = petra.open(universe.url("survivor"))
    page.get_by_role("link", name="Verify", exact=True).click()
    confirm(page)
    page.get_by_role("button", name="Verify record").click()
    expect(page.locator("#record-status")).to_contain_text("Verified")
    page.get_by_role("link", name="Sign", exact=True).click()
    confirm(page)
    page.get_by_role("button", name="Sign record").click()
    expect(page.locator("#record-status")).to_contain_text("Signed by Petra Example on")
    expect(page.locator("#signatures")).to_contain_text("complete and accurate")

    entry = visit("carla", javascript=javascript).open(universe.url("survivor", "baseline/"))
    entry.get_by_label("Race").select_option(label="White")
    entry.get_by_label("Reason *").select_option("Transcription error")
    entry.get_by_role("button", name="Save", exact=True).click()
    expect(entry.locator("#record-status")).to_contain_text("Signature broken")

    page.reload()
    expect(page.locator("#signatures")).to_contain_text(
        "by a change of Carla Example: Transcription error"
    )
    expect(page.get_by_role("link", name="Verify", exact=True)).to_be_visible()


def test_monitor_locks_chosen_records_and_entry_says_so(visit: Visit, universe: Universe) -> None:
    carla = visit("carla").open(universe.url("survivor", "follow_ups/new/"))
    monitor = visit("max").open("/monitoring/locks/")
    for box in monitor.locator("tbody input[type=checkbox]").all():
        box.check()
    monitor.get_by_label("Reason *").fill("Data cut 2026")
    monitor.get_by_role("button", name="Lock chosen records").click()
    expect(monitor.locator(".messages")).to_contain_text("4 records are locked now.")
    carla.locator("#id_date").fill("2015-05")
    carla.get_by_role("radio", name="Alive").check()
    carla.get_by_role("button", name="Save", exact=True).click()
    expect(carla.locator("main")).to_contain_text("This record is locked by Max Example")
    values = [carla.locator(f"#id_date{part}").input_value() for part in ("", "_month", "_year")]
    assert values == ["", "May", "2015"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 320])
def test_pages_of_signing_are_without_violations(
    visit: Visit, universe: Universe, scheme: str, width: int
) -> None:
    petra = visit("petra", width=width, scheme=scheme)
    page = petra.open(universe.url("survivor", "verify/"))
    confirm(page)
    monitor = visit("max", width=width, scheme=scheme)
    found = {"verify": violations(page)}
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.get_by_role("button", name="Verify record").click()
    for path in (
        "/monitoring/locks/",
        "/monitoring/queries/",
        universe.url("survivor", "lock/"),
        universe.url("survivor", "print/"),
        universe.url("survivor"),
    ):
        shown = monitor.open(path)
        found[path] = violations(shown)
        assert shown.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    monitor.open(universe.url("survivor", "lock/"))
    monitor.page.get_by_role("button", name="Lock record").click()
    found["refused"] = violations(monitor.page)
    assert {where: what for where, what in found.items() if what} == {}
