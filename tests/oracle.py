"""A plain-Python reading of rules.md (rule set 1), independent of the SQL: the oracle of the tests.

Input: `Record` with its `Row`s, dates as entered (`YYYY[-MM[-DD]]`).  Output of `derive`: a dictionary with
every column of an outcome (dates as `date`, durations in days).  Nothing here is shared with the product.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

VARIANTS = ("primary", "fda", "ema", "worst_case")
TABLES = ("cycle", "assessment", "local_therapy", "systemic_therapy", "follow_up", "patient")
ACTIVE_CLASSES = {
    "checkpoint_inhibitor", "interferon", "low_dose_il2", "other_cytokine", "targeted", "mtor", "braf_mek",
}  # fmt: skip
LESION = {"progressing_lesion", "new_lesion"}
OTHER_LOCAL = {"residual_disease", "planned", "palliation", "diagnostic"}
NEGATIVE_RESPONSES = {"CR", "PR", "SD", "NED"}
NEGATIVE_STATUS = {"no_evidence_of_disease", "stable_disease"}
CNSR = {
    "end_of_follow_up": 1, "new_systemic_therapy": 2, "local_therapy": 3, "gap_before_event": 4, "no_assessment": 5,
}  # fmt: skip


@dataclass(frozen=True)
class Span:
    """A clinical date: first possible day, last possible day, the day it counts as."""

    lo: date
    hi: date
    point: date

    @staticmethod
    def parse(text: str) -> Span:
        """Read `YYYY`, `YYYY-MM` or `YYYY-MM-DD`."""
        parts = [int(part) for part in text.split("-")]
        if len(parts) == 1:
            return Span(date(parts[0], 1, 1), date(parts[0], 12, 31), date(parts[0], 7, 1))
        if len(parts) == 2:
            last = calendar.monthrange(parts[0], parts[1])[1]
            return Span(date(*parts, 1), date(*parts, last), date(*parts, 15))
        day = date(*parts)
        return Span(day, day, day)


@dataclass
class Row:
    """One dated row of a form; `values` as in the CSV bundle, None for an empty or coded cell."""

    table: str
    id: int
    when: str | None
    values: dict[str, str | None] = field(default_factory=dict)
    retracted: bool = False


@dataclass
class Record:
    """One person x one disease, with the rows of every form that the rules read."""

    center: str
    record_id: str
    disease: str | None
    rows: list[Row] = field(default_factory=list)
    birth_date: str | None = None
    metastatic_diagnosis_date: str | None = None
    date_of_death: str | None = None
    consent: str | None = "signed"
    retracted: bool = False
    id: int = 0


@dataclass(frozen=True)
class Seen:
    """A row as it stands at the cutoff: `hi` clipped, `raw_hi` not."""

    row: Row
    lo: date
    hi: date
    point: date
    raw_hi: date
    is_in: bool

    @property
    def ref(self) -> tuple[str, int]:
        """Table and id of the row."""
        return (self.row.table, self.row.id)

    def get(self, name: str) -> str | None:
        """A value of the row."""
        return self.row.values.get(name)


def see(row: Row, span: Span, cutoff: date) -> Seen:
    """The row at the cutoff."""
    is_in = span.point <= cutoff
    return Seen(
        row, span.lo, min(span.hi, cutoff) if is_in else span.hi, span.point, span.hi, is_in
    )


def anniversary(day: date, years: int) -> date:
    """`day` + years, 29 February becoming the 28th in a common year."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def completed_years(start: date, end: date) -> int:
    """Anniversaries of `start` reached at `end`."""
    years = end.year - start.year
    return years - 1 if anniversary(start, years) > end else years


def disqualifies(row: Seen) -> bool:
    """Section 3: does this systemic therapy disqualify?"""
    therapy = row.get("therapy_class")
    if therapy == "supportive":
        return False
    return row.get("indication") != "other_malignancy" or therapy in ACTIVE_CLASSES


def first(rows: Iterable[Seen]) -> Seen | None:
    """The earliest by point, then the more precise, then the smaller id."""
    return min(
        rows,
        key=lambda r: (r.point, -r.lo.toordinal(), TABLES.index(r.row.table), r.row.id),
        default=None,
    )


def last(rows: Iterable[Seen]) -> Seen | None:
    """The last by point, then the more precise, then the smaller id."""
    return min(
        rows,
        key=lambda r: (
            -r.point.toordinal(),
            -r.lo.toordinal(),
            TABLES.index(r.row.table),
            r.row.id,
        ),
        default=None,
    )


