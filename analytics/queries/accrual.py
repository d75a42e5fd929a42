"""How many records came in by month: by first treatment, or by entry into the registry; by center."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from analytics.queries.disclosure import SMALLEST_CELL
from analytics.queries.filters import Filters
from analytics.queries.selection import TREATED, fetch

# What counts as coming in -> SQL of its day.
DAYS: Final = {"treated": "outcome.t0", "entered": "record.created_at::date"}
_MONTHS: Final = """
    select center.code, date_trunc('month', {day})::date, count(*),
        count(*) filter (where {day} > (%(cutoff)s::date - interval '12 months')::date and {day} <= %(cutoff)s)
    {source} group by 1, 2 order by 1, 2
"""
_SOURCE: Final = TREATED.replace(
    "where", "join centers_center center on center.id = outcome.center_id where", 1
)
_UPTO: Final = f"select count(*) {TREATED} and outcome.t0 <= %(day)s"  # fixed text


@dataclass(frozen=True, slots=True)
class Accrual:
    """One curve: (first day of a month, or a day, and the number by its end); `recent` of the last 12 months.

    `recent` is None where it is not told.
    """

    name: str
    points: tuple[tuple[date, int], ...]
    recent: int | None

    @property
    def total(self) -> int:
        """How many came in at all."""
        return self.points[-1][1] if self.points else 0


def accrual_by_center(cutoff: date, filters: Filters, of: str) -> list[Accrual]:
    """All centers in scope together (name empty), then each by code; months that added nobody left out."""
    sql = _MONTHS.format(day=DAYS[of], source=_SOURCE)
    months: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    recent: dict[str, int] = defaultdict(int)
    for center, month, number, lately in fetch(sql, cutoff, filters):
        for name in ("", center):
            months[name][month] += number
            recent[name] += lately
    return [_summed(name, found, recent[name]) for name, found in sorted(months.items())]


def _summed(name: str, months: dict[date, int], recent: int) -> Accrual:
    points, total = [], 0
    for month, number in sorted(months.items()):
        total += number
        points.append((month, total))
    return Accrual(name, tuple(points), recent)


def pooled_accrual(
    cutoff: date, filters: Filters, ladder: Sequence[date], **_: Any
) -> Accrual | None:
    """For readers without membership: treated records at the cutoffs that pooled figures may stand at.

    Between two of them at least 11 records came in, or nobody (disclosure.cutoff_ladder). None below 11.
    """
    points = []
    for day in sorted({*ladder, cutoff}):
        number = int(fetch(_UPTO, cutoff, filters, day=day)[0][0])
        if number >= SMALLEST_CELL:
            points.append((day, number))
    return Accrual("", tuple(points), None) if points else None
