"""The dashboards in a browser: drawn values equal computed ones, files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import transaction
from playwright.sync_api import Browser, Page

from centers.access import acting, system_scope
from centers.models import User
from centers.roles import Role
from tests.analytics.conftest import Readers, person, readers, signed_in
from tests.e2e.conftest import REPORT_VIOLATIONS, Visitor, watch
from tests.processes import Registry

__all__ = ["readers"]
PAGES = {
    "survival": "/cohort/survival/?records=treated&by=disease",
    "progression": "/cohort/progression/",
    "flow": "/cohort/flow/",
    "swimmer": "/cohort/swimmer/",
    "accrual": "/cohort/accrual/",
    "quality": "/cohort/quality/",
}
KINDS = {"SVG": "svg", "PDF": "pdf", "PNG, 300 dpi": "png", "CSV": "csv", "JSON": "json"}
STARTS = {"svg": b"<svg", "pdf": b"%PDF-1.7", "png": b"\x89PNG", "json": b"{"}

Open = Callable[..., Visitor]


@pytest.fixture
def manager(readers: Readers) -> User:
    """A member of every center."""
    with acting(system_scope()), transaction.atomic():
        return person("manager", Role.DATA_MANAGER)


@pytest.fixture
def window(registry: Registry, chromium: Browser) -> Iterator[Open]:
    """Opens watched windows in which a person has signed in already."""
    opened: list[Visitor] = []

    def start(user: User, width: int = 1366, scheme: str = "light") -> Visitor:
        context = chromium.new_context(
            viewport={"width": width, "height": 768},
            color_scheme="dark" if scheme == "dark" else "light",
            accept_downloads=True,
        )
        context.add_init_script(REPORT_VIOLATIONS)
        context.add_cookies(
            [
                {"name": name, "value": morsel.value, "url": registry.address}
                for name, morsel in signed_in(user).cookies.items()
            ]
        )
        visitor = Visitor(registry.address, context, context.new_page())
        watch(visitor)
        opened.append(visitor)
        return visitor

    yield start
    for visitor in opened:
        visitor.context.close()
    assert [complaint for visitor in opened for complaint in visitor.complaints] == []


def download(page: Page, label: str) -> bytes:
    with page.expect_download(timeout=30_000) as waiting:
        page.locator(f"figure a[href*='.{KINDS[label]}']").first.click()
    return Path(str(waiting.value.path())).read_bytes()


@pytest.mark.parametrize(
    "name", ["survival", "progression", "flow", "swimmer", "accrual", "quality"]
)
def test_figure_comes_as_every_file(window: Open, manager: User, name: str) -> None:
    page = window(manager).open(PAGES[name])
    for label, kind in KINDS.items():
        found = download(page, label)
        if kind in STARTS:
            assert found.startswith(STARTS[kind]), kind
        else:
            assert len(list(csv.reader(io.StringIO(found.decode())))) > 2


@pytest.mark.parametrize(
    ("name", "value"), [("survival", "survival"), ("progression", "incidence")]
)
def test_drawn_values_equal_computed_ones(
    window: Open, manager: User, name: str, value: str
) -> None:
    page = window(manager).open(PAGES[name])
    computed = json.loads(download(page, "JSON"))["groups"]
    drawn = page.locator("svg.chart [data-days]").all()
    assert len(drawn) == len(computed)
    for group, curve in zip(drawn, computed, strict=True):
        assert group.get_attribute("data-label") == curve["group"]
        days = [int(day) for day in (group.get_attribute("data-days") or "").split()]
        values = [float(one) for one in (group.get_attribute("data-values") or "").split()]
        assert days[1:] == [point["day"] for point in curve["curve"]]
        assert values[1:] == pytest.approx([p[value] for p in curve["curve"]], abs=6e-5)


def test_crosshair_tells_each_curve_under_the_pointer(window: Open, manager: User) -> None:
    page = window(manager).open(PAGES["survival"])
    svg = page.locator("svg[data-plot]")
    assert svg.locator(".crosshair").get_attribute("visibility") == "hidden"
    box = svg.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    told = svg.locator(".crosshair").text_content()
    assert told is not None
    assert "years" in told
    assert "Melanoma:" in told
    assert "at risk" in told
    page.mouse.move(0, 0)
    assert svg.locator(".crosshair").get_attribute("visibility") == "hidden"


def test_flow_leads_to_its_records_and_on_to_one(window: Open, manager: User) -> None:
    page = window(manager).open(PAGES["flow"])
    number = page.locator("svg a text").first.text_content()
    page.locator("svg a").nth(1).click()
    page.locator("th[scope=row] a").first.click()
    assert "/records/" in page.url
    assert number is not None


def test_swimmer_pages_over_sixty_lanes_and_leads_to_a_record(window: Open, manager: User) -> None:
    page = window(manager).open(PAGES["swimmer"])
    assert page.locator("[data-record]").count() == 60
    first = page.locator("[data-record]").first.get_attribute("data-record")
    page.get_by_role("link", name="Next lanes").click()
    assert page.locator("[data-record]").first.get_attribute("data-record") != first
    page.locator("svg a").first.click()
    assert "/records/" in page.url
