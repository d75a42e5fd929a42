"""Pictures of docs/user-guide.md; written only when SCREENS=1 asks for it. All pages: gallery.py."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

from tests.e2e.accessibility import path_of
from tests.e2e.conftest import Visit
from tests.patients.pages import Visitor as Sender
from tests.patients.test_data_queries import QUERIES, open_query
from tests.patients.test_field_notes import change
from tests.universe import Universe, amend_record

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "screens"


def keep(page: Page, name: str) -> None:
    """A picture of what the window shows."""
    picture = page.screenshot(animations="disabled")
    assert len(picture) > 5_000
    if os.environ.get("SCREENS") == "1":
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{name}.png").write_bytes(picture)


def _conflict(page: Page, universe: Universe) -> None:
    page.locator("#id_weight_kg").fill("80")
    amend_record(universe, "survivor", [change("patients", weight_kg="72", race="white")])
    page.locator("#id_reason").select_option("Transcription error")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("#h-conflict").scroll_into_view_if_needed()


# Pictures of docs/user-guide.md: who looks at what, and what is done there first.
GUIDE: dict[str, tuple[str, str, Callable[[Page, Universe], None] | None]] = {
    "sign-in": ("", "/sign-in/", None),
    "records": ("carla", "/records/", None),
    "record": ("carla", "{survivor}", None),
    "entry": ("carla", "{waiting}follow_ups/new/", None),
    "conflict": ("carla", "{survivor}baseline/", _conflict),
    "queries": ("max", QUERIES, None),
    "query": ("carla", QUERIES + "{query}/", None),
    "import": ("carla", "/records/imports/", None),
    "unknown": ("carla", "{waiting}", None),
    "survival": ("carla", "/cohort/survival/", None),
}


def test_pictures_of_the_guide(visit: Visit, universe: Universe) -> None:
    query = open_query(universe, form="patients", field="weight_kg")
    Sender(universe, "carla").post(
        f"{QUERIES}{query}/answer/", {"text": "Weighed on the day of admission: 71.5 kg."}
    )
    windows = {name: visit(name) for name in ("", "carla", "max")}
    for name, (who, path, prepare) in GUIDE.items():
        address = path_of(universe, path.replace("{query}", str(query)))
        page = windows[who].open(address)
        if prepare is not None:
            prepare(page, universe)
        keep(page, f"guide-{name}")