class Chart:
    """One record as it stands at one cutoff: the evidence of sections 1 to 3 and 5."""

    def __init__(self, record: Record, cutoff: date) -> None:
        self.record, self.cutoff = record, cutoff
        live = [
            see(r, Span.parse(r.when), cutoff) for r in record.rows if r.when and not r.retracted
        ]
        self.any_date = [r for r in live if r.row.table != "cycle" or r.get("doses_given") != "0"]
        self.rows = [r for r in self.any_date if r.is_in]
        self.alive = [
            r
            for r in self.any_date
            if r.row.table != "follow_up" or r.get("vital_status") == "alive"
        ]
        self.death = self._death()
        self.cycles = self.of("cycle")
        self.t0 = self._start()

    def of(self, table: str) -> list[Seen]:
        """Rows of one form in at the cutoff."""
        return [r for r in self.rows if r.row.table == table]

    def _patient_date(self, text: str | None) -> Seen | None:
        if not text:
            return None
        return see(Row("patient", self.record.id, text), Span.parse(text), self.cutoff)

    def _death(self) -> Seen | None:
        """The death, lo and point raised to the greatest lo of the alive evidence of any date."""
        entered = self._patient_date(self.record.date_of_death)
        if entered is None:
            return None
        proof = max((r.lo for r in self.alive), default=entered.lo)
        raised = Span(
            min(max(entered.lo, proof), entered.raw_hi),
            entered.raw_hi,
            min(max(entered.point, proof), entered.raw_hi),
        )
        return see(entered.row, raised, self.cutoff)

    def _start(self) -> Span | None:
        if not self.cycles:
            return None
        return Span(
            min(r.lo for r in self.cycles),
            min(r.hi for r in self.cycles),
            min(r.point for r in self.cycles),
        )

    @property
    def start(self) -> Span:
        """T0 of a treated record."""
        assert self.t0 is not None
        return self.t0

    @property
    def death_in(self) -> Seen | None:
        """The death, when it is in at the cutoff."""
        return self.death if self.death and self.death.is_in else None

    @property
    def metastatic(self) -> Seen | None:
        """The metastatic date as entered."""
        return self._patient_date(self.record.metastatic_diagnosis_date)

    def after(self, table: str) -> list[Seen]:
        """Rows of one form with point > T0.point."""
        return [r for r in self.of(table) if r.point > self.start.point]

    def progressions(self, variant: str) -> list[Seen]:
        """Progressions that are an event in the variant."""
        return [
            r
            for r in self.after("assessment")
            if r.get("response") == "PD" and not (variant == "fda" and r.get("basis") == "clinical")
        ]

    def implied(self, variant: str) -> Seen | None:
        """The earliest implied progression of the variant."""
        known = self.progressions(variant)
        return first(
            r
            for r in self.after("local_therapy")
            if r.get("indication") in LESION and not any(p.point <= r.point for p in known)
        )

    def negatives(self, variant: str) -> list[Seen]:
        """Adequate negatives of the variant."""
        found = [r for r in self.of("assessment") if r.get("response") in NEGATIVE_RESPONSES]
        if variant != "fda":
            found += [r for r in self.of("follow_up") if r.get("disease_status") in NEGATIVE_STATUS]
        return [r for r in found if r.point >= self.start.point]

    def disqualifying(self) -> list[Seen]:
        """Systemic therapies in at the cutoff that disqualify, wherever they lie against T0."""
        return [r for r in self.of("systemic_therapy") if disqualifies(r)]

    def new_therapy(self) -> Seen | None:
        """NACT."""
        return first(r for r in self.disqualifying() if r.point > self.start.point)

    def local(self, indications: set[str]) -> Seen | None:
        """The earliest later local therapy with one of these indications."""
        return first(
            r
            for r in self.after("local_therapy")
            if (r.get("indication") or "unknown") in indications
        )

    def last_known_alive(self) -> Span:
        """Section 5, combined field by field."""
        proofs = [*self.alive, *([self.death] if self.death and not self.death.is_in else [])]
        spans = [
            Span(r.lo, r.hi, r.point)
            if r.is_in
            else Span(min(r.lo, self.cutoff), self.cutoff, self.cutoff)
            for r in proofs
        ]
        return Span(max(s.lo for s in spans), max(s.hi for s in spans), max(s.point for s in spans))


@dataclass(frozen=True)
class Pfs:
    """The end of progression-free survival: row None when it ends at T0 for want of a negative."""

    end: Span
    row: Seen | None
    event_type: str | None
    censor_reason: str | None
    flag_gap: bool
    cut_by: Seen | None = None


def _censor(chart: Chart, row: Seen | None, reason: str, cut_by: Seen | None = None) -> Pfs:
    end = Span(row.lo, row.hi, row.point) if row else chart.start
    return Pfs(end, row, None, reason, False, cut_by)


