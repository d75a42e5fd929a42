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

from django.utils.translation import gettext as _

from analytics.derivation.engine import VARIANTS
from analytics.queries.cohort import LANDMARK_DAY
from analytics.queries.disclosure import SMALLEST_CELL, difference_releasable, released
from analytics.queries.filters import EVERYBODY, FILTERED, Filters
from analytics.queries.selection import INDEX_TREATED, OUTCOMES, STANDING, fetch
from analytics.stats.counts import DayCounts, pooled
from analytics.stats.entered import EnteredCounts

ENDPOINTS: Final = ("pfs", "os")
# PFS with every partial date at its earliest and at its latest possible day; on no list of a page.
BOUNDS: Final = ("pfs_min", "pfs_max")
_DAYS: Final = {
    "pfs": "pfs_days",
    "os": "os_days",
    "pfs_min": "pfs_days_min",
    "pfs_max": "pfs_days_max",
}
_EVENT: Final = {
    "pfs": "pfs_event",
    "os": "os_event",
    "pfs_min": "pfs_event",
    "pfs_max": "pfs_event",
}
RECORDS: Final = ("eligible", "treated", "landmark", "truncated")
# Group -> SQL of its code. Fixed text; what people choose is looked up here and never in the SQL.
GROUP_SQL: Final = {
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
GROUPINGS: Final = tuple(GROUP_SQL)
JOIN_CENTER: Final = "join centers_center center on center.id = outcome.center_id"
# The day before the fifth anniversary: at risk from the anniversary on.
_ENTRY: Final = "(outcome.t0 + interval '5 years')::date - outcome.t0 - 1"
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

    counts: Mapping[str, DayCounts] | None
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
        return Groups(None, _("Centers are compared by their members only."))
    sets = _counts(analysis, cutoff, filters)
    counts = sets[analysis.records]
    if len(counts) > MOST_GROUPS:
        return Groups(
            None,
            _("More than %(most_groups)s groups do not fit one figure.")
            % {"most_groups": MOST_GROUPS},
        )
    if not own_centers and not released(
        filters,
        own_ids,
        lambda reading: _releasable(
            _counts(analysis, cutoff, reading), analysis, is_plain=not filters.chosen
        ),
    ):
        return Groups(
            None,
            _("A group, or the difference of two readings of it, is below %(smallest_cell)s.")
            % {"smallest_cell": SMALLEST_CELL},
        )
    return Groups(counts)


def _releasable(
    sets: Mapping[str, Mapping[str, DayCounts]], analysis: Analysis, *, is_plain: bool
) -> bool:
    """Whether all groups of all sets of records may be shown: one answer for the readings beside each other.

    Without groups and filters the pooled curve is shown in full from 11 records on. Who is eligible and
    ended before the fifth anniversary follows from the left-truncated view, so that one asks for more.
    """
    if not any(sets.values()):
        return True
    if not analysis.by:
        sets = {name: {"": pooled(groups.values())} for name, groups in sets.items()}
        if is_plain:
            return sets[analysis.records][""].n >= SMALLEST_CELL
    names = sorted({name for groups in sets.values() for name in groups})
    sizes = {
        records: [groups[name].n if name in groups else 0 for name in names]
        for records, groups in sets.items()
    }
    asked = ["eligible", "treated", "landmark"]
    pairs = [("treated", "eligible"), ("treated", "landmark")]
    if analysis.records == "truncated":
        asked.append("truncated")
        pairs += [("eligible", "truncated"), ("landmark", "truncated")]
    large = all(n >= SMALLEST_CELL for records in asked for n in sizes[records])
    return large and all(difference_releasable(sizes[one], sizes[two]) for one, two in pairs)


def _counts(
    analysis: Analysis, cutoff: date, filters: Filters
) -> dict[str, Mapping[str, DayCounts]]:
    """Day counts by set of records and group; groups in order of their code, empty ones left out."""
    days, event = _DAYS[analysis.endpoint], _EVENT[analysis.endpoint]
    entry = _ENTRY if analysis.records == "truncated" else "0"
    query = f"""
        select {GROUP_SQL[analysis.by]}, outcome.eligible = 'yes', {entry}, {days}, {event}, count(*)
        {OUTCOMES} {JOIN_CENTER if analysis.by == "center" else ""} {STANDING}
        {INDEX_TREATED} {FILTERED}
        group by 1, 2, 3, 4, 5
    """  # names from this module's lists; values are bound
    treated: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    eligible: dict[str, list[tuple[int, int, int, int]]] = defaultdict(list)
    rows = fetch(query, cutoff, filters, variant=analysis.variant)
    for group, is_eligible, entered, day, happened, number in rows:
        treated[group].append((day, happened, number))
        if is_eligible:
            eligible[group].append((entered, day, happened, number))
    everyone_treated = _sums(treated)
    later = {name: group.after(LANDMARK_DAY) for name, group in everyone_treated.items()}
    entered_late = {}
    if analysis.records == "truncated":
        entered_late = {
            name: EnteredCounts.from_entries(rows) for name, rows in sorted(eligible.items())
        }
    return {
        "treated": everyone_treated,
        "eligible": _sums({name: [row[1:] for row in rows] for name, rows in eligible.items()}),
        "landmark": {name: group for name, group in later.items() if group.n},
        "truncated": {name: group for name, group in entered_late.items() if group.n},
    }


def _sums(groups: Mapping[str, list[tuple[int, int, int]]]) -> dict[str, DayCounts]:
    return {name: DayCounts.from_rows(rows) for name, rows in sorted(groups.items())}


def everyone(groups: Groups) -> int:
    """How many records all groups hold."""
    return sum(group.n for group in (groups.counts or {}).values())
