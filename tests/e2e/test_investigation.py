"""What investigators keep and hand on, in a browser: data cuts, the report, sensitivity, saved views."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.analytics.test_known import follow_up
from tests.e2e.conftest import Visit
from tests.universe import Universe, amend_record

OTHER_HOST = re.compile(rb"""(?:src|href)=["'](?:https?:)?//""")


def make_cut(page: Page, name: str) -> None:
    page.get_by_role("link", name="New data cut").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make the cut").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Data cuts").click()


def test_cuts_are_made_compared_locked_and_come_out_again(visit: Visit, universe: Universe) -> None:
    page = visit("dana").open("/cohort/cuts/")
    make_cut(page, "Before the visit")
    amend_record(universe, "waiting", [follow_up("2013-05-06")])
    make_cut(page, "After it")
    page.get_by_role("button", name="Compare").click()
    changed = page.get_by_role("region", name="Records that differ").get_by_role("row")
    expect(changed).to_have_count(2)  # the heading and the one record
    expect(changed.nth(1)).to_contain_text("Made by a test")
    page.get_by_role("link", name="After it").click()
    page.get_by_role("link", name="Lock").click()
    page.get_by_label("Reason").fill("Final")
    page.get_by_role("button", name="Lock").click()
    expect(page.get_by_role("link", name="Rename")).to_have_count(0)
    page.get_by_role("link", name="Derive it again").click()
    expect(page.locator("main")).to_contain_text("The same.")


def test_report_is_one_file_that_shows_what_the_page_shows(
    visit: Visit, chromium: Browser, tmp_path: Path
) -> None:
    page = visit("dana").open("/cohort/report/")
    shown = page.locator("main table").all_inner_texts()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="One file (HTML)").click()
    file = tmp_path / "report.html"
    waiting.value.save_as(file)
    assert OTHER_HOST.search(file.read_bytes()) is None
    with chromium.new_page(offline=True) as alone:
        alone.goto(file.as_uri())
        assert alone.locator("main table").all_inner_texts() == shown
    assert len(shown) > 2


def test_sensitivity_shows_four_readings_that_follow_the_question(visit: Visit) -> None:
    page = visit("dana").open("/cohort/sensitivity/?records=treated")
    summary = page.get_by_role("region", name="Summary of each curve").first
    expect(summary.get_by_role("rowheader")).to_have_count(4)
    before = summary.inner_text()
    page.get_by_text("Filters and what-if").click()
    page.get_by_label("Data cutoff").fill("2006-06-30")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("main")).to_contain_text("What if the data had ended on 30-Jun-2006?")
    assert summary.inner_text() != before


def test_view_is_saved_opened_and_removed(visit: Visit) -> None:
    page = visit("dana").open("/cohort/survival/?endpoint=os&sex=male")
    page.get_by_role("link", name="Save this view").click()
    page.get_by_label("Name").fill("Men, overall survival")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Men, overall survival").click()
    expect(page).to_have_url(
        re.compile(r"/cohort/survival/\?(endpoint=os&sex=male|sex=male&endpoint=os)")
    )
    page.go_back()
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("main")).to_contain_text("No views yet")