def _events(chart: Chart, variant: str) -> list[tuple[str, Seen]]:
    """Candidate events in the order that ties are broken."""
    worst = variant == "worst_case"
    found: list[tuple[str, Seen | None]] = [
        ("progression", first(chart.progressions(variant))),
        ("implied_progression", chart.implied(variant)),
        ("death", chart.death_in),
        ("new_therapy", chart.new_therapy() if worst else None),
        ("local_therapy", chart.local({"unknown"}) if worst else None),
    ]
    return [(kind, row) for kind, row in found if row is not None]


def _cut(chart: Chart, variant: str, event: Seen | None) -> tuple[str, Seen] | None:
    """The therapy that cuts, with its reason."""
    found: list[tuple[str, Seen | None]] = []
    if variant in ("primary", "fda"):
        found.append(("new_systemic_therapy", chart.new_therapy()))
    if variant == "fda":
        found.append(("local_therapy", chart.local(OTHER_LOCAL | {"unknown"})))
    cuts = [(why, row) for why, row in found if row and (event is None or row.point < event.point)]
    return min(cuts, key=lambda cut: cut[1].point, default=None)


def _allowed_gap(days: int) -> int:
    if days < 730:
        return 183
    return 366 if days < 1826 else 731


def _gap(chart: Chart, variant: str, kind: str, event: Seen) -> tuple[bool, Seen | None]:
    """Whether the event follows a gap, and the last adequate negative before it."""
    before = last(
        r
        for r in chart.negatives(variant)
        if r.point < event.point or (kind == "death" and r.point == event.point)
    )
    if kind in ("new_therapy", "local_therapy"):
        return False, before
    since = before.point if before else chart.start.point
    return (event.point - since).days > _allowed_gap((since - chart.start.point).days), before


def progression_free(chart: Chart, variant: str) -> Pfs:
    """Section 4."""
    events = _events(chart, variant)
    kind, event = min(events, key=lambda e: e[1].point, default=(None, None))
    cut = _cut(chart, variant, event)
    negatives = chart.negatives(variant)
    if cut:
        return _censor(chart, last(r for r in negatives if r.point <= cut[1].point), cut[0], cut[1])
    if event is None or kind is None:
        found = last(negatives)
        return _censor(chart, found, "end_of_follow_up" if found else "no_assessment")
    gap, before = _gap(chart, variant, kind, event)
    if gap and variant == "fda":
        return _censor(chart, before, "gap_before_event")
    return Pfs(
        Span(event.lo, event.hi, event.point), event, kind, None, gap and variant == "primary"
    )


def straddles(chart: Chart) -> bool:
    """Flag `date_straddles_cutoff`."""
    dated = [*chart.any_date, chart.death, chart.metastatic]
    return any(r is not None and r.is_in and r.raw_hi > chart.cutoff for r in dated)


def flags(chart: Chart, pfs: Pfs) -> set[str]:
    """Every flag of a treated record."""
    t0 = chart.start
    tests: dict[str, Callable[[], bool]] = {
        "date_straddles_cutoff": lambda: straddles(chart),
        "doses_not_recorded": lambda: any(r.get("doses_given") is None for r in chart.cycles),
        "progression_straddles_start": lambda: any(
            r.get("response") == "PD" and r.point <= t0.point < r.hi for r in chart.of("assessment")
        ),
        "progression_implied_by_local_therapy": lambda: chart.implied("primary") is not None,
        "local_therapy_indication_unknown": lambda: chart.local({"unknown"}) is not None,
        "gap_before_event": lambda: pfs.flag_gap,
        "alive_after_death": lambda: (
            chart.death_in is not None and any(r.lo > chart.death_in.raw_hi for r in chart.alive)
        ),
    }
    return {name for name, test in tests.items() if test()}


def best_response(chart: Chart) -> str | None:
    """Section 7."""
    stops = [first(chart.progressions("primary")), chart.implied("primary"), chart.new_therapy()]
    limit = min((r.point for r in stops if r), default=chart.cutoff)
    found = {r.get("response") for r in chart.after("assessment") if r.point <= limit}
    return next((name for name in ("CR", "PR", "SD", "PD", "NE") if name in found), None)


def precision(t0: Span) -> str:
    """Precision of T0 after clipping."""
    if t0.lo == t0.hi:
        return "day"
    return "month" if (t0.lo.year, t0.lo.month) == (t0.hi.year, t0.hi.month) else "year"


def band(t0: Span, pfs: Pfs) -> str | None:
    """PFS band of the primary reading; none below five years."""
    years = completed_years(t0.point, max(pfs.end.point, t0.point))
    if years < 5:
        return None
    return "30+" if years >= 30 else f"{years // 5 * 5}-<{years // 5 * 5 + 5}"


def days(start: date, end: date) -> int:
    """Days between, none below 0."""
    return max((end - start) // timedelta(days=1), 0)
