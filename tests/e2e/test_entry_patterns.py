"""Patterns of entry in a browser: dates, conditions, checks while typing, grid, without JavaScript."""

from __future__ import annotations

import re
import sys
import time

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.accessibility import check
from tests.e2e.conftest import Visit
from tests.universe import Universe

FIELDS_IN_VIEW = 40
SHOWN = """() => {
  const bar = document.querySelector(".actions.sticky").getBoundingClientRect().top;
  const groups = new Set();
  const isSeen = (control) => {
    const box = control.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return box.bottom <= bar && (top === control || control.contains(top));
  };
  for (const control of document.querySelectorAll("main form input:not([type=hidden]), main form select")) {
    const isOne = ["radio", "checkbox"].includes(control.type);
    if (isSeen(control)) groups.add(isOne ? control.name : control.id || control.name);
  }
  return [...groups];
}"""


def parts(page: Page, name: str) -> list[str]:
    """The three boxes of a date."""
    return [page.locator(f"#id_{name}{part}").input_value() for part in ("", "_month", "_year")]


def test_forty_fields_are_in_view(visit: Visit, universe: Universe) -> None:
    page = visit("carla").open(universe.url("survivor", "baseline/"))
    shown = page.evaluate(SHOWN)
    sys.stdout.write(f"\n{len(shown)} controls in view")
    assert len(shown) >= FIELDS_IN_VIEW
    small = page.evaluate(
        "[...document.querySelectorAll('.entry label, .entry legend, .entry input, .entry select')]"
        ".filter((e) => e.checkVisibility() && parseFloat(getComputedStyle(e).fontSize) < 12)"
        ".map((e) => e.textContent)"
    )
    assert small == []


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("2019-03-24", ["24", "Mar", "2019"]),
        ("24/3/2019", ["24", "Mar", "2019"]),
        ("24-Mar-2019", ["24", "Mar", "2019"]),
        ("3/2019", ["", "Mar", "2019"]),
        ("2019", ["", "", "2019"]),
    ],
)
def test_whole_date_fills_the_three_boxes(
    visit: Visit, universe: Universe, text: str, boxes: list[str]
) -> None:
    visitor = visit("carla")
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open(universe.url("survivor", "prior_therapies/new/"))
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.locator("#id_start_date").focus()
    page.keyboard.press("Control+v")
    assert parts(page, "start_date") == boxes
    page.locator("#id_end_date").fill(text)
    page.keyboard.press("Tab")
    assert parts(page, "end_date") == boxes
    expect(page.locator("#id_therapy_class")).to_be_focused()


def test_missing_part_of_a_date_is_named_at_its_box(visit: Visit, universe: Universe) -> None:
    page = visit("carla").open(universe.url("survivor", "prior_therapies/new/"))
    page.locator("#id_therapy_class").select_option("surgery")
    page.locator("#id_start_date").fill("31")
    page.locator("#id_start_date_year").fill("2020")
    page.keyboard.press("Control+s")
    summary = page.locator(".error-summary")
    expect(summary).to_be_focused()
    assert page.title().startswith("Error: ")
    words = "Start must include a month, or leave the day empty"
    expect(summary.get_by_role("link")).to_have_text(words)
    expect(page.locator("#id_start_date_error")).to_contain_text(words)
    summary.get_by_role("link").click()
    expect(page.locator("#id_start_date_month")).to_be_focused()
    page.keyboard.type("2")
    page.keyboard.press("Control+s")
    expect(page.locator(".error-summary")).to_contain_text("that month has 29 days")


def test_fields_come_and_go_and_no_value_is_lost(visit: Visit, universe: Universe) -> None:
    page = visit("carla").open(universe.url("survivor", "local_therapies/new/"))
    dose = page.locator("#id_dose_gy")
    expect(dose).to_be_hidden()
    page.locator("#id_modality").select_option("stereotactic")
    expect(dose).to_be_visible()
    expect(page.locator("#id_margin")).to_be_hidden()
    dose.fill("20")
    page.locator("#id_modality").select_option("metastasectomy")
    expect(dose).to_have_value("20")
    expect(page.locator("#id_dose_gy_unasked")).to_contain_text("stays until you empty it")
    page.locator("#id_date").fill("2004-05-03")
    page.keyboard.press("Control+s")
    expect(page.locator("#id_dose_gy_error")).to_contain_text("is asked only when Modality is")
    page.locator("#id_dose_gy").fill("")
    page.locator("#id_margin").select_option("R0")
    expect(page.locator("#id_dose_gy")).to_be_hidden()
    page.keyboard.press("Control+s")
    expect(page.locator("#h-local_therapies .count")).to_have_text("1")


