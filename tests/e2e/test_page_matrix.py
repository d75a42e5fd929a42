"""Every page, light and dark, wide and narrow: axe finds nothing, nothing scrolls sideways, no focus is covered.

The pages come from the routes (tests/e2e/sights.py): a new route is in the matrix or this fails. Each
is looked at filled (the synthetic demo), in an empty registry, and after a form was refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser

from tests.access_table import ABSENT, World
from tests.crawl import read_html
from tests.e2e import gallery
from tests.e2e.accessibility import TAGS
from tests.e2e.conftest import REPORT_VIOLATIONS, Visitor, watch
from tests.e2e.sights import (
    Sight,
    bare_sights,
    demo_world,
    shown_routes,
    sights,
    signed_in,
    text_of,
)
from tests.processes import Registry
from tests.universe import MELANOMA, Universe, add_record, build_people

# Routes that answer a GET with no page of their own: why, and where what they lead to is looked at.
NO_PAGES = {
    "access_log_download": "a file",
    "access_user_download": "a file",
    "api_absent": "404",
    "api_schema": "a file",
    "audit_finding_download": "a file",
    "audit_user_download": "a file",
    "cohort_file": "a file",
    "cohort_report_file": "a file",
    "export_file": "a file",
    "export_key": "a file",
    "import_report": "a file",
    "import_template": "a file",
    "record_history_download": "a file",
    "live": "for a load balancer",
    "ready": "for a load balancer",
    "metrics": "for a program",
    "session_keep": "for a script of the page",
    "record_outcome": "a part of the record page",
    "passkey_sign_in": "for a script of the page",
    "home": "leads to the person's first page",
    "hospital_sign_in": "leads to the hospital",
    "hospital_return": "leads back to sign-in",
    "row_restore": "leads to the record when nothing is retracted: test_entry_patterns.py",
    "import_columns": "leads to the import when no name is open: test_imports.py",
    "mfa_authenticate": "leads to sign-in without a password: test_sign_in.py",
    "account_recovery_codes": "404 without a second factor: test_sign_in.py",
}
# Forms in which nothing can be wrong, by their place in the page: buttons and searches.
NEVER_REFUSED: Mapping[str, Container[int]] = {
    "account": range(1000),  # one for each session
    "account_add_passkey": {0},  # sent by a script, with the browser's own dialog
    "account_login": {1},  # sign in with a passkey: the same
    "login": {1},
    "draft_list": {0},
    "due_list": {0},
    "export_end": {0},
    "import_detail": {1, 2, 3},
    "project_detail": {0, 1},
    "record_amend": {0},  # what was typed before is restored
    "record_list": {0},
    "record_switch": {0},
    "record_verify": {0},
    "user_sessions": {0},
    "view_list": {0},
}
REFUSALS = {
    404: Sight("absent", "carla", f"/records/{ABSENT}/"),
    403: Sight("refused", "ines", "/records/"),
}
WIDTHS = (1366, 320)
STYLES = Path(__file__).resolve().parents[2] / "registry/static/registry/registry.css"
# All that dark changes (test_dark_is_other_colours_and_nothing_else).
COLOURS = ["color-contrast", "link-in-text-block"]
LOOK = """async ([type, values]) => {
  const found = await axe.run(document, {
    runOnly: {type, values}, resultTypes: ["violations"], preload: false, iframes: false});
  const wrong = found.violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${node.target} ${node.any[0]?.message ?? ""}`));
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0) wrong.push(`scrolls sideways by ${wide} px`);
  return wrong;
}"""
# Each control in order and back again: something of it is seen when it has the focus.
COVERED = """() => {
  const all = [...document.querySelectorAll("a[href], input, select, textarea, button, summary, [tabindex='0']")]
    .filter((one) => one.checkVisibility({visibilityProperty: true}) && !one.disabled && one.type !== "hidden"
      && one.tabIndex >= 0);
  const seen = (one) => {
    one.focus();
    if (document.activeElement !== one) return true;
    return [...one.getClientRects()].some((box) => [.5, .02, .98].some((x) => [.5, .1, .9].some((y) => {
      const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
      const [above, below] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
      const top = document.elementFromPoint(left + (right - left) * x, above + (below - above) * y);
      return top && (top === one || one.contains(top) || top.contains(one) && !one.closest("label, fieldset")
        || [...(one.labels ?? [])].some((label) => label.contains(top)));
    })));
  };
  const told = (one) => `covered: ${one.tagName} ${one.id || one.textContent.trim().slice(0, 40)}`;
  const covered = [...all, ...all.toReversed()].filter((one) => !seen(one)).map(told);
  document.activeElement.blur();
  scrollTo(0, 0);
  return covered;
}"""


@dataclass
class Looker:
    """A window that looks at one page after another, and what was wrong in them."""

    visitor: Visitor
    universe: Universe

    def open(self, sight: Sight) -> int:
        """The page, as somebody who has just signed in; its status."""
        context = self.visitor.context
        context.clear_cookies()
        jar = signed_in(self.universe, sight.who).cookies
        address = self.visitor.address
        context.add_cookies(
            [{"name": name, "value": one.value, "url": address} for name, one in jar.items()]
        )
        self.visitor.page.set_viewport_size({"width": 1366, "height": 768})
        self.visitor.page.emulate_media(color_scheme="light")
        answer = self.visitor.page.goto(address + sight.path)
        assert answer is not None
        return answer.status

    def look(self, name: str) -> Iterator[str]:
        """What is wrong with the open page, wide and narrow, light and dark."""
        page = self.visitor.page
        page.evaluate(AXE_SCRIPT)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 768})
            page.emulate_media(color_scheme="light")
            found = [*page.evaluate(LOOK, ["tag", TAGS]), *page.evaluate(COVERED)]
            page.emulate_media(color_scheme="dark")
            found += [f"dark: {wrong}" for wrong in page.evaluate(LOOK, ["rule", COLOURS])]
            yield from (f"{name} {width}: {wrong}" for wrong in found)
        for complaint in self.visitor.complaints:
            yield f"{name}: {complaint}"
        self.visitor.complaints.clear()


Look = Callable[[Universe], Looker]
# What nobody means: dates and numbers that are none, nothing chosen, nothing ticked, nothing written.
SEND_NONSENSE = """(place) => {
  const form = document.querySelectorAll("main form[method=post]")[place];
  for (const one of form.elements) {
    if (one.type === "checkbox" || one.type === "radio") one.checked = false;
    else if (one.tagName === "SELECT" && one.options[0]?.value === "") one.value = "";
    else if (one.inputMode === "numeric" || one.inputMode === "decimal") one.value = "?";
    else if (["text", "textarea", "date", "email", "password"].includes(one.type)) one.value = "";
  }
  form.noValidate = true;
  form.requestSubmit(form.querySelector("button:not([formaction], [type=button])"));
}"""


@pytest.fixture
def look(registry: Registry, chromium: Browser) -> Iterator[Look]:
    """Opens one watched window for all pages."""
    context = chromium.new_context(reduced_motion="reduce")
    context.add_init_script(REPORT_VIOLATIONS)
    context.set_default_timeout(120_000)
    visitor = Visitor(registry.address, context, context.new_page())
    watch(visitor)
    yield lambda universe: Looker(visitor, universe)
    context.close()


@pytest.mark.requirement("U1")
def test_every_filled_page(look: Look, database: None) -> None:
    world = demo_world()
    looker = look(world.universe)
    pages = filled(world)
    wrong = [f"{sight.name}: needs JavaScript" for sight in pages if needs_script(pages[sight])]
    wrong += [f"{sight.name}: {day}" for sight in pages for day in ambiguous(pages[sight])]
    missing = {route.name for route in shown_routes()} - {one.name.split("-")[0] for one in pages}
    assert missing == set(NO_PAGES)
    headings: dict[Sight, str] = {}
    for sight in pages:
        assert looker.open(sight) == 200, sight
        if gallery.wanted():
            headings[sight] = gallery.keep(looker.visitor.page, sight)
        wrong += looker.look(sight.name)
    if gallery.wanted():
        gallery.write_index(headings)
    assert gallery.kept() == {one.name for one in pages}, "Ask for pictures: SCREENS=1"
    assert not wrong, "\n".join(wrong)


@pytest.mark.requirement("U1")
def test_every_refused_form(look: Look, database: None) -> None:
    world = demo_world()
    looker = look(world.universe)
    wrong: list[str] = []
    number = 0
    for sight in filled(world):
        looker.open(sight)
        for place in range(looker.visitor.page.locator("main form[method=post]").count()):
            wrong += refused(looker, sight, place)
            number += 1
    assert number > 60
    assert not wrong, "\n".join(wrong)


def filled(world: World) -> dict[Sight, str]:
    """The pages of the demo with their text."""
    pages = {sight: text_of(world.universe, sight) for sight in sights(world)}
    return {sight: text for sight, text in pages.items() if text}


def ambiguous(text: str) -> list[str]:
    """Days of numbers alone, which two countries read as two days; forms say that they take one."""
    found = [match[0] for match in re.finditer(r"\b\d{1,2}([/.])\d{1,2}\1\d{4}\b", text)]
    return [day for day in found if day != "24/3/2019"]


def needs_script(text: str) -> bool:
    """Whether a form of the page has no button that sends it; those of passkeys are shown by their script."""
    forms = read_html("/", text).forms
    return any(
        all(control.kind != "submit" for control in form.controls)
        for form in forms
        if "credential" not in [control.name for control in form.controls]
    )


def refused(looker: Looker, sight: Sight, place: int) -> Iterator[str]:
    """What is wrong with the page of a form that was sent with nonsense."""
    route = sight.name.split("-")[0]
    if place in NEVER_REFUSED.get(route, ()):
        return
    looker.open(sight)
    page = looker.visitor.page
    with page.expect_navigation():
        page.evaluate(SEND_NONSENSE, place)
    if page.title().startswith("Error"):
        yield from looker.look(f"{sight.name} refused")
    else:
        yield f"{sight.name} {place} was not refused: {page.title()}"


@pytest.mark.requirement("U1")
def test_every_page_where_there_is_nothing(look: Look, database: None) -> None:
    universe = build_people()
    looker = look(universe)
    wrong: list[str] = []
    for status, refusal in REFUSALS.items():
        assert looker.open(refusal) == status
        wrong += looker.look(refusal.name)
    for record in (None, {"patients": [{**MELANOMA, "record_id": "C01-0001"}]}):
        saved = record and add_record(universe.centers["C01"], record).public_id
        for sight in bare_sights(saved):
            if text_of(universe, sight):
                assert looker.open(sight) == 200, sight
                wrong += looker.look(f"{sight.name} empty")
    assert not wrong, "\n".join(wrong)


def test_dark_is_other_colours_and_nothing_else() -> None:
    text = STYLES.read_text()
    dark = re.findall(r"@media \(prefers-color-scheme: dark\) \{\s*:root \{([^{}]*)\}\s*\}", text)
    assert len(dark) == text.count("prefers-color-scheme") == 1
    names = [line.split(":")[0].strip() for line in dark[0].split(";") if line.strip()]
    assert len(names) > 20
    assert all(name.startswith("--") for name in names)
