"""Entry in a browser: coded reasons, unsaved changes, pressing twice, the keyboard, nothing stored."""

from __future__ import annotations

from playwright.sync_api import Dialog, Page, expect

from tests.e2e.conftest import Visit
from tests.universe import Universe


def amend(visit: Visit, universe: Universe, form: str, place: int = 0) -> Page:
    row = universe.row_id("survivor", form, place)
    return visit("carla").open(universe.url("survivor", f"{form}/{row}/"))


def test_coded_reason_takes_the_place_of_the_value(visit: Visit, universe: Universe) -> None:
    page = amend(visit, universe, "cycles")
    doses = page.get_by_label("Doses given", exact=True)
    page.get_by_label("Doses given: reason for no value").select_option("UNK")
    expect(doses).to_be_disabled()
    page.get_by_label("Reason", exact=False).last.select_option("New source document")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#cycles-1")).to_contain_text("Unknown")


def test_leaving_with_unsaved_changes_asks_first(visit: Visit, universe: Universe) -> None:
    page = amend(visit, universe, "cycles")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_role("link", name="Records").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Records")
    assert asked == []
    page.go_back()
    page.get_by_label("Doses given", exact=True).fill("9")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_label("Doses given", exact=True)).to_have_value("9")
    assert asked == ["beforeunload"]


def test_pressing_save_twice_saves_one_row(visit: Visit, universe: Universe) -> None:
    page = visit("carla").open(universe.url("survivor", "prior_therapies/new/"))
    page.get_by_label("Class").select_option("radiotherapy")
    page.get_by_role("button", name="Save", exact=True).dblclick()
    expect(page.locator("#h-prior_therapies .count")).to_have_text("2")


def test_whole_entry_goes_by_keyboard(visit: Visit, universe: Universe) -> None:
    page = visit("carla").open("/records/")
    page.get_by_label("Registry number, record ID, MRN").focus()
    page.keyboard.type("C01-0002")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Record IL2-")
    add = page.locator("#follow_ups").get_by_role("link", name="Add")
    add.focus()
    page.keyboard.press("Enter")
    page.locator("#id_date").focus()
    page.keyboard.type("20/2/2012")
    page.locator("#id_source").focus()
    page.keyboard.type("Pho")
    page.get_by_label("Alive", exact=True).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("heading", name="Unlikely, but possible")).to_be_visible()
    page.get_by_label("Follow-up: Date is followed").focus()
    page.keyboard.type("Lived abroad")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Record IL2-")
    expect(page.locator("#follow_ups")).to_contain_text("20-Feb-2012")
    expect(page.locator("#follow_ups")).to_contain_text("Phone")


def test_focused_control_is_never_covered(visit: Visit, universe: Universe) -> None:
    page = visit("carla").open(universe.url("survivor", "baseline/"))
    covered = page.evaluate(
        """() => [...document.querySelectorAll("main a[href], main input:not([type=hidden]), main select, main button")]
          .filter((control) => control.checkVisibility())
          .filter((control) => {
            control.focus();
            const box = control.getBoundingClientRect();
            const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
            return !(top === control || control.contains(top) || top?.contains(control));
          }).map((control) => control.id || control.textContent)"""
    )
    assert covered == []


def test_browser_keeps_nothing_and_the_page_is_small(visit: Visit, universe: Universe) -> None:
    visitor = visit("carla")
    page = visitor.open(universe.url("survivor", "baseline/"))
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    requests = page.evaluate(
        "performance.getEntriesByType('resource').length"
        " + performance.getEntriesByType('navigation').length"
    )
    size = page.evaluate(
        "[...performance.getEntriesByType('resource'),"
        " ...performance.getEntriesByType('navigation')]"
        ".reduce((sum, entry) => sum + entry.encodedBodySize, 0)"
    )
    assert requests <= 8
    assert size < 120_000


def test_page_says_recomputing_until_the_new_outcome_is_there(
    visit: Visit, universe: Universe
) -> None:
    page = amend(visit, universe, "cycles")
    answers: list[int] = []
    page.on(
        "response",
        lambda response: answers.append(response.status) if "/outcome/" in response.url else None,
    )
    page.locator("#id_start_date").fill("1999-05-01")
    page.get_by_label("Reason", exact=False).last.select_option("New source document")
    page.get_by_role("button", name="Save").click()
    outcome = page.locator("#record-outcome")
    expect(outcome).to_contain_text("01-May-1999", timeout=10_000)
    expect(outcome).not_to_contain_text("Recomputing")
    expect(page.locator("#record-status")).to_have_text("Eligible")
    assert set(answers) <= {200, 204}
    assert answers.count(200) <= 1
