"""What axe finds on a page, and whether it scrolls sideways; all pages: test_page_matrix.py."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.e2e.conftest import Visitor
from tests.universe import Universe

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
    return [
        f"{rule['id']}: {node['target']}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]


def path_of(universe: Universe, path: str) -> str:
    """Names of records and accounts, and `center`, stand for the addresses of their pages."""
    places = {name: universe.url(name) for name in universe.records}
    for name, user in universe.users.items():
        places[name] = f"/administration/users/{user.public_id}/"
    places["center"] = f"/administration/centers/{universe.centers['C01'].public_id}/"
    return path.format(**places)


def check(visitor: Visitor, what: str) -> None:
    assert violations(visitor.page) == [], what
    width = visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0, what