def test_server_checks_a_field_when_it_is_left(visit: Visit, universe: Universe) -> None:
    visitor = visit("carla")
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    page = visitor.open(universe.url("progressed", "assessments/new/"))
    asked.clear()
    page.locator("#id_date").focus()
    page.keyboard.type("2005-01-03")
    page.keyboard.press("Tab")
    started = time.monotonic()
    error = page.locator("#id_date_error")
    expect(error).to_contain_text("is after the date of death")
    sys.stdout.write(f"\nmessage after {1000 * (time.monotonic() - started):.0f} ms")
    expect(page.locator("#id_response")).to_be_focused()
    assert page.locator("#id_date").get_attribute("aria-invalid") == "true"
    assert "id_date_error" in (page.locator("#id_date").get_attribute("aria-describedby") or "")
    expect(page.locator("#id_response_error")).to_have_count(0)  # not touched yet
    page.locator("#id_date_year").fill("2001")
    page.keyboard.press("Tab")
    expect(error).to_have_count(0)
    assert {
        re.sub(r"[0-9a-f-]{36}", "*", url.split("/records/")[1])
        for url in asked
        if "/records/" in url
    } <= {
        "*/assessments/new/",
        "drafts/save/",
    }


def test_calculated_values_follow_and_cannot_be_posted(visit: Visit, universe: Universe) -> None:
    page = visit("carla").open(universe.url("waiting", "baseline/"))
    imdc = page.locator("#calculated_imdc")
    expect(imdc).to_contain_text("0 to 6 of 6")
    page.locator("#id_imdc_anemia").select_option("no")
    expect(imdc).to_contain_text("0 to 5 of 6")
    expect(imdc).to_have_js_property("tagName", "OUTPUT")
    page.get_by_role("button", name="Formula: IMDC score", include_hidden=True).click()
    expect(page.locator("#calculated_imdc_help")).to_be_visible()
    grid = page.context.new_page()
    grid.goto(page.url.replace("baseline/", "grid/"))
    doses = grid.locator("#calculated_course1_doses")
    expect(doses).to_have_text("22 of 28 (79 %)")
    grid.locator("#id_c1_1_doses_given").fill("14")
    grid.keyboard.press("Tab")
    expect(doses).to_have_text("24 of 28 (86 %)")
    grid.evaluate(
        "document.querySelector('form.entry').insertAdjacentHTML('beforeend',"
        " '<input name=calculated_course1_doses value=99>')"
    )
    grid.locator("#id_reason").select_option("New source document")
    grid.keyboard.press("Control+s")
    expect(grid.locator("#cycles-1")).to_contain_text("14")
    grid.go_back()
    grid.reload()
    expect(grid.locator("#calculated_course1_doses")).to_have_text("24 of 28 (86 %)")


def test_help_opens_by_key_and_by_press(visit: Visit, universe: Universe) -> None:
    page = visit("carla").open(universe.url("survivor", "baseline/"))
    field = page.locator("#id_histology")
    field.focus()
    page.keyboard.press("F1")
    help_text = page.locator("#id_histology_help")
    expect(help_text).to_contain_text("Morphology code of ICD-O-3")
    page.keyboard.press("Escape")
    expect(help_text).to_be_hidden()
    expect(field).to_be_focused()


