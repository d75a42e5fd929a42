"""What a reader without membership of the centers may be shown (security.md, roles).

A figure is released only where its cell and its complement hold at least 11
records each. What could be computed back from released neighbours is withheld
with it (secondary suppression).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

SMALLEST_CELL: Final = 11


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
