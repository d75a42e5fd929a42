"""The grid of courses and cycles: one save, words for codes, copying, pasting, errors in their cells."""

from __future__ import annotations

import pytest

from tests.patients.pages import Page, Visitor
from tests.patients.test_pages_entry import REASON, errors, state
from tests.query_counts import pinned_queries
from tests.universe import Universe


def cycles(universe: Universe, record: str) -> list[tuple[object, ...]]:
    """Course, cycle, start and doses of the live cycles."""
    names = ("course_number", "cycle_number", "start_date", "doses_given")
    rows = state(universe, record).live("cycles")
    return [tuple(str(row.values.get(name)) for name in names) for row in rows]


def grid(universe: Universe, record: str, username: str = "carla") -> tuple[Visitor, str, Page]:
    visitor, path = Visitor(universe, username), universe.url(record, "grid/")
    return visitor, path, visitor.get(path)


def test_two_new_courses_are_saved_at_once_from_words(universe: Universe) -> None:
    visitor, path, page = grid(universe, "untreated")
    typed = {
        "c1.intent": "init",
        "c1.1.start_date": "3/5/2010",
        "c1.1.doses_given": "12",
        "c1.1.hold_reasons": "hypot, Renal",
        "c1.1.icu": "y",
        "c1.2.start_date": "May 2010",
        "c1.2.doses_given": "unk",
        "c2.1.start_date": "2010-08-02",
        "c2.1.doses_given": "9",
        "confirm.follow_up.gap": "Lived abroad",
    }
    saved = visitor.post(path, {**page.form, **typed, "onward": "1"})
    assert errors(saved.text) == []
    assert (saved.status, saved.url) == (302, universe.url("untreated", "assessments/new/"))
    assert cycles(universe, "untreated") == [
        ("1", "1", "2010-05-03", "12"),
        ("1", "2", "2010-05", "Missing(reason='UNK')"),
        ("2", "1", "2010-08-02", "9"),
    ]
    now = state(universe, "untreated")
    assert now.live("cycles")[0].values["hold_reasons"] == ("hypotension", "renal")
    assert [row.value("intent") for row in now.live("courses")] == ["initial", None]
    text = visitor.get(path).text
    assert "Hypotension; Renal" in text
    assert "at least 12 of 28 (43 %)" in text
    assert "91 days" in text


def test_unchanged_grid_changes_nothing_and_a_change_needs_its_reason(universe: Universe) -> None:
    visitor, path, page = grid(universe, "progressed")
    before = state(universe, "progressed").live("cycles")
    assert visitor.post(path, page.form).status == 302
    changed = {**page.form, "c1.1.doses_given": "11"}
    refused = visitor.post(path, changed)
    assert errors(refused.text) == [("#id_reason", "Give the reason for the change")]
    assert visitor.post(path, {**changed, **REASON}).status == 302
    after = state(universe, "progressed").live("cycles")
    assert [row.values for row in after[1:]] == [row.values for row in before[1:]]
    assert after[0].value("doses_given") == 11


def test_errors_stand_in_their_cells_and_nothing_is_saved(universe: Universe) -> None:
    visitor, path, page = grid(universe, "progressed")
    before = cycles(universe, "progressed")
    typed = {
        "c1.1.doses_given": "15",
        "c2.2.start_date": "1/1/2000",
        "c3.2.hold_reasons": "p",
        "c3.1.start_date": "2001-01-01",
    }
    page = visitor.post(path, {**page.form, **typed, **REASON})
    assert page.status == 422
    assert [href for href, _ in errors(page.text)] == [
        "#id_c1_1_doses_given",
        "#id_c3_2_start_date",
        "#id_c3_2_hold_reasons",
    ]
    mended = {**page.form, "c1.1.doses_given": "12", "c3.2.hold_reasons": ""}
    page = visitor.post(path, mended)
    assert errors(page.text)[0][0] == "#id_c2_2_start_date"
    assert cycles(universe, "progressed") == before


def test_course_without_a_cycle_is_refused_at_its_row(universe: Universe) -> None:
    visitor, path, page = grid(universe, "survivor")
    page = visitor.post(path, {**page.form, "c2.intent": "continuation"})
    assert page.status == 422
    assert errors(page.text)[0][0] == "#id_c2_intent"


