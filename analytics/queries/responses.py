"""Best overall responses of treated records, by disease."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from analytics.queries.disclosure import released, row_releasable
from analytics.queries.filters import Filters
from analytics.queries.selection import TREATED, fetch

# NE: not evaluable, or no response recorded.
RESPONSES: Final = ("CR", "PR", "SD", "PD", "NE")
_SQL: Final = f"""
    select outcome.disease, coalesce(outcome.best_response, 'NE'), count(*) {TREATED} group by 1, 2
"""  # fixed text
Counts = Mapping[str, Mapping[str, int]]


def response_counts(
    cutoff: date, *, own_centers: bool, filters: Filters, own_ids: Sequence[int]
) -> Counts | None:
    """Records by disease and best response; None when withheld from this reader.

    Without membership every response of every disease, and its complement, holds at least 11 records,
    here and in each reading beside it.
    """
    if not own_centers and not released(filters, own_ids, lambda one: _large(_counts(cutoff, one))):
        return None
    return _counts(cutoff, filters)


def _counts(cutoff: date, filters: Filters) -> Counts:
    found: dict[str, dict[str, int]] = {}
    for disease, response, number in fetch(_SQL, cutoff, filters):
        found.setdefault(disease, dict.fromkeys(RESPONSES, 0))[response] = number
    return dict(sorted(found.items()))


def _large(counts: Counts) -> bool:
    return all(
        row_releasable(list(row.values()), [sum(row.values())] * len(row))
        for row in counts.values()
    )
