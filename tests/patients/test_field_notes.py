"""What stands beside fields: their history and queries, on the record page and in forms."""

from __future__ import annotations

import re

from patients.actions.changes import RowChange
from tests.patients.pages import Visitor
from tests.patients.test_pages_record import words
from tests.query_counts import pinned_queries
from tests.universe import Universe, amend_record, read_values


def change(form: str, row_id: int | None = None, **texts: str) -> RowChange:
    return RowChange(form, read_values(form, texts), row_id)


def test_amended_and_asked_fields_tell_their_history_in_one_query(universe: Universe) -> None:
    scan = universe.row_key("survivor", "assessments")
    amend_record(
        universe,
        "survivor",
        [change("patients", weight_kg="72"), change("assessments", scan, response="CR")],
    )
    amend_record(universe, "survivor", [change("patients", weight_kg="73.5", ecog="1")])
    row = universe.row_id("survivor", "assessments")
    place = f"?form=assessments&row={row}&field=basis"
    max_ = Visitor(universe, "max")
    max_.fill(universe.url("survivor", f"queries/new/{place}"), text="Only imaging?")

    carla = Visitor(universe, "carla")
    with pinned_queries("record_detail"):
        page = carla.get(universe.url("survivor")).text
    shown = words(page)
    for old, new in (("71.5", "72"), ("72", "73.5")):
        told = rf"{old} kg &rarr; became {new} kg . Made by a test"
        assert re.search(told, shown), re.findall(r".{60}became.{60}", shown)
    assert 'aria-label="Weight: 3 entries"' in page
    assert 'aria-label="Response: 2 entries"' in page
    assert 'aria-label="Basis: 1 query"' in page
    assert 'aria-label="Sex: ' not in page  # never amended, not asked about
    assert page.count('popovertarget="note-patients-') == 2
    assert f"?form=assessments&amp;field=response&amp;row={row}" in page
    assert "Raise a query on" not in page
    own = max_.get(universe.url("survivor")).text
    assert f"queries/new/?form=assessments&amp;field=response&amp;row={row}" in own
    ids = [part.split('"')[0] for part in page.split('<div popover class="panel" id="')[1:]]
    assert len(set(ids)) == len(ids) == 5  # the fifth asks about a gap between contacts

    form = carla.get(universe.url("survivor", "baseline/")).text
    assert 'aria-label="Weight: 3 entries"' in form
    form = carla.get(universe.url("survivor", f"assessments/{row}/")).text
    assert 'aria-label="Basis: 1 query"' in form
    assert f"?form=assessments&amp;field=response&amp;row={row}" in form
