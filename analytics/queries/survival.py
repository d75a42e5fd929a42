"""Events and censorings a day for a survival analysis, by group, and what of it may be shown.

Reads stored outcomes at one cutoff in the caller's scope. Who counts is what the cohort overview
counts: records of the two index diseases, not retracted, consent not withdrawn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db import connection

from analytics.derivation.engine import VARIANTS
from analytics.queries.cohort import LANDMARK_DAY
from analytics.queries.disclosure import SMALLEST_CELL, difference_releasable, released
from analytics.queries.filters import EVERYBODY, FILTERED, Filters
from analytics.stats.counts import DayCounts, pooled

ENDPOINTS: Final = ("pfs", "os")
RECORDS: Final = ("eligible", "treated", "landmark")
# Group -> SQL of its code. Fixed text; what people choose is looked up here and never in the SQL.
_GROUPS: Final = {
    "": "''",
    "disease": "outcome.disease",
    "decade": "case when outcome.t0 < '1990-01-01' then 'to_1989'"
    " when outcome.t0 < '2000-01-01' then '1990_1999'"
    " when outcome.t0 < '2010-01-01' then '2000_2009' else 'from_2010' end",
    "response": "case when outcome.best_response in ('CR', 'PR', 'SD')"
    " then outcome.best_response else 'other' end",
    "local_therapy": "case when exists (select from patients_local_therapy local"
    " where local.patient_id = outcome.patient_id and not local.retracted"
    " and local.date_lo <= %(cutoff)s) then 'yes' else 'no' end",
    "center": "center.code",
}
GROUPINGS: Final = tuple(_GROUPS)
# Groups that form after time zero: who lives longer has more time to enter them.
LATER_GROUPS: Final = frozenset({"response", "local_therapy"})
# As many curves as one figure tells apart.
MOST_GROUPS: Final = 4


@dataclass(frozen=True)
class Analysis:
    """What is asked for; every field from an allow-list."""

    endpoint: str = "pfs"
    variant: str = "primary"
    records: str = "eligible"
    by: str = ""

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> Analysis:
        """From a page's address; what is not on the lists counts as not given."""

        def known(name: str, allowed: tuple[str, ...]) -> str:
            value = str(query.get(name, ""))
            return value if value in allowed else allowed[0]

        endpoint = known("endpoint", ENDPOINTS)
        return cls(
            endpoint,
            # Overall survival is the same in every variant.
            known("variant", VARIANTS) if endpoint == "pfs" else VARIANTS[0],
            known("records", RECORDS),
            known("by", GROUPINGS),
        )


@dataclass(frozen=True)
class Groups:
    """Day counts by code of the group, in order; None = withheld from this reader."""

    counts: dict[str, DayCounts] | None
    withheld: str = ""


def survival_groups(
    analysis: Analysis,
    cutoff: date,
    *,
    own_centers: bool,
    filters: Filters = EVERYBODY,
    own_ids: Sequence[int] = (),
) -> Groups:
    """The groups of an analysis, or why they are withheld.

    `own_centers`: the reader is a member of every center in scope. Others see groups only where
    each one, and what would follow from the readings beside it, holds at least 11 records.
    """
    if analysis.by == "center" and not own_centers:
        return Groups(None, "Centers are compared by their members only.")
    sets = _counts(analysis, cutoff, filters)
    counts = sets[analysis.records]
    if len(counts) > MOST_GROUPS:
        return Groups(None, f"More than {MOST_GROUPS} groups do not fit one figure.")
    if not own_centers and not released(
        filters,
        own_ids,
        lambda reading: _releasable(_counts(analysis, cutoff, reading), analysis),
    ):
        return Groups(
            None, f"A group, or the difference of two readings of it, is below {SMALLEST_CELL}."
        )
    return Groups(counts)


def _releasable(sets: Mapping[str, dict[str, DayCounts]], analysis: Analysis) -> bool:
    """Whether all groups of all sets of records may be shown: one answer for the three readings.

    Without groups the pooled curve is shown in full from 11 records on.
    """
    if not analysis.by:
        everyone_asked = pooled(sets[analysis.records].values()).n
        return everyone_asked == 0 or everyone_asked >= SMALLEST_CELL
    if not any(sets.values()):
        return True
    names = sorted({name for groups in sets.values() for name in groups})
    sizes = {
        records: [groups[name].n if name in groups else 0 for name in names]
        for records, groups in sets.items()
    }
    large = all(n >= SMALLEST_CELL for row in sizes.values() for n in row)
    return large and all(
        difference_releasable(sizes["treated"], sizes[records])
        for records in ("eligible", "landmark")
    )


def _counts(analysis: Analysis, cutoff: date, filters: Filters) -> dict[str, dict[str, DayCounts]]:
    """Day counts by set of records and group; groups in order of their code, empty ones left out."""
    days, event = f"{analysis.endpoint}_days", f"{analysis.endpoint}_event"
    query = f"""
        select {_GROUPS[analysis.by]}, outcome.eligible = 'yes', {days}, {event}, count(*)
        from analytics_outcome outcome
        join patients_patient record on record.id = outcome.patient_id
        join centers_center center on center.id = outcome.center_id
        where outcome.variant = %(variant)s and outcome.cutoff = %(cutoff)s
            and not record.retracted and record.consent is distinct from 'withdrawn'
            and outcome.t0 is not null and outcome.disease in ('melanoma', 'renal_cell')
            {FILTERED}
        group by 1, 2, 3, 4
    """  # noqa: S608  # names from this module's lists; values are bound
    rows: dict[str, dict[str, list[tuple[int, int, int]]]] = {
        name: defaultdict(list) for name in ("eligible", "treated")
    }
    with connection.cursor() as cursor:
        cursor.execute(query, {"variant": analysis.variant, "cutoff": cutoff, **filters.parameters})
        for group, is_eligible, day, happened, number in cursor.fetchall():
            rows["treated"][group].append((day, happened, number))
            if is_eligible:
                rows["eligible"][group].append((day, happened, number))
    made = {name: _sums(groups) for name, groups in rows.items()}
    later = {name: group.after(LANDMARK_DAY) for name, group in made["treated"].items()}
    made["landmark"] = {name: group for name, group in later.items() if group.n}
    return made


def _sums(groups: Mapping[str, list[tuple[int, int, int]]]) -> dict[str, DayCounts]:
    return {name: DayCounts.from_rows(rows) for name, rows in sorted(groups.items())}


def everyone(groups: Groups) -> DayCounts:
    """All groups as one."""
    return pooled((groups.counts or {}).values())