def test_grid_moves_repeats_and_copies_by_keys(visit: Visit, universe: Universe) -> None:
    page = visit("carla").open(universe.url("survivor", "grid/"))
    expect(page.locator("#id_c2_1_start_date")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#id_c1_2_start_date")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#id_c1_2_doses_planned")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#id_c2_1_doses_planned")).to_be_focused()
    page.keyboard.press("Control+d")
    expect(page.locator("#id_c2_1_doses_planned")).to_have_value("14")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Control+Shift+D")
    expect(page.locator("#id_c2_2_doses_planned")).to_have_value("14")
    names = page.locator("[data-box] > input").evaluate_all(
        "inputs => inputs.map((input) => input.getAttribute('aria-label'))"
    )
    assert len(set(names)) == len(names) > 40


def test_pasted_block_is_shown_before_it_is_put_in(visit: Visit, universe: Universe) -> None:
    visitor = visit("carla")
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open(universe.url("survivor", "grid/"))
    block = "2/8/1999\t14\t11\t80\n9/8/1999\t14\t7\t79.5\n"
    page.evaluate("text => navigator.clipboard.writeText(text)", block)
    page.locator("#id_c2_1_start_date").focus()
    page.keyboard.press("Control+v")
    dialog = page.get_by_role("dialog", name="Paste these cells?")
    expect(dialog.locator("tbody tr")).to_have_count(8)
    expect(dialog).to_contain_text("Course 2, cycle 1: Doses given")
    check(visitor, "paste preview")
    expect(page.locator("#id_c2_1_doses_given")).to_have_value("")
    page.keyboard.press("Escape")
    expect(page.locator("#id_c2_1_doses_given")).to_have_value("")
    page.keyboard.press("Control+v")
    dialog.get_by_role("button", name="Put into the grid").press("Enter")
    expect(page.locator("#id_c2_2_weight_kg")).to_have_value("79.5")
    page.keyboard.press("Control+s")
    expect(page.locator("#h-cycles .count")).to_have_text("4")


def test_every_form_works_without_javascript(visit: Visit, universe: Universe) -> None:
    page = visit("carla", javascript=False).open("/records/new/?disease=renal_cell")
    page.locator("#id_record_id").fill("C01-0200")
    page.locator("#id_birth_date").fill("14-Jul-1950")
    page.locator("#id_nephrectomy_date_year").fill("1999-05")
    page.locator("#id_nephrectomy").select_option("radical")
    page.get_by_role("radio", name="Male", exact=True).check()
    page.get_by_role("radio", name="Retrospective").check()
    page.get_by_role("button", name="Save and next").click()
    cells = {"c1_1_start_date": "5/3/2001", "c1_1_doses_given": "12", "c1_intent": "init"}
    for name, text in cells.items():
        page.locator(f"#id_{name}").fill(text)
    page.get_by_role("button", name="Add a course").click()
    page.locator("#id_c3_1_start_date").wait_for()
    page.locator("#id_c1_2_start_date").fill("12/3/2001")
    page.get_by_role("button", name="Course 1, cycle 2: copy the cycle above").click()
    expect(page.locator("#id_c1_2_doses_given")).to_have_value("12")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("#id_confirm_follow_up_gap").fill("Chart follows")
    page.get_by_role("button", name="Save and next").click()
    record = page.url.split("assessments/")[0]
    sheets = {
        "assessments": {"id_date": "18/6/2001", "id_response": "CR"},
        "prior_therapies": {"id_start_date": "2000", "id_therapy_class": "surgery"},
        "local_therapies": {"id_date_year": "20/8/2001", "id_modality": "metastasectomy"},
        "systemic_therapies": {"id_start_date": "2002-02-01", "id_therapy_class": "vaccine"},
        "follow_ups": {"id_date": "3/2003"},
    }
    for form, values in sheets.items():
        page.goto(f"{record}{form}/new/")
        for name, value in values.items():
            control = page.locator(f"#{name}")
            is_select = control.evaluate("element => element.tagName") == "SELECT"
            control.select_option(value) if is_select else control.fill(value)
        if form == "follow_ups":
            page.get_by_role("radio", name="Alive").check()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator(f"#h-{form} .count")).to_have_text("1")
    page.locator("#patients").get_by_role("link", name="Amend").click()
    expect(page.locator("#id_nephrectomy_date_month")).to_have_value("May")
    page.locator("#id_ecog").select_option("1")
    page.locator("#id_reason").select_option("New source document")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#patients")).to_contain_text("ECOG")
    page.locator("#assessments").get_by_role("link", name="Retract").click()
    page.locator("#id_reason").select_option("Transcription error")
    page.get_by_role("button", name="Retract").click()
    expect(page.locator("#assessments")).to_contain_text("Retracted")


FORMS = {
    "melanoma": "survivor:baseline/",
    "renal": "waiting:baseline/",
    "grid": "progressed:grid/",
    "grid-new": "untreated:grid/",
    "local": "progressed:local_therapies/new/",
    "contact": "survivor:follow_ups/new/",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 320])
def test_forms_empty_filled_and_refused_are_without_violations(
    visit: Visit, universe: Universe, width: int, scheme: str
) -> None:
    visitor = visit("carla", width=width, scheme=scheme)
    for name, where in FORMS.items():
        record, path = where.split(":")
        visitor.page.set_viewport_size({"width": width, "height": 768})
        page = visitor.open(universe.url(record, path))
        check(visitor, name)
        date = "#id_c1_1_start_date" if "grid" in path else "input[id$=_date], #id_date"
        page.locator(date).first.fill("31/2/2020")
        page.keyboard.press("Control+s")
        page.locator(".error-summary").wait_for()
        # Tall: what lies below the bar of buttons would count as a target of no size.
        page.set_viewport_size({"width": width, "height": 2400})
        check(visitor, f"{name} refused")


@pytest.mark.parametrize("width", [1366, 320])
def test_focus_is_never_covered_in_the_grid(visit: Visit, universe: Universe, width: int) -> None:
    page = visit("carla", width=width).open(universe.url("progressed", "grid/"))
    covered = page.evaluate(
        """() => [...document.querySelectorAll("main a[href], main input:not([type=hidden]), main select, main button")]
          .filter((control) => control.checkVisibility() && control.getAttribute("aria-hidden") !== "true")
          .filter((control) => {
            control.focus();
            const box = control.getBoundingClientRect();
            const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
            return !(top === control || control.contains(top) || top?.contains(control));
          }).map((control) => control.id || control.textContent)"""
    )
    assert covered == []


def test_budgets_of_the_form_pages(visit: Visit, universe: Universe) -> None:
    for path in ("baseline/", "grid/", "follow_ups/new/"):
        page = visit("carla").open(universe.url("survivor", path))
        entries = page.evaluate(
            "[...performance.getEntriesByType('resource'),"
            " ...performance.getEntriesByType('navigation')]"
            ".map((entry) => [entry.name, entry.encodedBodySize])"
        )
        size = sum(size for _, size in entries)
        sys.stdout.write(f"\n{path} {size} bytes in {len(entries)} requests")
        assert size <= 120_000
        assert len(entries) <= 8
        assert page.evaluate("document.querySelectorAll('*').length") <= 3_000
