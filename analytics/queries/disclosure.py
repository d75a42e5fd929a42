"""What a reader without membership of the centers may be shown: the one place that decides.

A figure is released only where its cell and its complement hold at least 11 records each. What could be
computed back from released neighbours is withheld with it: cells of a row, the other values of a filter,
the centers that the reader knows in detail, the neighbouring cutoffs and thresholds. docs/small-cells.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from analytics.queries.filters import VALUES, Filters

SMALLEST_CELL: Final = 11
# What may be combined: any disease, with one value of one of these.
GRID: Final = ("sex", "decade")
ONE_DAY: Final = timedelta(days=1)


def releasable(cell: int, total: int) -> bool:
    """True when the cell and its complement within `total` hold at least `SMALLEST_CELL`."""
    return cell >= SMALLEST_CELL and total - cell >= SMALLEST_CELL


def row_releasable(cells: Sequence[int], totals: Sequence[int]) -> bool:
    """True when each cell of a row may be shown within its own total.

    All or nothing: one withheld cell would follow from the row's sum and the others.
    """
    return all(releasable(cell, total) for cell, total in zip(cells, totals, strict=True))


def difference_releasable(first: Sequence[int], second: Sequence[int]) -> bool:
    """True when two readings of the same cells may stand side by side.

    Their difference is a cell too: nobody, or at least `SMALLEST_CELL`.
    """
    return all(
        one == two or abs(one - two) >= SMALLEST_CELL
        for one, two in zip(first, second, strict=True)
    )


def on_grid(filters: Filters) -> bool:
    """Whether readers without membership may ask for this combination."""
    others = [name for name in filters.values if name != "disease"]
    return len(others) <= 1 and set(others) <= set(GRID)


def readings_beside(filters: Filters, own_ids: Sequence[int] = ()) -> Iterator[Filters]:
    """Every reading that would give this one away by subtraction, itself included.

    All diseases, all values of the other filter, nobody filtered; and each without the centers that
    the reader knows in detail.
    """
    other = next((name for name in filters.values if name != "disease"), "")
    ways: list[tuple[tuple[str, str], ...]] = [(), *_conditions(other)]
    diseases: list[tuple[tuple[str, str], ...]] = [()]
    if "disease" in filters.values:
        diseases += _conditions("disease")
    for disease in diseases:
        for way in ways:
            yield replace(filters, chosen=(*disease, *way))
            if own_ids:
                yield replace(filters, chosen=(*disease, *way), without=tuple(own_ids))


def _conditions(name: str) -> list[tuple[tuple[str, str], ...]]:
    return [((name, value),) for value in VALUES.get(name, ())]


def released(filters: Filters, own_ids: Sequence[int], decide: Callable[[Filters], bool]) -> bool:
    """Whether a figure may be shown: `decide` says so of the reading and of each beside it."""
    return all(decide(reading) for reading in readings_beside(filters, own_ids))


def cutoff_ladder(
    growth: Sequence[tuple[date, Mapping[str, int]]], standing: date
) -> tuple[date, ...]:
    """Cutoffs that pooled figures may stand at, newest first; the registry's own is not among them.

    `growth`: days and what each added, by cell. A rung is a quarter's end between which and the rung
    above (at first the registry's own) every cell grew by nobody or by at least `SMALLEST_CELL`, and
    some cell did: two rungs never show what a few records did.
    """
    rungs: list[date] = []
    waiting: dict[str, int] = {}
    quarter = _quarter_before(standing)
    for day, cells in sorted(growth, key=lambda grown: grown[0], reverse=True):
        while day <= quarter:
            if waiting and all(number >= SMALLEST_CELL for number in waiting.values()):
                rungs.append(quarter)
                waiting = {}
            quarter = _quarter_before(quarter)
        for name, number in cells.items():
            waiting[name] = waiting.get(name, 0) + number
    return tuple(rungs)


def _quarter_before(day: date) -> date:
    """The last quarter's end before a day."""
    first = date(day.year, day.month - (day.month - 1) % 3, 1)
    return first - ONE_DAY