def test_buttons_that_change_only_the_grid(universe: Universe) -> None:
    visitor, path, page = grid(universe, "survivor")
    more = visitor.post(path, {**page.form, "c2.1.start_date": "2/8/1999", "grid": "more"})
    assert 'name="c3.2.start_date"' in more.text
    assert "Nothing is saved yet" in more.text
    copied = visitor.post(path, {**more.form, "copy": "2.1"})
    assert copied.form["c2.1.doses_given"] == "10"
    assert copied.form["c2.1.start_date"] == "02-Aug-1999"
    assert cycles(universe, "survivor") == [
        ("1", "1", "1999-05-03", "12"),
        ("1", "2", "1999-05-10", "10"),
    ]


@pytest.mark.parametrize("header", [True, False])
def test_pasted_cells_are_shown_before_they_are_saved(universe: Universe, header: bool) -> None:
    visitor, path, page = grid(universe, "survivor")
    rows = ["1\t2\t10/5/1999\t14\t9", "2\t1\t2/8/1999\t14\t11", "3\t1\t2/11/1999\t14\t7"]
    text = "course_number\tcycle_number\tStart\tdoses_planned\tDoses given\n" + "\n".join(rows)
    if not header:
        text = "2/8/1999\t14\t11\n9/8/1999\t14\t7\n"
    shown = visitor.post(path, {**page.form, "grid": "paste", "paste": text})
    assert shown.status == 200
    assert len(cycles(universe, "survivor")) == 2
    assert ("Pasted; was 10" in shown.text) == header
    assert visitor.post(path, {**shown.form, **REASON}).status == 302
    found = [(course, cycle, doses) for course, cycle, _, doses in cycles(universe, "survivor")]
    more = [("2", "1", "11"), ("3", "1", "7")] if header else [("2", "1", "11"), ("2", "2", "7")]
    assert found == [("1", "1", "12"), ("1", "2", "9" if header else "10"), *more]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Nothing was pasted"),
        ("course_number\twhatever\n1\t2", "names a column that the grid does not have"),
        ("1\t2\t3\t4\t5\t6\t7\t8\t9\t10", "more than 9 cells"),
        ("course_number\tcycle_number\n1\t3", "no course and cycle number"),
        ("course_number\tcycle_number\n99\t1", "no course and cycle number"),
    ],
)
def test_what_cannot_be_pasted_is_named(universe: Universe, text: str, words: str) -> None:
    visitor, path, page = grid(universe, "survivor")
    assert words in visitor.post(path, {**page.form, "grid": "paste", "paste": text}).text


def test_version_of_the_page_is_held(universe: Universe) -> None:
    visitor, path, page = grid(universe, "survivor")
    typed = {**page.form, "c1.1.doses_given": "11", "c1.2.doses_given": "9", **REASON}
    other = visitor.post(path, {**visitor.get(path).form, "c1.2.doses_given": "8", **REASON})
    assert other.status == 302
    conflict = visitor.post(path, typed)
    assert conflict.status == 409
    assert "Saved meanwhile: 8" in conflict.text
    assert visitor.post(path, conflict.form).status == 302
    assert [doses for *_, doses in cycles(universe, "survivor")] == ["11", "9"]


def test_forms_and_their_saving_need_a_fixed_number_of_queries(universe: Universe) -> None:
    visitor = Visitor(universe, "carla")
    assessment = universe.url("survivor", "assessments/new/")
    visitor.get(assessment)
    with pinned_queries("row_create"):
        page = visitor.get(assessment)
    typed = {**page.form, "date": "2010-05-03", "response": "CR"}
    with pinned_queries("row_create.check"):
        answer = visitor.client.post(assessment, typed, headers={"X-Registry-Check": "1"})
    assert answer.json()["errors"] == {}
    with pinned_queries("row_create.save"):
        assert visitor.post(assessment, typed).status == 302
    path = universe.url("survivor", "grid/")
    with pinned_queries("course_grid"):
        page = visitor.get(path)
    typed = {**page.form, "c2.1.start_date": "2/8/1999", "c1.1.doses_given": "9", **REASON}
    with pinned_queries("course_grid.save"):
        assert visitor.post(path, typed).status == 302
