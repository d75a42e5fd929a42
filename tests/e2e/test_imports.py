"""Import in a browser: upload, name columns, preview with effect, commit, undo; also without JavaScript."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.accessibility import check
from tests.e2e.conftest import Visit, Visitor
from tests.importing import DECIDES, packed
from tests.patients.bundles import record, row
from tests.patients.import_tools import saved, texts
from tests.universe import SURVIVOR, Universe

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "screens"
# What the worker needs at most: a hint or a sweep, and the step itself.
PATIENCE = 30_000
PICTURES = ("ready", "effects")
KEYS = "Record ID,Date,Source,Vital status,Nurse\n"


def bundle() -> bytes:
    """A new record, a changed weight and a contact that decides an unknown."""
    forms = record("NEW-1")
    amended = {**SURVIVOR["patients"][0], "center": "C01", "weight_kg": "73"}
    contacts = [*forms["follow_ups"], DECIDES]
    return packed({**forms, "patients": [*forms["patients"], amended], "follow_ups": contacts})


def upload(page: Page, content: bytes) -> None:
    """Through the page, and until the worker has checked it."""
    page.locator("#id_bundle").set_input_files(
        [{"name": "bundle.zip", "mimeType": "application/zip", "buffer": content}]
    )
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Import of")


def becomes(page: Page, state: str) -> None:
    """The page says by itself when the worker is done."""
    expect(page.locator(".page-title .badge")).to_have_text(re.compile(state), timeout=PATIENCE)


def picture(visitor: Visitor, name: str) -> None:
    """For docs/import.md when SCREENS=1 asks for it."""
    wide = visitor.page.viewport_size == {"width": 1366, "height": 768}
    if os.environ.get("SCREENS") == "1" and name in PICTURES and wide:
        path = FOLDER / f"import-{name}-1366-light.png"
        visitor.page.screenshot(path=path, animations="disabled", full_page=True)


@pytest.mark.parametrize(
    ("width", "scheme", "javascript"),
    [(1366, "light", True), (320, "dark", True), (1366, "light", False)],
)
def test_upload_preview_commit_and_undo(
    visit: Visit, universe: Universe, width: int, scheme: str, javascript: bool
) -> None:
    visitor = visit("carla", width=width, scheme=scheme, javascript=javascript)
    page = visitor.open("/records/")
    page.get_by_role("link", name="Import", exact=True).click()
    page.get_by_role("link", name="New import").click()
    look(visitor, "new", javascript)
    upload(page, bundle())
    becomes(page, "Ready to import")
    assert texts(saved(record_id="C01-0002"), "follow_ups") != []
    look(visitor, "ready", javascript)
    page.get_by_role("link", name="Old and new values").first.click()
    page.get_by_label("Rows", exact=True).select_option("changed")
    page.get_by_role("button", name="Filter").click()
    changed = page.get_by_role("row").filter(has_text="Weight")
    expect(changed).to_contain_text("71.5 kg")
    expect(changed).to_contain_text("73 kg")
    expect(changed).to_contain_text("Changed")
    look(visitor, "cells", javascript)
    page.get_by_role("link", name="PFS and eligibility").first.click()
    decided = page.get_by_role("row").filter(has_text="C01-0002")
    expect(decided).to_contain_text(re.compile(r"Unknown\s+Yes"))
    look(visitor, "effects", javascript)
    page.get_by_role("link", name="Summary").click()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Say why")
    look(visitor, "no-reason", javascript)
    page.get_by_label("Reason").fill("New source document")
    page.get_by_role("button", name="Import", exact=True).click()
    becomes(page, "Imported")
    assert len(texts(saved(record_id="C01-0002"), "follow_ups")) == 3
    look(visitor, "committed", javascript)
    page.get_by_label("Reason").fill("Wrong file")
    page.get_by_role("button", name="Undo the import").click()
    becomes(page, "Undone")
    assert len(texts(saved(record_id="C01-0002"), "follow_ups")) == 2
    page.get_by_role("link", name="Imports").click()
    look(visitor, "list", javascript)


def look(visitor: Visitor, name: str, javascript: bool) -> None:
    """Without violations, nothing scrolls sideways; axe itself needs JavaScript."""
    if javascript:
        check(visitor, name)
        picture(visitor, name)


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1366, "dark")])
def test_names_are_asked_and_errors_shown_with_row_and_column(
    visit: Visit, universe: Universe, width: int, scheme: str
) -> None:
    visitor = visit("carla", width=width, scheme=scheme)
    page = visitor.open("/records/imports/new/")
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a file")
    check(visitor, "no file")
    line = "C01-0002,2012-03-05,visit,alive,Smith\nC01-0002,2012-02-30,visit,alive,Smith\n"
    upload(page, packed({"contacts.csv": KEYS + line}))
    becomes(page, "Columns to name")
    page.get_by_role("link", name="Name columns").click()
    page.get_by_label("contacts.csv").select_option("follow_ups")
    page.get_by_role("button", name="Keep and check the file").click()
    becomes(page, "Columns to name")
    page.get_by_role("link", name="Name columns").click()
    expect(page.get_by_label("Vital status")).to_have_value("vital_status")
    check(visitor, "columns")
    page.get_by_role("button", name="Keep and check the file").click()
    becomes(page, "Errors found")
    finding = page.get_by_role("row").filter(has_text="value.partial_date")
    expect(finding).to_contain_text("contacts.csv")
    expect(finding.get_by_role("cell").nth(2)).to_have_text("3")
    expect(finding.get_by_role("cell").nth(3)).to_have_text("date")
    check(visitor, "errors")
    page.get_by_role("link", name="Old and new values").first.click()
    check(visitor, "cells with errors")
    assert len(texts(saved(record_id="C01-0002"), "follow_ups")) == 2


def test_example_of_many_pages(visit: Visit, universe: Universe) -> None:
    """Forty records: pages of cells and of effects."""
    forms: dict[str, list[dict[str, object]]] = {}
    for number in range(40):
        for form, rows in record(f"N-{number:03}", birth_date=str(1920 + number)).items():
            forms.setdefault(form, []).extend(rows)
    forms["prior_therapies"] = [row("prior_therapies", "N-001", agent="<b>x</b>")]
    page = visit("carla").open("/records/imports/new/")
    upload(page, packed(forms))
    becomes(page, "Ready to import")
    page.get_by_role("link", name="Old and new values").first.click()
    expect(page.get_by_text("Page 1 of 9")).to_be_visible()
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("Page 2 of 9")).to_be_visible()
    nodes = page.evaluate("document.querySelectorAll('*').length")
    assert nodes < 3_000
