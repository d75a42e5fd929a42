"""The main thread through the house, in a browser: sign in, find, read, amend, see the new outcome."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visit
from tests.universe import PASSWORD, Universe


def save(page: Page) -> None:
    """Save; what is merely unlikely is confirmed with a reason, as the page asks."""
    page.locator("main form button[type=submit]").first.click()
    boxes = page.locator("[aria-labelledby=h-confirm] input[type=text]")
    if boxes.count():
        for box in boxes.all():
            box.fill("As in the chart")
        page.locator("main form button[type=submit]").first.click()


def test_wrong_password_is_refused_in_the_same_words_as_an_unknown_account(visit: Visit) -> None:
    texts = []
    for username in ("carla", "nobody-there"):
        page = visit().open("/sign-in/")
        page.locator("#id_username").fill(username)
        page.locator("#id_password").fill("not the password")
        page.get_by_role("button", name="Sign in").click()
        texts.append(page.get_by_role("alert").inner_text())
    assert texts[0] == texts[1]


def test_coordinator_finds_a_record_by_its_number(visit: Visit, universe: Universe) -> None:
    page = visit("carla").open("/records/")
    page.get_by_label("Registry number, record ID").fill("C01-0002")
    page.get_by_role("button", name="Find").click()
    expect(page).to_have_url(page.url.split("/records/")[0] + universe.url("waiting"))
    assert "C01-0002" not in page.url


def test_amended_date_changes_the_outcome_through_the_worker(
    visit: Visit, universe: Universe
) -> None:
    page = visit("carla").open(universe.url("waiting"))
    expect(page.get_by_text("Unknown").first).to_be_visible()
    row = universe.row_id("waiting", "follow_ups", 1)
    page.goto(page.url + f"follow_ups/{row}/")
    page.locator("input[name=date]").fill("2012-02-20")
    page.locator("#id_reason").select_option(index=1)
    save(page)
    expect(page.get_by_text("Eligible").first).to_be_visible(timeout=10_000)
    outcome = page.locator("#record-outcome")
    expect(outcome).not_to_contain_text("Recomputing", timeout=10_000)
    expect(outcome).to_contain_text("follow-up 20-Feb-2012", ignore_case=True)


def test_every_form_works_without_javascript(visit: Visit, universe: Universe) -> None:
    visitor = visit("carla", javascript=False)
    page = visitor.open(universe.url("survivor", "assessments/new/"))
    page.locator("input[name=date]").fill("24/3/2013")
    page.locator("select[name=response]").select_option("CR")
    save(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Record IL2-")
    expect(page.locator("main")).to_contain_text("24-Mar-2013")


def test_error_summary_names_the_field_and_takes_the_reader_there(
    visit: Visit, universe: Universe
) -> None:
    page = visit("carla").open(universe.url("survivor", "assessments/new/"))
    page.locator("input[name=date]").fill("31 2 2020")
    page.locator("select[name=response]").select_option("CR")
    save(page)
    assert page.title().startswith("Error: ")
    summary = page.locator("[role=alert]").first
    expect(summary).to_be_focused()
    summary.get_by_role("link").first.click()
    expect(page.locator("input[name=date]")).to_be_focused()
    expect(page.locator("input[name=date]")).to_have_value("31")
    expect(page.locator("input[name='date.year']")).to_have_value("2020")


def test_two_editors_of_one_record_lose_nothing(visit: Visit, universe: Universe) -> None:
    row = universe.row_id("survivor", "assessments", 1)
    path = universe.url("survivor", f"assessments/{row}/")
    first, second = visit("carla").open(path), visit("bea").open(path)
    for page, day in ((first, "1999-11-09"), (second, "1999-11-10")):
        page.locator("input[name=date]").fill(day)
        page.locator("#id_reason").select_option(index=1)
        save(page)
    expect(second.locator("main")).to_contain_text("09-Nov-1999")
    expect(second.locator("input[name=date]")).to_have_value("10")
    expect(second.locator("input[name='date.year']")).to_have_value("1999")


def test_sign_out_closes_the_pages(visit: Visit, universe: Universe) -> None:
    visitor = visit("carla")
    visitor.page.get_by_role("button", name="Sign out").click()
    page = visitor.open(universe.url("survivor"))
    assert "/sign-in/" in page.url
    assert "C01-0001" not in page.content()
    assert PASSWORD not in page.content()
