"""The page of a record: timeline, undo of a retraction, a likely duplicate, and paper."""

from __future__ import annotations

from itertools import pairwise

from playwright.sync_api import Page, expect

from tests.e2e.accessibility import check
from tests.e2e.conftest import Visit
from tests.e2e.pdf_text import page_texts
from tests.e2e.test_records import number_of
from tests.universe import Universe


def test_timeline_figure_and_list_hold_the_same_in_the_same_order(
    visit: Visit, universe: Universe
) -> None:
    visitor = visit("carla")
    for record in ("survivor", "progressed", "untreated"):
        page = visitor.open(universe.url(record))
        listed = page.locator("ol.timeline li").evaluate_all(
            "lines => lines.map((li) => [li.querySelector('a').getAttribute('href'),"
            " `${li.querySelector('time').textContent}: ${li.querySelector('a').textContent}`])"
        )
        drawn = page.locator("svg.record-timeline a").evaluate_all(
            "marks => marks.map((a) => [a.getAttribute('href'), a.querySelector('title').textContent])"
        )
        assert listed == drawn
        assert len(listed) > 1
        places = page.locator("svg.record-timeline .mark").evaluate_all(
            "marks => marks.map((mark) => { const box = mark.getBBox(); return box.x + box.width / 2; })"
        )
        assert all(a <= b + 0.2 for a, b in pairwise(places))
    page = visitor.open(universe.url("survivor"))
    page.locator("svg.record-timeline a.il2").last.click()
    assert page.url.endswith("#cycles-2")


def test_retraction_is_undone_without_javascript(visit: Visit, universe: Universe) -> None:
    visitor = visit("carla", javascript=False)
    page = visitor.open(universe.url("survivor"))
    page.locator("#assessments").get_by_role("link", name="Retract").first.click()
    page.locator("#id_reason").select_option(index=1)
    page.get_by_role("button", name="Retract").click()
    row = page.locator("#assessments tr[data-retracted]")
    expect(row).to_have_count(1)
    row.get_by_role("link", name="Restore").click()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("link", name="Give the reason")).to_be_visible()
    page.locator("#id_reason").select_option(index=1)
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("status")).to_contain_text("counts again")
    expect(page.locator("#assessments tr[data-retracted]")).to_have_count(0)


def enter_a_twin(page: Page) -> None:
    page.locator("[name=record_id]").fill("C01-0777")
    page.locator("[name^='birth_date']").first.fill("14-Jul-1951")
    page.locator("[name=mrn]").fill("881234")
    for name, value in (("sex", "female"), ("cohort", "retrospective"), ("consent", "signed")):
        control = page.locator(f"[name={name}]")
        if control.first.evaluate("c => c.tagName") == "SELECT":
            control.select_option(value)
        else:
            page.locator(f"[name={name}][value={value}]").check()
    page.get_by_role("button", name="Save", exact=True).click()


def test_likely_duplicate_is_shown_before_it_is_created(visit: Visit, universe: Universe) -> None:
    visitor = visit("carla")
    page = visitor.open("/records/new/?disease=melanoma")
    enter_a_twin(page)
    twins = page.locator("#twins")
    expect(twins).to_contain_text("same MRN, same birth date and sex")
    # What lies half below the sticky bar counts as too small: a window that shows it all.
    page.set_viewport_size({"width": 1366, "height": 2400})
    check(visitor, "duplicate")
    link = twins.get_by_role("link", name=number_of(universe, "survivor"))
    assert link.get_attribute("href") == universe.url("survivor")
    for box in page.locator("[aria-labelledby=h-confirm] input[type=text]").all():
        box.fill("Twin sister")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("The record was created")


def test_paper_has_the_number_on_every_page(visit: Visit, universe: Universe) -> None:
    visitor = visit("carla")
    page = visitor.open(universe.url("survivor", "print/"))
    number = number_of(universe, "survivor")
    texts = page_texts(page.pdf(prefer_css_page_size=True))
    assert len(texts) >= 2
    for place, text in enumerate(texts, 1):
        assert number in text
        assert "Printed" in text
        assert f"Page{place}of{len(texts)}" in text
    whole = " ".join(texts)
    assert "[no_evidence_of_disease]" in whole
    assert "Amend" not in whole  # links are left out on paper
    page = visitor.open("/records/blank/?disease=renal_cell")
    check(visitor, "blank forms")
    blank = page_texts(page.pdf(prefer_css_page_size=True))
    assert all("Registrynumber:IL2-" in text for text in blank)
    assert "Nephrectomy" in " ".join(blank)
    assert "Breslow" not in " ".join(blank)
