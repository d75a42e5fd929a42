"""Finding one's way among records: status grid, Ctrl+K, with and without JavaScript."""

from __future__ import annotations

import re

from django.db import transaction
from playwright.sync_api import expect

from centers.access import acting, system_scope
from patients.models import Patient
from tests.e2e.accessibility import violations
from tests.e2e.conftest import Visit
from tests.universe import Universe


def number_of(universe: Universe, record: str) -> str:
    with acting(system_scope()), transaction.atomic():
        return Patient.objects.get(pk=universe.records[record].patient_id).registry_number


def test_grid_names_each_cell_and_leads_to_the_form(visit: Visit, universe: Universe) -> None:
    page = visit("carla").open("/records/")
    number = number_of(universe, "survivor")
    cell = page.get_by_role("link", name=f"{number} HD IL-2 courses: 1, partial", exact=True)
    cell.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#courses")).to_be_in_viewport()
    assert page.url.endswith(universe.url("survivor") + "#courses")
    page = visit("carla").open("/records/")
    assert number_of(universe, "stranger") not in page.content()
    page.get_by_label("Follow-up").select_option("overdue")
    page.get_by_role("button", name="Filter").click()
    assert "contact=overdue" in page.url
    expect(page.locator("tbody tr")).to_have_count(2)
    assert page.locator("*").count() < 3_000


def test_ctrl_k_opens_a_record_by_keyboard_alone(visit: Visit, universe: Universe) -> None:
    visitor = visit("carla")
    page = visitor.open(universe.url("waiting"))
    page.keyboard.press("Control+k")
    dialog = page.get_by_role("dialog", name="Go to a record")
    expect(dialog.get_by_role("textbox")).to_be_focused()
    expect(dialog.get_by_role("link", name=number_of(universe, "waiting"))).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(dialog.get_by_role("textbox")).to_be_focused()
    page.keyboard.type(number_of(universe, "survivor"))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(universe.url("survivor") + "$"))
    # What was typed stands in no address.
    visited = page.evaluate("performance.getEntries().map((entry) => entry.name).join(' ')")
    assert number_of(universe, "survivor") not in visited
    page.keyboard.press("Control+k")
    expect(dialog.get_by_role("listitem")).to_have_count(2)
    expect(dialog.get_by_role("listitem").first).to_contain_text(number_of(universe, "survivor"))


def test_go_to_a_record_works_without_javascript(visit: Visit, universe: Universe) -> None:
    page = visit("carla", javascript=False).open("/records/")
    page.get_by_role("link", name="Go to a record").click()
    page.get_by_role("textbox").fill("14-Jul-1951")
    page.get_by_role("button", name="Go", exact=True).click()
    assert page.url.endswith(universe.url("survivor"))
