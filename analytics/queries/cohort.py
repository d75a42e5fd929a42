"""Numbers of the cohort overview, straight from the stored outcomes.

Every function runs in the caller's scope (row-level security decides which
rows count) and reads outcomes of variant `primary` at one cutoff. Records
whose consent is withdrawn, and retracted ones, do not count from the moment of
the withdrawal, whether or not their outcome row is already gone. Only the two
index diseases are counted: the denominators are their treated records.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db import connection

from analytics.derivation.engine import (
    DEFAULT_VARIANT,
    DERIVATION,
    derivation_parameters,
    without_memoize,
)
from analytics.queries.filters import EVERYBODY, Filters
from analytics.queries.panel import completed_years
from analytics.queries.selection import TREATED, fetch
from analytics.stats.counts import DayCounts

# All SQL of this module is fixed text; values are bound parameters.
# One pass for both endpoints: PFS by disease and eligibility, overall survival by eligibility.
_SUMMARY: Final = f"""
    select grouping(pfs_days) = 1, outcome.disease, eligible = 'yes',
        coalesce(pfs_days, os_days), coalesce(pfs_event, os_event), count(*),
        count(*) filter (where alive_10y_followed), count(*) filter (where survived_10y), min(t0)
    {TREATED} group by grouping sets (
        (outcome.disease, eligible = 'yes', pfs_days, pfs_event), (eligible = 'yes', os_days, os_event)
    )
"""

# What each day added to the figures, as far as stored outcomes tell: treatment, and its anniversaries.
_GROWTH: Final = f"""
    select day, outcome.disease || kind, count(*) from (
        select outcome.* {TREATED}
    ) outcome cross join lateral (values
        (' treated', t0, true),
        (' eligible', (t0 + interval '5 years')::date, eligible = 'yes'),
        (' alive', (t0 + interval '10 years')::date, eligible = 'yes' and survived_10y)
    ) grown (kind, day, counts)
    where counts group by 1, 2 order by 1
"""  # noqa: S608  # fixed text

# Eligible records of the two diseases at another cutoff or threshold: nothing else is derived.
_SIZES: Final = f"""
    select count(*) filter (where derived.disease = 'melanoma'),
        count(*) filter (where derived.disease = 'renal_cell')
    from (
{DERIVATION}
    ) derived
    join patients_patient record on record.id = derived.patient_id
    where derived.eligible = 'yes' and not record.retracted
        and record.consent is distinct from 'withdrawn'
"""  # noqa: S608  # fixed text

_RECOMPUTING: Final = """
    select count(*) from (
        select patient_id from analytics_stale
        union
        select patient_id from analytics_outcome
            where variant = 'primary' and (cutoff < %(cutoff)s or cutoff > %(cutoff)s)
    ) waiting
"""


@dataclass(frozen=True)
class DiseaseNumbers:
    """Records of one disease; all but `treated` count eligible records only."""

    disease: str
    treated: int
    eligible: int
    alive_10y_followed: int
    survived_10y: int


# The last whole day before the fifth anniversary's average, 5 x 365.25 days.
LANDMARK_DAY: Final = 1826


@dataclass(frozen=True)
class PfsCounts:
    """PFS day counts by disease, of eligible and of all treated records."""

    eligible: dict[str, DayCounts]
    treated: dict[str, DayCounts]

    @property
    def landmark(self) -> dict[str, DayCounts]:
        """Treated records still observed without progression after `LANDMARK_DAY`, from there on."""
        return {disease: counts.after(LANDMARK_DAY) for disease, counts in self.treated.items()}


@dataclass(frozen=True)
class Summary:
    """Numbers by disease (alphabetical order of the code), PFS, and overall survival of eligible records.

    `pfs_range`: their shortest and longest PFS in completed years, `+` where censored.
    """

    numbers: list[DiseaseNumbers]
    pfs: PfsCounts
    survival: DayCounts
    pfs_range: tuple[str, str] | None


def summary(cutoff: date, filters: Filters = EVERYBODY) -> Summary:
    """Everything that the overview counts, in one pass over the outcomes."""
    eligible: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    treated: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    survival: list[tuple[int, int, int]] = []
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    spans: list[tuple[int, int, date]] = []
    for of_survival, disease, is_eligible, days, event, n, followed, survived, start in fetch(
        _SUMMARY, cutoff, filters
    ):
        if of_survival:
            if is_eligible:
                survival.append((days, event, n))
            continue
        treated[disease].append((days, event, n))
        sums[disease][0] += n
        if is_eligible:
            eligible[disease].append((days, event, n))
            spans.append((days, event, start))
            for place, number in enumerate((n, followed, survived), start=1):
                sums[disease][place] += number
    return Summary(
        [DiseaseNumbers(disease, *found) for disease, found in sorted(sums.items())],
        PfsCounts(
            {disease: DayCounts.from_rows(rows) for disease, rows in sorted(eligible.items())},
            {disease: DayCounts.from_rows(rows) for disease, rows in sorted(treated.items())},
        ),
        DayCounts.from_rows(survival),
        _range(spans),
    )


def _range(spans: Sequence[tuple[int, int, date]]) -> tuple[str, str] | None:
    """Of days, event and start of each; on equal days an end without event counts."""
    if not spans:
        return None
    ends = min(spans), min(spans, key=lambda span: (-span[0], *span[1:]))
    shortest, longest = (
        completed_years(start, start + timedelta(days), is_event=bool(event))
        for days, event, start in ends
    )
    return shortest, longest


def headline(cutoff: date, filters: Filters = EVERYBODY) -> list[DiseaseNumbers]:
    """The numbers of `summary` alone."""
    return summary(cutoff, filters).numbers


def treated_in_all(cutoff: date, filters: Filters = EVERYBODY) -> int:
    """Treated records of the index diseases in scope that the filters leave."""
    return int(fetch(f"select count(*) {TREATED}", cutoff, filters)[0][0])  # fixed text


def growth(cutoff: date) -> list[tuple[date, dict[str, int]]]:
    """Days and what each added to treated, eligible and 10-year survivors, by disease."""
    days: dict[date, dict[str, int]] = defaultdict(dict)
    for day, cell, number in fetch(_GROWTH, cutoff, EVERYBODY):
        days[day][cell] = number
    return list(days.items())


def sizes_at(cutoff: date, years: int) -> tuple[int, int]:
    """Eligible records of melanoma and of renal cell carcinoma at a cutoff and a threshold, derived now."""
    parameters = derivation_parameters(None, cutoff, [DEFAULT_VARIANT], years, reasons=False)
    with connection.cursor() as cursor:
        without_memoize("default")
        cursor.execute(_SIZES, parameters)
        melanoma, renal = cursor.fetchone()
    return int(melanoma), int(renal)


def recomputing(cutoff: date) -> int:
    """Records of the scope whose stored outcome is being brought up to date."""
    return int(fetch(_RECOMPUTING, cutoff, EVERYBODY)[0][0])
