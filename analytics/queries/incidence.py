"""Progressions, deaths without progression and censorings a day, by group."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Final

from analytics.queries.filters import Filters
from analytics.queries.selection import TREATED, fetch
from analytics.queries.survival import GROUP_SQL, JOIN_CENTER, Analysis
from analytics.stats.incidence import CompetingCounts

# Of the events of PFS only death competes; the others are, or stand for, progression.
_KIND: Final = "case when pfs_event = 0 then 0 when pfs_event_type = 'death' then 2 else 1 end"


def incidence_counts(
    analysis: Analysis, cutoff: date, filters: Filters
) -> dict[str, CompetingCounts]:
    """Counts by group of the eligible or of all treated records, groups in order of their code."""
    join = JOIN_CENTER if analysis.by == "center" else ""
    query = f"""
        select {GROUP_SQL[analysis.by]}, pfs_days, {_KIND}, count(*)
        {TREATED.replace("where", f"{join} where", 1)}
            and (not %(eligible)s or outcome.eligible = 'yes')
        group by 1, 2, 3
    """  # names from allow-lists; values are bound
    rows: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    eligible = analysis.records == "eligible"
    for group, day, kind, number in fetch(
        query, cutoff, filters, variant=analysis.variant, eligible=eligible
    ):
        rows[group].append((day, kind, number))
    return {name: CompetingCounts.from_rows(found) for name, found in sorted(rows.items())}
