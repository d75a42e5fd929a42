"""Values that follow from what was entered: read-only on the page, computed by the server alone.

Partial dates and missing inputs give a range, never a guess. Formulas are shown beside the values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from patients.partial_dates import MONTHS, PartialDate
from patients.rules.dictionary import CYCLES, PATIENTS, RENAL_CELL
from patients.rules.record import History, RecordState, Row

PLANNED_BY_DEFAULT: Final = 14
IMDC_FACTORS: Final = (
    "imdc_anemia",
    "imdc_hypercalcemia",
    "imdc_neutrophilia",
    "imdc_thrombocytosis",
)
IMDC_GROUPS: Final = (
    gettext_noop("favorable"),
    gettext_noop("intermediate"),
    gettext_noop("intermediate"),
    gettext_noop("poor"),
)
# Texts of one number, and of a range.
_DAYS: Final = (gettext_noop("%(least)s days"), gettext_noop("%(least)s to %(most)s days"))
_YEARS: Final = (gettext_noop("%(least)s years"), gettext_noop("%(least)s to %(most)s years"))
_OF_SIX: Final = (gettext_noop("%(least)s of 6"), gettext_noop("%(least)s to %(most)s of 6"))
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Calculated:
    """One value with its formula; `id` is that of its output on the page."""

    id: str
    label: str
    text: str
    formula: str


def of_patient(record: RecordState) -> list[Calculated]:
    """T0 and the age at it; the IMDC score of a renal cell record."""
    history = History.of(record)
    t0 = _interval(history)
    found = [
        Calculated(
            "calculated_t0",
            _("First HD IL-2 (T0)"),
            _days_between(t0) if t0 else _("no cycle given yet"),
            _(
                "Start of the first cycle with at least one dose given; its earliest and latest day"
                " when dates are partial."
            ),
        ),
        Calculated(
            "calculated_age",
            _("Age at T0"),
            _age(history.birth, t0),
            _("Completed years from the birth date to T0."),
        ),
    ]
    if record.patient.values.get("disease") == RENAL_CELL:
        found.append(_imdc(record.patient, t0))
    return found


def of_course(record: RecordState, number: int) -> list[Calculated]:
    """Doses of a course and its intervals."""
    cycles = _cycles(record, number)
    prefix = f"calculated_course{number}"
    return [
        Calculated(
            f"{prefix}_doses",
            _("Doses given"),
            _doses(cycles),
            _("Sum of doses given / sum of doses planned (%(planned)s where empty).")
            % {"planned": PLANNED_BY_DEFAULT},
        ),
        Calculated(
            f"{prefix}_cycles",
            _("Cycle 1 to 2"),
            _gap(_start(cycles, 1), _start(cycles, 2)),
            _("Days from the start of cycle 1 to the start of cycle 2."),
        ),
        Calculated(
            f"{prefix}_before",
            _("Since the course before"),
            _gap(_first(_cycles(record, number - 1)), _first(cycles)),
            _("Days from the start of the course before to the start of this one."),
        ),
    ]


def _cycles(record: RecordState, number: int) -> list[Row]:
    return [row for row in record.live(CYCLES.name) if row.value("course_number") == number]


def _start(cycles: Sequence[Row], number: int) -> PartialDate | None:
    return next(
        (c.partial("start_date") for c in cycles if c.value("cycle_number") == number), None
    )


def _first(cycles: Sequence[Row]) -> PartialDate | None:
    """The start of the first cycle, by number."""
    in_order = sorted(cycles, key=lambda cycle: cycle.whole("cycle_number") or 0)
    return in_order[0].partial("start_date") if in_order else None


def _doses(cycles: Sequence[Row]) -> str:
    if not cycles:
        return _("no cycle yet")
    planned = sum(
        p if (p := c.whole("doses_planned")) is not None else PLANNED_BY_DEFAULT for c in cycles
    )
    given = [g for c in cycles if (g := c.whole("doses_given")) is not None]
    is_sure = len(given) == len(cycles)
    told = _("%(given)s of %(planned)s") if is_sure else _("at least %(given)s of %(planned)s")
    share = f" ({100 * sum(given) / planned:.0f} %)" if planned else ""
    return told % {"given": sum(given), "planned": planned} + share


def _gap(before: PartialDate | None, after: PartialDate | None) -> str:
    if before is None or after is None:
        return "-"
    least, most = (after.lo - before.hi).days, (after.hi - before.lo).days
    if most < 0:
        return _("in the wrong order")
    return _range_words((max(least, 0), most), _DAYS)


def _interval(history: History) -> tuple[date, date] | None:
    if history.t0_lo is None or history.t0_hi is None:
        return None
    return history.t0_lo, history.t0_hi


def _days_between(days: tuple[date, date]) -> str:
    first, last = (f"{day.day:02d}-{MONTHS[day.month - 1]}-{day.year}" for day in days)
    return first if first == last else _("%(first)s to %(last)s") % {"first": first, "last": last}


def _age(birth: PartialDate | None, t0: tuple[date, date] | None) -> str:
    if birth is None or t0 is None:
        return _("needs the birth date and a cycle")
    return _range_words((_years(birth.hi, t0[0]), _years(birth.lo, t0[1])), _YEARS)


def _years(start: date, end: date) -> int:
    return end.year - start.year - ((end.month, end.day) < (start.month, start.day))


def _range_words(found: Range, texts: tuple[str, str]) -> str:
    """`texts`: of one number, and of a range."""
    least, most = found
    return _(texts[least != most]) % {"least": least, "most": most}


def _imdc(patient: Row, t0: tuple[date, date] | None) -> Calculated:
    factors = {"ECOG": _ecog(patient), _("time from diagnosis to T0"): _soon(patient, t0)}
    for name in IMDC_FACTORS:
        field = PATIENTS.by_name[name]
        label = display_label(_(field.label))
        factors[label] = {"yes": (1, 1), "no": (0, 0)}.get(str(patient.value(name)), (0, 1))
    least = sum(low for low, __ in factors.values())
    most = sum(high for __, high in factors.values())
    groups = list(dict.fromkeys(IMDC_GROUPS[min(score, 3)] for score in range(least, most + 1)))
    open_ones = [name for name, (low, high) in factors.items() if low != high]
    named = _(" or ").join(_(group) for group in groups)
    text = f"{_range_words((least, most), _OF_SIX)}, {named}"
    if open_ones:
        text += "; " + _("not known: %(factors)s") % {"factors": ", ".join(open_ones)}
    return Calculated(
        "calculated_imdc",
        _("IMDC score"),
        text,
        _(
            "One point each: ECOG 2 or more (for Karnofsky below 80), less than a year from primary"
            " diagnosis to T0, anemia, hypercalcemia, neutrophilia, thrombocytosis. 0 favorable, 1 or 2"
            " intermediate, 3 and more poor. Validated for VEGF-targeted therapy."
        ),
    )


def display_label(label: str) -> str:
    """An IMDC input without the note in its label."""
    return label.removesuffix(" (IMDC)").lower()


def _ecog(patient: Row) -> Range:
    value = patient.value("ecog")
    if value is None:
        return 0, 1
    point = int(str(value) >= "2")
    return point, point


def _soon(patient: Row, t0: tuple[date, date] | None) -> Range:
    """Whether T0 is less than a year after the primary diagnosis, over all days both may be."""
    found = patient.partial("primary_diagnosis_date")
    if found is None or t0 is None:
        return 0, 1
    return int(_years(found.lo, t0[1]) < 1), int(_years(found.hi, t0[0]) < 1)
