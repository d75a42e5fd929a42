"""Checks of order: what cannot lie before birth, after death, in the future or out of sequence.

All work on lo/hi and refuse only what is impossible: cycle 1 in `2001` before cycle 2 in
`2001-03-10` passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from patients.rules.checks_catalog import finding
from patients.rules.record import Dated, Finding, History, Row

DOSES_PER_COURSE: Final = 28
# No events: a waiver of consent may be given after death, and death itself.
NOT_AFTER_DEATH_EXEMPT: Final = frozenset(("consent_date", "date_of_death"))


def check_birth(history: History) -> Iterator[Finding]:
    """order.birth: birth.lo < every other date's hi."""
    if history.birth is None:
        return
    born = history.birth.lo
    for dated in history.dates:
        if born >= dated.date.hi:
            yield finding("order.birth", dated.row, dated.field)


def check_future(history: History, today: date) -> Iterator[Finding]:
    """date.future: a date, birth included, that certainly lies after today."""
    if history.birth is not None and history.birth.lo > today:
        yield finding("date.future", history.record.patient, "birth_date")
    for dated in history.dates:
        if dated.date.lo > today:
            yield finding("date.future", dated.row, dated.field)


def check_death(history: History) -> Iterator[Finding]:
    """order.after_death (contacts with vital status dead excepted) and death.date_missing."""
    if history.death is not None:
        died = history.death.hi
        for dated in history.dates:
            if dated.date.lo > died and _is_event(dated):
                yield finding("order.after_death", dated.row, dated.field)
        return
    for row in history.record.rows.get("follow_ups", ()):
        if not row.retracted and row.values.get("vital_status") == "dead":
            yield finding("death.date_missing", row, "vital_status")


def _is_event(dated: Dated) -> bool:
    """A contact that tells of the death may come after it; no other row with a date may."""
    if dated.field in NOT_AFTER_DEATH_EXEMPT:
        return False
    return dated.row.values.get("vital_status") != "dead"


def check_courses(history: History) -> Iterator[Finding]:
    """Courses and cycles: numbers, belonging, order and the doses of a course."""
    courses = {_course_number(row): row for row in history.courses}
    cycles = _cycles_by_course(history)
    yield from _check_keys(history)
    for position, number in enumerate(sorted(courses), start=1):
        if number != position:
            yield finding("course.numbers", courses[number], "course_number")
            break
    for number, row in courses.items():
        if number not in cycles:
            yield finding("course.cycle_missing", row, "course_number")
    for number, rows in cycles.items():
        if number not in courses:
            yield from (finding("cycle.course_missing", row, "course_number") for row in rows)
        yield from _check_cycles(rows)
    yield from _check_course_order(cycles)


def _course_number(row: Row) -> int:
    """0 when it is empty, which is refused elsewhere."""
    return row.whole("course_number") or 0


def _cycles_by_course(history: History) -> dict[int, list[Row]]:
    cycles: dict[int, list[Row]] = {}
    for row in history.cycles:
        cycles.setdefault(_course_number(row), []).append(row)
    return cycles


def _check_keys(history: History) -> Iterator[Finding]:
    """row.duplicate: two live courses, or two live cycles of a course, with one number."""
    seen: set[object] = set()
    for row in history.courses + history.cycles:
        key = (row.form, row.whole("course_number"), row.whole("cycle_number"))
        if key in seen:
            yield finding("row.duplicate", row, "course_number")
        seen.add(key)


def _check_cycles(rows: list[Row]) -> Iterator[Finding]:
    """order.cycles and dose.course_total within one course."""
    if sum(row.whole("doses_given") or 0 for row in rows) > DOSES_PER_COURSE:
        yield finding("dose.course_total", rows[-1], "doses_given")
    if len(rows) < 2:
        return
    starts = {row.whole("cycle_number"): row for row in rows}
    first = starts[1].partial("start_date") if 1 in starts else None
    second = starts[2].partial("start_date") if 2 in starts else None
    if first and second and second.hi < first.lo:
        yield finding("order.cycles", starts[2], "start_date")


def _check_course_order(cycles: dict[int, list[Row]]) -> Iterator[Finding]:
    """order.courses: a cycle certainly before a cycle of any course with a lower number."""
    latest: date | None = None
    for number in sorted(cycles):
        starts = [(row, row.partial("start_date")) for row in cycles[number]]
        for row, start in starts:
            if latest is not None and start is not None and start.hi < latest:
                yield finding("order.courses", row, "start_date")
        lows = [start.lo for _, start in starts if start is not None]
        latest = max(lows + ([latest] if latest else []), default=None)
