"""The criteria of rules.md section 6 in plain Python: value, reason, evidence and the entry that would resolve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from tests.oracle import TABLES, Chart, Pfs, Seen, Span, anniversary, first

Ref = tuple[str, int]


@dataclass(frozen=True)
class Entry:
    """The single entry that would resolve an unknown: code, a day that would do, the row it amends."""

    code: str
    day: date | None = None
    row: Ref | None = None


@dataclass(frozen=True)
class Criterion:
    """One criterion of one record."""

    value: str
    reason: str
    evidence: tuple[Ref, ...] = ()
    resolve: Entry | None = None


@dataclass(frozen=True)
class Frame:
    """What every criterion looks at: the chart, T0 and its anniversaries, primary PFS."""

    chart: Chart
    t0: Span
    due_lo: date
    due_hi: date
    pfs: Pfs
    years: int

    @property
    def cutoff(self) -> date:
        """C."""
        return self.chart.cutoff

    def first_cycle_day(self) -> Entry:
        """The day of the cycle with the smallest lo."""
        row = min(self.chart.cycles, key=lambda r: (r.lo, r.row.id))
        return Entry("day_of_row", self.t0.lo, row.ref)

    def start_ref(self) -> tuple[Ref, ...]:
        """The cycle that gave T0."""
        row = first(self.chart.cycles)
        return (row.ref,) if row else ()


def frame(chart: Chart, pfs: Pfs, years: int) -> Frame:
    """The frame of a treated record."""
    t0 = chart.start
    return Frame(chart, t0, anniversary(t0.lo, years), anniversary(t0.hi, years), pfs, years)


def metastatic_disease(chart: Chart) -> Criterion:
    """Melanoma or RCC with a date of metastatic disease in at C."""
    patient = (("patient", chart.record.id),)
    found = chart.metastatic
    if chart.record.disease not in ("melanoma", "renal_cell"):
        return Criterion("no", "other_disease", patient)
    if found is None:
        return Criterion(
            "unknown", "date_missing", patient, Entry("metastatic_date", chart.cutoff, patient[0])
        )
    if found.is_in:
        return Criterion("yes", "metastatic_date", patient)
    if found.lo <= chart.cutoff:
        entry = Entry("day_of_row", chart.cutoff, patient[0])
        return Criterion("unknown", "date_precision", patient, entry)
    return Criterion("unknown", "date_after_cutoff", patient, Entry("none", found.point))


def received_hd_il2(chart: Chart) -> Criterion:
    """T0 exists."""
    row = first(chart.cycles)
    return Criterion("yes", "given_cycle", (row.ref,)) if row else Criterion("no", "no_given_cycle")


def _best(rows: Iterable[Seen], key: str, cutoff: date) -> Seen | None:
    """The row with the greatest `lo` (at most C) or raw `hi`."""
    return min(
        rows,
        key=lambda r: (
            -(min(r.lo, cutoff) if key == "lo" else r.raw_hi).toordinal(),
            TABLES.index(r.row.table),
            r.row.id,
        ),
        default=None,
    )


def survival_5y(f: Frame) -> Criterion:
    """Alive at the fifth anniversary."""
    chart, death = f.chart, f.chart.death_in
    proofs = [*chart.alive, *([chart.death] if chart.death and not death else [])]
    alive = _best(proofs, "lo", f.cutoff)
    assert alive is not None
    if chart.last_known_alive().lo >= f.due_hi:
        return Criterion("yes", "alive_at_anniversary", (alive.ref,))
    if death:
        return _survival_of_dead(f, death)
    if f.cutoff < f.due_lo:
        return Criterion("no", "too_early", f.start_ref())
    return _survival_of_living(f, proofs, alive)


def _survival_of_dead(f: Frame, death: Seen) -> Criterion:
    evidence = (death.ref,)
    if death.lo >= f.due_hi:
        return Criterion("yes", "died_after_anniversary", evidence)
    if death.hi < f.due_lo:
        return Criterion("no", "died_before_anniversary", evidence)
    entry = f.first_cycle_day()
    if death.hi >= f.due_hi:
        entry = Entry("day_of_row", death.hi, death.ref)
    elif death.lo < f.due_lo:
        entry = Entry("day_of_row", death.lo, death.ref)
    return Criterion("unknown", "date_precision", evidence, entry)


def _survival_of_living(f: Frame, proofs: list[Seen], alive: Seen) -> Criterion:
    evidence = (alive.ref,)
    reach = _best(proofs, "hi", f.cutoff)
    assert reach is not None
    if f.due_hi <= f.cutoff:
        if reach.raw_hi >= f.due_hi:
            entry = Entry("day_of_row", f.due_hi, reach.ref)
            return Criterion("unknown", "date_precision", (reach.ref,), entry)
        return Criterion("unknown", "follow_up_needed", evidence, Entry("follow_up", f.due_hi))
    if min(alive.lo, f.cutoff) >= f.due_lo:
        return Criterion("unknown", "date_precision", evidence, f.first_cycle_day())
    early = [r for r in f.chart.cycles if anniversary(r.lo, f.years) <= f.cutoff]
    if len(early) == 1:
        entry = Entry("day_of_row", early[0].hi, early[0].ref)
        return Criterion("unknown", "date_precision", evidence, entry)
    return Criterion("unknown", "date_precision", evidence, Entry("none", f.due_hi))


def no_later_systemic_therapy(f: Frame) -> Criterion:
    """No, then straddle, then yes."""
    chart, t0 = f.chart, f.t0
    therapies = chart.disqualifying()
    contacts = chart.of("follow_up")
    certain = first(r for r in therapies if r.lo > t0.hi)
    if certain:
        return Criterion("no", "later_therapy", (certain.ref,))
    attested = first(
        r for r in contacts if r.get("systemic_therapy_since_il2") == "yes" and r.point > t0.point
    )
    if attested:
        return Criterion("no", "attested_yes", (attested.ref,))
    doubtful = [r for r in therapies if r.lo <= t0.hi and r.hi > t0.lo]
    if doubtful:
        return _straddling(f, doubtful)
    nothing = [r for r in contacts if r.get("systemic_therapy_since_il2") == "none"]
    best = _best(nothing, "lo", f.cutoff)
    if best and best.lo >= f.due_hi:
        return Criterion("yes", "attested_none", (best.ref,))
    return _unattested(f, best)


def _straddling(f: Frame, doubtful: list[Seen]) -> Criterion:
    widest = min(doubtful, key=lambda r: (-r.hi.toordinal(), r.row.id))
    if widest.hi > f.t0.hi:
        entry = Entry("day_of_row", widest.hi, widest.ref)
    elif any(r.lo > f.t0.lo for r in doubtful):
        entry = f.first_cycle_day()
    elif f.t0.point < f.cutoff:
        entry = Entry("attestation_yes", f.t0.point + timedelta(days=1))
    else:
        entry = Entry("none")
    return Criterion("unknown", "therapy_straddles_start", (widest.ref,), entry)


def _unattested(f: Frame, best: Seen | None) -> Criterion:
    evidence = (best.ref,) if best else ()
    if f.due_hi <= f.cutoff:
        nothing = [r for r in f.chart.any_date if r.get("systemic_therapy_since_il2") == "none"]
        reach = _best([r for r in nothing if r.lo <= f.cutoff], "hi", f.cutoff)
        if reach and reach.raw_hi >= f.due_hi:
            entry = Entry("day_of_row", f.due_hi, reach.ref)
            return Criterion("unknown", "date_precision", (reach.ref,), entry)
        return Criterion("unknown", "attestation_needed", evidence, Entry("attestation", f.due_hi))
    if best and best.lo >= f.due_lo:
        return Criterion("unknown", "date_precision", evidence, f.first_cycle_day())
    return Criterion("unknown", "too_early", evidence, Entry("none", f.due_hi))


def progression_free_5y(f: Frame) -> Criterion:
    """From primary PFS, in every variant."""
    end, row = f.pfs.end, f.pfs.row
    evidence = (row.ref,) if row else f.start_ref()
    event = f.pfs.event_type is not None
    if end.lo >= f.due_hi:
        return Criterion(
            "yes", "event_after_anniversary" if event else "progression_free", evidence
        )
    if event and end.hi < f.due_lo:
        return Criterion("no", "event_before_anniversary", evidence)
    if not event and f.cutoff < f.due_lo:
        return Criterion("no", "too_early", evidence)
    if event and row:
        return Criterion("unknown", "date_precision", evidence, _event_day(f, row))
    return _unassessed(f, evidence)


def _event_day(f: Frame, row: Seen) -> Entry:
    if row.hi >= f.due_hi:
        return Entry("day_of_row", row.hi, row.ref)
    if row.lo < f.due_lo:
        return Entry("day_of_row", row.lo, row.ref)
    return f.first_cycle_day()


def _unassessed(f: Frame, evidence: tuple[Ref, ...]) -> Criterion:
    row, cut = f.pfs.row, f.pfs.cut_by
    limit = cut.point if cut else f.cutoff
    if row and f.due_hi <= row.hi <= limit:
        return Criterion(
            "unknown", "date_precision", evidence, Entry("day_of_row", row.hi, row.ref)
        )
    if f.due_hi <= limit:
        # Not before the last negative, or that one would still be the last.
        day = max(f.due_hi, f.pfs.end.point)
        return Criterion("unknown", "assessment_needed", evidence, Entry("adequate_negative", day))
    if f.pfs.end.lo >= f.due_lo:
        return Criterion("unknown", "date_precision", evidence, f.first_cycle_day())
    if cut:
        return Criterion("unknown", "cut_by_therapy", (*evidence, cut.ref), Entry("none"))
    return Criterion("unknown", "too_early", evidence, Entry("none", f.due_hi))
