"""axe finds nothing on any page, light and dark, wide and narrow; nothing scrolls sideways."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.e2e.conftest import Visit, Visitor
from tests.universe import Universe

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = {
    "list": ("carla", "/records/"),
    "record": ("carla", "{survivor}"),
    "unknown": ("carla", "{waiting}"),
    "not-treated": ("carla", "{untreated}"),
    "new": ("carla", "/records/new/"),
    "new-melanoma": ("carla", "/records/new/?disease=melanoma"),
    "baseline": ("carla", "{survivor}baseline/"),
    "consent": ("carla", "{survivor}consent/"),
    "course": ("carla", "{survivor}courses/new/"),
    "assessment": ("carla", "{survivor}assessments/new/"),
    "local-therapy": ("carla", "{survivor}local_therapies/new/"),
    "monitor": ("max", "{survivor}"),
    "cohort": ("ines", "/cohort/"),
    "cohort-own": ("carla", "/cohort/"),
    "absent": ("carla", "/records/00000000-0000-4000-8000-000000000000/"),
    "refused": ("ines", "/records/"),
    "centers": ("adam", "/administration/centers/"),
    "center": ("adam", "{center}"),
    "center-new": ("adam", "/administration/centers/new/"),
    "center-close": ("adam", "{center}close/"),
    "people": ("adam", "/administration/users/"),
    "people-none": ("adam", "/administration/users/?state=closed"),
    "person": ("adam", "{bea}"),
    "person-own": ("adam", "{adam}"),
    "person-new": ("adam", "/administration/users/new/"),
    "person-close": ("adam", "{bea}deactivate/"),
    "membership-new": ("adam", "{bea}memberships/new/"),
    "operations": ("adam", "/administration/operations/"),
    "clients": ("adam", "/administration/clients/"),
    "client-new": ("adam", "/administration/clients/new/"),
}


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 320])
def test_every_page_is_without_violations(
    visit: Visit, universe: Universe, scheme: str, width: int
) -> None:
    visitors: dict[str, Visitor] = {}
    stranger = visit(width=width, scheme=scheme)
    stranger.open("/sign-in/")
    check(stranger, "sign-in")
    for name, (username, path) in PAGES.items():
        if username not in visitors:
            visitors[username] = visit(username, width=width, scheme=scheme)
        visitors[username].open(path_of(universe, path))
        check(visitors[username], name)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 320])
def test_form_with_errors_is_without_violations(
    visit: Visit, universe: Universe, scheme: str, width: int
) -> None:
    visitor = visit("carla", width=width, scheme=scheme)
    page = visitor.open(universe.url("survivor", "assessments/new/"))
    page.locator("main form button[type=submit]").first.click()
    assert page.title().startswith("Error")
    check(visitor, "form with errors")
