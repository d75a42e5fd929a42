"""Two people at one record: nothing typed is lost, and each value is chosen, never overwritten."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.accessibility import violations
from tests.e2e.conftest import Visit
from tests.patients.signing import lock
from tests.universe import Universe

REASON = "Transcription error"


def save(page: Page) -> None:
    reason = page.locator("#id_reason")
    if reason.count() and not reason.input_value():
        reason.select_option(REASON)
    page.get_by_role("button", name="Save", exact=True).click()


@pytest.mark.parametrize("javascript", [True, False])
def test_second_of_two_chooses_field_by_field(
    visit: Visit, universe: Universe, javascript: bool
) -> None:
    path = universe.url("survivor", "baseline/")
    first = visit("carla", javascript=javascript).open(path)
    second = visit("bea", javascript=javascript).open(path)
    for page, weight, ratio, race in ((first, "72", "1.1", "white"), (second, "80", "1.4", "")):
        page.get_by_label("Weight", exact=False).first.fill(weight)
        page.locator("#id_ldh_ratio").fill(ratio)
        if race:
            page.get_by_label("Race").select_option(race)
    second.locator("#id_breslow_mm").fill("2.5")
    save(first)
    expect(first.get_by_role("heading", level=1)).to_contain_text("Record IL2-")
    with second.expect_response(lambda answer: answer.request.is_navigation_request()) as sent:
        save(second)
    assert sent.value.status == 409
    table = second.get_by_role("region", name="Saved meanwhile by somebody else")
    row = table.get_by_role("row", name="Weight")
    for value in ("71.5 kg", "72 kg", "80 kg"):
        expect(row).to_contain_text(value)
    expect(table.get_by_role("row", name="Race")).to_contain_text("not changed by you")
    if javascript:  # axe waits by timers, which a page without scripts has not
        assert violations(second) == []
    row.get_by_label("Theirs").check()
    save(second)
    expect(second.get_by_role("heading", level=1)).to_contain_text("Record IL2-")
    shown = second.locator("#patients")
    expect(shown).to_contain_text("72 kg")
    for kept in ("1.4", "White", "2.5 mm"):
        expect(shown).to_contain_text(kept)


def test_row_retracted_meanwhile_becomes_a_new_row(visit: Visit, universe: Universe) -> None:
    row = universe.row_id("survivor", "follow_ups", 1)
    path = universe.url("survivor", f"follow_ups/{row}/")
    writer, other = visit("bea").open(path), visit("carla").open(path + "retract/")
    writer.locator("#id_source").select_option("phone")
    other.locator("#id_reason").select_option(REASON)
    other.get_by_role("button", name="Retract").dblclick()
    expect(other.locator("#follow_ups tr[data-retracted]")).to_have_count(1)
    save(writer)
    expect(writer.get_by_role("alert").first).to_contain_text("was retracted while you were")
    expect(writer.locator("#id_source")).to_have_value("phone")
    assert violations(writer) == []
    save(writer)
    expect(writer.locator("#follow_ups tr:not([data-retracted])", has_text="Phone")).to_have_count(
        1
    )


def test_record_retired_meanwhile_keeps_what_was_typed(visit: Visit, universe: Universe) -> None:
    writer = visit("bea").open(universe.url("untreated", "baseline/"))
    writer.locator("#id_weight_kg").fill("66")
    other = visit("carla").open(universe.url("untreated", "retire/"))
    other.locator("#id_reason").select_option(index=1)
    other.get_by_role("button", name="Retire").click()
    expect(other.locator("#record-status")).to_contain_text("Retired")
    save(writer)
    expect(writer.get_by_role("alert").first).to_contain_text("This record was retired while")
    expect(writer.locator("#id_weight_kg")).to_have_value("66")
    assert violations(writer) == []


def test_locked_meanwhile_keeps_the_typed_and_is_then_read_as_text(
    visit: Visit, universe: Universe
) -> None:
    path = universe.url("survivor", "baseline/")
    writer = visit("carla").open(path)
    writer.locator("#id_weight_kg").fill("66")
    lock(universe, "survivor")
    save(writer)
    expect(writer.locator("main")).to_contain_text("This record is locked by")
    expect(writer.locator("#id_weight_kg")).to_have_value("66")
    reader = visit("bea").open(path)
    expect(reader.locator("main")).to_contain_text("This record is locked by")
    expect(reader.locator("main")).to_contain_text("71.5 kg")
    assert reader.locator("main :is(input, select, textarea):not([type=hidden])").count() == 0
    assert violations(reader) == []
