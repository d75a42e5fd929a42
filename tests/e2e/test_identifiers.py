"""Revealing, retiring, erasing, downloading and duplicates as people do them; axe finds nothing."""

from __future__ import annotations

import pytest

from patients.actions.changes import RowChange
from tests.e2e.accessibility import check
from tests.e2e.conftest import Visit
from tests.universe import Universe, amend_record, read_values


def make_twin(universe: Universe) -> None:
    """The survivor of First is also the stranger of Second."""
    texts = {"birth_date": "1951-07-14", "initials": "AB"}
    amend_record(universe, "stranger", [RowChange("patients", read_values("patients", texts))])


@pytest.mark.parametrize(("width", "scheme"), [(1366, "light"), (360, "dark")])
def test_acts_on_identifiers(visit: Visit, universe: Universe, width: int, scheme: str) -> None:
    make_twin(universe)
    monitor = visit("max", width=width, scheme=scheme)
    page = monitor.open(universe.url("survivor", "reveal/"))
    check(monitor, "reveal")
    page.get_by_role("button", name="Reveal").click()
    check(monitor, "reveal without a reason")
    page.locator("#id_reason").select_option("Query to the site")
    page.get_by_role("button", name="Reveal").click()
    page.get_by_text("C01-0001").wait_for()
    check(monitor, "revealed")

    coordinator = visit("carla", width=width, scheme=scheme)
    page = coordinator.open(universe.url("waiting", "retire/"))
    check(coordinator, "retire")
    page.locator("#id_reason").select_option("Entered twice")
    page.get_by_role("button", name="Retire").click()
    page.get_by_text("counts for nothing").wait_for()
    check(coordinator, "retired record")
    page = coordinator.open("/records/?state=retired")
    check(coordinator, "retired list")
    page = coordinator.open("/records/download/")
    check(coordinator, "download")
    page.get_by_label("Records, as an import bundle").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename.endswith("-records.zip")

    investigator = visit("petra", width=width, scheme=scheme)
    page = investigator.open(universe.url("survivor", "erase/"))
    page.get_by_role("button", name="Erase for ever").click()
    check(investigator, "erase with errors")
    number = page.locator(".record-banner strong").first.inner_text()
    page.get_by_label("Day of the request").fill("2-Mar-2026")
    page.get_by_label("to be sure").fill(number)
    page.locator("#id_reason").select_option("Letter of the person")
    page.get_by_role("button", name="Erase for ever").click()
    page.get_by_text("Identifiers erased").wait_for()
    check(investigator, "erased record")


@pytest.mark.parametrize(("width", "scheme"), [(1366, "light"), (360, "dark")])
def test_data_manager_assesses_duplicates(
    visit: Visit, universe: Universe, width: int, scheme: str
) -> None:
    make_twin(universe)
    manager = visit("dana", width=width, scheme=scheme)
    page = manager.open("/monitoring/duplicates/")
    check(manager, "duplicates")
    page.get_by_role("link", name="Assess").click()
    check(manager, "one person?")
    page.get_by_role("button", name="Save").click()
    check(manager, "one person? with errors")
    page.get_by_label("Same person").check()
    page.get_by_label("How you know").fill("both sites asked")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("What you found is kept").wait_for()
    check(manager, "no duplicates left")
