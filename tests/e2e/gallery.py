"""Pictures of pages for docs/screenshots, with their index; written only when SCREENS=1 asks for it."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from playwright.sync_api import Page, ViewportSize

from tests.e2e.sights import Sight
from tests.universe import USERS

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "screenshots"
TALLEST = 1300
QUALITY = 55
# Where an address begins -> the heading above its pictures.
SECTIONS: Mapping[str, str] = {
    "/records": "Records",
    "/monitoring": "Monitoring",
    "/cohort": "Cohort",
    "/exports": "Exports",
    "/administration": "Administration",
    "/sign-in": "Sign-in and account",
    "/welcome": "Sign-in and account",
    "/confirm": "Sign-in and account",
    "/account": "Sign-in and account",
    "/api": "REST API",
}
INTRODUCTION = """# Screenshots

Every page of the registry, as a person who may see it sees it: 1366 pixels wide, light scheme, long pages cut.
**All data are synthetic**: no person described here exists, and the centers are invented.

The test of all pages makes them and this index:
`SCREENS=1 .venv/bin/python -m pytest tests/e2e/test_page_matrix.py`. It also looks at each page in the dark
scheme, at 320 pixels, in an empty registry and after a refused form ([design system](../design-system.md)).
"""


def wanted() -> bool:
    """Whether pictures are asked for."""
    return os.environ.get("SCREENS") == "1"


def keep(page: Page, sight: Sight) -> str:
    """A picture of the page from its top; its heading."""
    heading = page.locator("h1").first.inner_text()
    tall = int(page.evaluate("document.documentElement.scrollHeight"))
    size: ViewportSize = {"width": 1366, "height": min(max(tall, 300), TALLEST)}
    # A window as tall as the picture: bars that stick to its end stand where they belong.
    page.set_viewport_size(size)
    clip = {"x": 0, "y": 0, **size, "scale": 1}
    asked = {"format": "webp", "quality": QUALITY, "clip": clip, "captureBeyondViewport": True}
    session = page.context.new_cdp_session(page)
    picture = base64.b64decode(session.send("Page.captureScreenshot", asked)["data"])
    session.detach()
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{sight.name}.webp").write_bytes(picture)
    return heading


def kept() -> set[str]:
    """The sights that have a picture."""
    return {path.stem for path in FOLDER.glob("*.webp")}


def write_index(headings: Mapping[Sight, str]) -> None:
    """The page that shows all pictures; pictures that nobody made this time are removed."""
    for name in kept() - {sight.name for sight in headings}:
        (FOLDER / f"{name}.webp").unlink()
    lines = [INTRODUCTION]
    for section in dict.fromkeys(SECTIONS.values()):
        lines += _section(section, [s for s in headings if _section_of(s) == section], headings)
    (FOLDER / "README.md").write_text("\n".join(lines))


def _section_of(sight: Sight) -> str:
    return next(words for start, words in SECTIONS.items() if sight.path.startswith(start))


def _section(title: str, sights: Sequence[Sight], headings: Mapping[Sight, str]) -> list[str]:
    lines = [f"## {title}", ""]
    for sight in sights:
        roles = ", ".join(role.value.replace("_", " ") for role, _ in USERS.get(sight.who, ()))
        lines += [f"### {headings[sight]}", f"`{sight.name}`, seen by {_article(roles)}.", ""]
        lines += [f"![{headings[sight]}]({sight.name}.webp)", ""]
    return lines


def _article(roles: str) -> str:
    if not roles:
        return "anybody"
    return f"an {roles}" if roles[0] in "aeiou" else f"a {roles}"
