"""How many records centers have, without their names; small centers are one group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from analytics.queries.disclosure import SMALLEST_CELL, releasable, row_releasable
from analytics.queries.filters import EVERYBODY
from analytics.queries.selection import TREATED, fetch

_NUMBERS: Final = f"""
    select count(*), count(*) filter (where eligible = 'yes')
    {TREATED} group by outcome.center_id order by 1 desc, 2 desc
"""


@dataclass(frozen=True, slots=True)
class CenterGroup:
    """One center, or several small ones; `eligible` is None where it is withheld."""

    centers: int
    treated: int
    eligible: int | None


def center_groups(cutoff: date) -> list[CenterGroup] | None:
    """Centers in scope by their treated records, small ones pooled; None where even that is withheld."""
    return grouped([(row[0], row[1]) for row in fetch(_NUMBERS, cutoff, EVERYBODY)])


def grouped(numbers: Sequence[tuple[int, int]]) -> list[CenterGroup] | None:
    """Pairs (treated, eligible), largest first. Every group and its complement hold at least 11.

    Eligible records are told of all groups or of none: one withheld number would follow from the sum.
    """
    total = sum(treated for treated, _ in numbers)
    kept = 0
    while kept < len(numbers) and releasable(numbers[kept][0], total):
        kept += 1
    while kept and 0 < sum(treated for treated, _ in numbers[kept:]) < SMALLEST_CELL:
        kept -= 1
    parts = [numbers[place : place + 1] for place in range(kept)]
    if kept < len(numbers):
        parts.append(numbers[kept:])
    treated = [sum(one for one, _ in part) for part in parts]
    eligible = [sum(one for _, one in part) for part in parts]
    if any(number < SMALLEST_CELL for number in treated):
        return None
    shown = row_releasable(eligible, treated)
    return [
        CenterGroup(len(part), one, two if shown else None)
        for part, one, two in zip(parts, treated, eligible, strict=True)
    ]
