"""Soft checks: unlikely, saved after confirmation with a reason, or opened as queries.

With partial dates each asks whether the likely is still possible, and is silent when it is:
a date that is only known to the month or year raises no query of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import chain, pairwise
from typing import Final

from patients.partial_dates import PartialDate
from patients.rules.checks_catalog import finding
from patients.rules.record import Dated, Finding, History, Row

SURGERY: Final = frozenset(("metastasectomy", "nephrectomy", "lymphadenectomy"))
RESIDUAL_DAYS: Final = 60
CYCLE_DAYS: Final = (5, 9)
CYCLE_DAYS_ROUGH: Final = (4, 21)
COURSE_DAYS: Final = (5 * 7, 26 * 7)
LATE_DAYS: Final = 365
CONTACT_MONTHS: Final = 24


def years_between(start: date, end: date) -> int:
    """Completed years by calendar anniversaries; 29 February counts from 28 February."""
    return end.year - start.year - (end < _anniversary(start, end.year))


def _anniversary(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def check_baseline(history: History) -> Iterator[Finding]:
    """age.range, ldh.range, breslow.range, weight.range, t0.late of the patient's row."""
    patient = history.record.patient
    if _above(patient, "ldh_ratio", 20):
        yield finding("ldh.range", patient, "ldh_ratio")
    if _above(patient, "breslow_mm", 20):
        yield finding("breslow.range", patient, "breslow_mm")
    if _weight_unlikely(patient):
        yield finding("weight.range", patient, "weight_kg")
    if history.t0_lo is None:
        return
    if history.birth is not None:
        start = min(dated.date.point for dated in history.given)
        if not 18 <= years_between(history.birth.point, start) <= 90:
            yield finding("age.range", patient, "birth_date")
    metastatic = patient.partial("metastatic_diagnosis_date")
    if metastatic is None or patient.values.get("cohort") != "prospective":
        return
    if (history.t0_lo - metastatic.hi).days > LATE_DAYS:
        yield finding("t0.late", patient, "metastatic_diagnosis_date")


def _above(row: Row, name: str, limit: int) -> bool:
    value = row.values.get(name)
    return isinstance(value, Decimal) and value > limit


def _weight_unlikely(row: Row) -> bool:
    weight = row.values.get("weight_kg")
    return isinstance(weight, Decimal) and not 30 <= weight <= 200


def check_treatment(history: History) -> Iterator[Finding]:
    """dose.level, weight.range, weight.change, cycles.gap, courses.gap."""
    for row in history.courses:
        if row.values.get("dose_level") == "other":
            yield finding("dose.level", row, "dose_level")
    cycles = sorted(history.cycles, key=_cycle_key)
    last_weight: Decimal | None = None
    for row in cycles:
        weight = row.values.get("weight_kg")
        if isinstance(weight, Decimal):
            if not 30 <= weight <= 200:
                yield finding("weight.range", row, "weight_kg")
            if last_weight and abs(weight - last_weight) > last_weight / 5:
                yield finding("weight.change", row, "weight_kg")
            last_weight = weight
    for before, row in pairwise(cycles):
        yield from _check_gap(before, row)


def _cycle_key(row: Row) -> tuple[int, int]:
    return row.whole("course_number") or 0, row.whole("cycle_number") or 0


def _check_gap(before: Row, row: Row) -> Iterator[Finding]:
    """The days from one cycle's start to the next, as an interval of what is possible."""
    start, end = before.partial("start_date"), row.partial("start_date")
    if start is None or end is None:
        return
    least, most = (end.lo - start.hi).days, (end.hi - start.lo).days
    if before.whole("course_number") != row.whole("course_number"):
        if not _meets(least, most, COURSE_DAYS):
            yield finding("courses.gap", row, "start_date")
        return
    rough = least != most  # known to the month or year only
    if not _meets(least, most, CYCLE_DAYS_ROUGH if rough else CYCLE_DAYS):
        yield finding("cycles.gap", row, "start_date")


def _meets(least: int, most: int, likely: tuple[int, int]) -> bool:
    return least <= likely[1] and most >= likely[0]


def check_response(history: History) -> Iterator[Finding]:
    """response.cr_after_pd and local.residual_after_pd."""
    progressions = [d for d in history.assessments if d.row.values.get("response") == "PD"]
    if not progressions:
        return
    told: set[int] = set()
    for dated in sorted(history.assessments, key=lambda d: d.date.lo):
        if dated.row.values.get("response") == "CR":
            before = [d for d in progressions if d.date.hi < dated.date.lo]
            last = max(before, key=lambda d: d.date.hi, default=None)
            if last is None or id(last) in told or _therapy_between(history, last.date, dated.date):
                continue
            told.add(id(last))  # one finding a progression, at the first CR after it
            yield finding("response.cr_after_pd", dated.row, "response")
    for dated in history.local:
        if _residual_surgery(dated.row) and any(_soon_after(p, dated) for p in progressions):
            yield finding("local.residual_after_pd", dated.row, "indication")


def _therapy_between(history: History, start: PartialDate, end: PartialDate) -> bool:
    """Whether a cycle, local or systemic therapy can lie between the two."""
    return any(
        d.date.hi >= start.lo and d.date.lo <= end.hi
        for rows in (history.given, history.local, history.systemic)
        for d in rows
    )


def _residual_surgery(row: Row) -> bool:
    return (
        row.values.get("indication") == "residual_disease" and row.values.get("modality") in SURGERY
    )


def _soon_after(progression: Dated, surgery: Dated) -> bool:
    """Certainly on or after the progression and certainly within 60 days of it."""
    if surgery.date.lo < progression.date.hi:
        return False
    return surgery.date.hi - progression.date.lo <= timedelta(days=RESIDUAL_DAYS)


def check_contact(history: History, today: date) -> Iterator[Finding]:
    """follow_up.gap: the last spell of more than 24 months without any sign of the patient.

    From T0 to death, or to today while no death is known. The finding stands at the row before
    the spell.
    """
    if history.t0_lo is None:
        return
    signs = chain(
        history.given, history.assessments, history.local, history.systemic, history.contacts
    )
    seen = [dated for dated in signs if dated.date.hi >= history.t0_lo]
    seen.sort(key=lambda d: d.date.hi, reverse=True)
    next_seen = history.death.lo if history.death is not None else today
    for dated in seen:
        if _months_later(dated.date.hi, CONTACT_MONTHS) < next_seen:
            yield finding("follow_up.gap", dated.row, dated.field)
            return
        next_seen = min(next_seen, dated.date.lo)


def _months_later(day: date, months: int) -> date:
    return _anniversary(day, day.year + months // 12)
