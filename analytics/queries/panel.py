"""What the outcome panel of the record page shows: criteria, PFS in four variants, OS, flags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Exists,
    ExpressionWrapper,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from analytics.derivation.engine import DEFAULT_VARIANT, VARIANTS, current_cutoff
from analytics.models import Outcome, Stale
from analytics.queries.outcomes import explain_criteria
from patients.models import Patient
from patients.partial_dates import MONTHS
from patients.slots import RowLink, RowLinks

WITHDRAWN: Final = "withdrawn"
VARIANT_TITLES: Final = {
    "primary": gettext_noop("Primary"),
    "fda": "FDA",
    "ema": "EMA",
    "worst_case": gettext_noop("Worst case"),
}
_ENDS: Final = {
    "progression": gettext_noop("progression"),
    "implied_progression": gettext_noop("progression implied by a local therapy"),
    "death": gettext_noop("death"),
    "new_therapy": gettext_noop("new systemic therapy"),
    "local_therapy": gettext_noop("local therapy"),
    "end_of_follow_up": gettext_noop("end of follow-up"),
    "new_systemic_therapy": gettext_noop("new systemic therapy"),
    "gap_before_event": gettext_noop("gap before the event"),
    "no_assessment": gettext_noop("no assessment"),
}
FLAGS: Final = {
    "date_straddles_cutoff": gettext_noop("A partial date reaches past the cutoff"),
    "doses_not_recorded": gettext_noop("A given cycle has no number of doses"),
    "gap_before_event": gettext_noop("Long gap without assessment before the event"),
    "local_therapy_indication_unknown": gettext_noop("A local therapy without a known indication"),
    "progression_implied_by_local_therapy": gettext_noop(
        "Progression is implied by a local therapy"
    ),
    "progression_straddles_start": gettext_noop("A progression may lie before HD IL-2"),
    "alive_after_death": gettext_noop("Evidence of life after the death"),
}
_ISO: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion with its reason, links to its evidence, and what would decide it."""

    title: str
    value: str
    reason: str
    evidence: tuple[RowLink, ...]
    resolve: str


@dataclass(frozen=True, slots=True)
class Pfs:
    """PFS of one variant. Days are from T0; `years` is the display, such as 12+."""

    title: str
    years: str
    days: int
    interval: str
    is_event: bool
    end: str
    link: RowLink | None


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """The outcome of one record for its page."""

    outcome: Outcome
    criteria: tuple[Criterion, ...]
    pfs: tuple[Pfs, ...]
    os_years: str
    flags: tuple[str, ...]
    deciding: tuple[str, ...]


def annotate_eligibility(records: QuerySet[Patient]) -> QuerySet[Patient]:
    """Adds `eligible`: recomputing while marked or not yet derived, null when left out by consent."""
    own = {"patient": OuterRef("pk")}
    stored = Outcome.objects.filter(**own, variant=DEFAULT_VARIANT).values("eligible")
    return records.annotate(
        is_marked=ExpressionWrapper(
            Exists(Stale.objects.filter(**own)), output_field=BooleanField()
        ),
        stored_eligible=Subquery(stored, output_field=CharField()),
        eligible=Case(
            When(is_marked=True, then=Value("recomputing")),
            When(Q(consent=WITHDRAWN), then=Value(None)),
            When(stored_eligible=None, then=Value("recomputing")),
            default="stored_eligible",
            output_field=CharField(),
        ),
    )


def view_outcome(patient_id: int, links: RowLinks) -> OutcomeView | None:
    """The stored outcome in all variants, one query; None before the first derivation."""
    stored = {o.variant: o for o in Outcome.objects.filter(patient_id=patient_id)}
    if DEFAULT_VARIANT not in stored:
        return None
    outcome = stored[DEFAULT_VARIANT]
    criteria = tuple(_criteria(outcome.criteria, links))
    return OutcomeView(
        outcome=outcome,
        criteria=criteria,
        pfs=tuple(_all_pfs([stored[v] for v in VARIANTS if v in stored and stored[v].t0], links)),
        os_years=_os_years(outcome),
        flags=tuple(_(FLAGS[flag]) for flag in _flags(stored.values())),
        deciding=tuple(
            c.resolve for c in criteria[:-1] if c.resolve and outcome.eligible == "unknown"
        ),
    )


def recomputing_since(patient_id: int) -> tuple[bool, datetime | None]:
    """Whether the record is marked stale, and since when."""
    mark = Stale.objects.filter(patient_id=patient_id).values_list("marked_at", flat=True).first()
    return mark is not None, mark


def standing_cutoff() -> date:
    """The cutoff of the registry, for the panel of a record without outcome."""
    return current_cutoff()


def _criteria(criteria: Mapping[str, Any], links: RowLinks) -> Iterable[Criterion]:
    for found in explain_criteria(criteria, _):
        rows = dict.fromkeys(found.evidence)
        yield Criterion(
            found.title,
            found.value,
            sentence_of(found.reason),
            tuple(links[row] for row in rows if row in links),
            sentence_of(found.resolve or ""),
        )


def _all_pfs(outcomes: Sequence[Outcome], links: RowLinks) -> Iterator[Pfs]:
    """The variants in order; a variant that ends at the same row as the one before repeats no link."""
    before = None
    for outcome in outcomes:
        pfs = _pfs(outcome, links)
        yield replace(pfs, link=None) if pfs.link == before else pfs
        before = pfs.link


def _pfs(outcome: Outcome, links: RowLinks) -> Pfs:
    end = outcome.evidence.get("end")
    code = outcome.pfs_event_type or outcome.pfs_censor_reason or ""
    lo, hi = outcome.pfs_days_min, outcome.pfs_days_max
    return Pfs(
        _(VARIANT_TITLES[outcome.variant]),
        completed_years(outcome.t0, outcome.pfs_end, is_event=bool(outcome.pfs_event)),
        outcome.pfs_days or 0,
        "" if lo == hi else _("%(low)s to %(high)s") % {"low": f"{lo:,}", "high": f"{hi:,}"},
        bool(outcome.pfs_event),
        _(end_words(code)),
        links.get((end[0], end[1])) if end else None,
    )


def end_words(code: str) -> str:
    """An event type or censor reason of PFS in words, in English: a page translates it."""
    return _ENDS.get(code, code)


def _os_years(outcome: Outcome) -> str:
    return completed_years(outcome.t0, outcome.os_end, is_event=bool(outcome.os_event))


def completed_years(start: date | None, end: date | None, *, is_event: bool) -> str:
    """Anniversaries of the start that were reached, with + when censored (rules, section 4)."""
    if start is None or end is None:
        return ""
    years = end.year - start.year
    day = start.day
    if (start.month, start.day) == (2, 29) and not _is_leap(end.year):
        day = 28
    if (end.month, end.day) < (start.month, day):
        years -= 1
    return f"{max(years, 0)}{'' if is_event else '+'}"


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _flags(outcomes: Iterable[Outcome]) -> list[str]:
    raised = {flag for outcome in outcomes for flag in outcome.flags}
    return [flag for flag in FLAGS if flag in raised]


def sentence_of(text: str) -> str:
    """A sentence of the derivation with unambiguous dates and a capital."""
    text = _ISO.sub(lambda m: f"{m[3]}-{MONTHS[int(m[2]) - 1]}-{m[1]}", text)
    return text[:1].upper() + text[1:]
