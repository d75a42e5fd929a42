"""A whole history entered without a mouse: search, record, courses, follow-up, outcome."""

from __future__ import annotations

import re
import sys

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visit
from tests.e2e.keyboard import Keyboard
from tests.universe import Universe

CYCLES = [
    ("5/3/2001", "14", "12", "82.5", "hypot"),
    ("12/3/2001", "14", "10", "81", "renal, hypot"),
    ("7/5/2001", "14", "9", "80", "renal"),
    ("14/5/2001", "14", "8", "79.5", "neuro"),
]
ASSESSMENTS = [
    ("16/4/2001", "SD"),
    ("18/6/2001", "PR"),
    ("15/10/2001", "CR"),
    ("2003-04-14", "CR"),
    ("11/2005", "CR"),
    ("17-Mar-2008", "CR"),
]
CONTACTS = ["18/3/2002", "15/3/2004", "20/3/2006", "17/3/2008", "15/3/2010"]
MOST_PRESSES = 1_000


def start(page: Page, keys: Keyboard) -> None:
    """A new record with its baseline."""
    keys.tab_to(page.get_by_role("link", name="New record"))
    keys.press("Enter")
    keys.tab_to(page.locator("input[name=disease]").first)
    keys.press("Space", "Enter")
    expect(page.locator("#id_record_id")).to_be_focused()
    keys.type("C01-0100")
    keys.fill({"birth_date": "14/7/1950"})
    keys.tab_to(page.locator("#id_sex_0"))
    keys.press("Space")
    keys.tab_to(page.locator("#id_cohort_0"))
    keys.press("Space")
    keys.fill(
        {
            "consent": "Signed",
            "primary_diagnosis_date": "11/1998",
            "metastatic_diagnosis_date": "8/1/2001",
            "histology": "8720/3",
            "ecog": "0",
        }
    )
    keys.press("Control+Shift+Enter")


def courses(page: Page, keys: Keyboard) -> None:
    """Two courses of two cycles, cell by cell."""
    expect(page.locator("#id_c1_1_start_date")).to_be_focused()
    for place, cells in enumerate(CYCLES):
        for cell in cells:
            keys.type(cell)
            keys.press("Tab")
        if place < len(CYCLES) - 1:
            keys.tab_to(
                page.locator(f"#id_c{1 + (place + 1) // 2}_{1 + (place + 1) % 2}_start_date")
            )
    keys.tab_to(page.locator("#id_c1_intent"))
    keys.type("init")
    keys.tab_to(page.locator("#id_c2_intent"))
    keys.type("cont")
    keys.press("Control+Shift+Enter")
    # Nobody was seen since: asked once, and carried to the forms that follow.
    expect(page.locator(".error-summary")).to_be_focused()
    keys.press("Tab", "Enter")
    expect(page.locator("#id_confirm_follow_up_gap")).to_be_focused()
    keys.type("Chart follows")
    keys.press("Control+Shift+Enter")


def rows(page: Page, keys: Keyboard) -> None:
    """Assessments and a local therapy; the next form comes by itself."""
    for place, (day, response) in enumerate(ASSESSMENTS):
        expect(page.locator("#id_date")).to_be_focused()
        keys.type(day)
        keys.press("Tab")
        keys.type(response)
        keys.press("Tab")
        keys.type("Imag")
        is_last = place == len(ASSESSMENTS) - 1
        keys.press("Control+Shift+Enter" if is_last else "Control+Enter")
        page.wait_for_url("**/local_therapies/new/" if is_last else "**/assessments/new/")
        expect(page.get_by_role("heading", level=1)).to_contain_text(
            "New local" if is_last else "New assessment"
        )
        expect(page.locator(".messages")).to_contain_text("Assessment was saved")
    expect(page.locator("#id_date")).to_be_focused()
    keys.type("20/8/2001")
    keys.fill({"modality": "Metas", "site": "Lung", "indication": "Resid", "rendered_ned": "Yes"})
    keys.press("Control+Shift+Enter")


def contacts(page: Page, keys: Keyboard) -> None:
    """Five contacts, after the form for systemic therapies, which there were none of."""
    expect(page.get_by_role("heading", level=1)).to_have_text("New systemic therapy")
    keys.tab_to(page.get_by_role("link", name="Cancel"))
    keys.press("Enter")
    keys.tab_to(page.locator("#follow_ups").get_by_role("link", name="Add"))
    keys.press("Enter")
    for place, day in enumerate(CONTACTS):
        expect(page.locator("#id_date")).to_be_focused()
        keys.type(day)
        keys.press("Tab")
        keys.type("Visit")
        keys.press("Tab", "Space", "Tab")
        keys.type("No ev")
        keys.press("Tab")
        keys.type("None")
        save = "Control+s" if place == len(CONTACTS) - 1 else "Control+Enter"
        keys.press(save)
        if place < len(CONTACTS) - 1:
            expect(page.locator(".messages")).to_contain_text("Follow-up was saved")


@pytest.mark.requirement("U2")
def test_ten_years_from_a_chart_by_keyboard(visit: Visit, universe: Universe) -> None:
    page = visit("carla").open("/records/")
    keys = Keyboard(page)
    start(page, keys)
    courses(page, keys)
    rows(page, keys)
    contacts(page, keys)
    outcome = page.locator("#record-outcome")
    expect(outcome).not_to_contain_text("Recomputing", timeout=15_000)
    expect(page.locator("#record-status")).to_have_text("Eligible")
    expect(outcome).to_contain_text("05-Mar-2001")
    for line in (
        "PFS Primary\t9+\t3,297\tCensored: end of follow-up",
        "PFS FDA\t0+\t105\tCensored: local therapy",
        "Overall survival\t9+\t3,297\tCensored: last known alive 15-Mar-2010",
    ):
        assert line in outcome.locator("table").inner_text()
    expect(outcome).to_contain_text(re.compile(r"Courses, doses\s*2, 39"))
    sys.stdout.write(f"\n{keys.presses} presses in {keys.seconds:.1f} s\n")
    for form, count in {"courses": 2, "cycles": 4, "assessments": 6, "follow_ups": 5}.items():
        expect(page.locator(f"#h-{form} .count")).to_have_text(str(count))
    expect(page.locator("#h-local_therapies .count")).to_have_text("1")
    assert keys.presses <= MOST_PRESSES
