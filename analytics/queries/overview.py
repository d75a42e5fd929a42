"""The paper's figures for the cohort in scope, with what a reader may not see left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from analytics.queries.cohort import (
    DiseaseNumbers,
    PfsCounts,
    summary,
)
from analytics.queries.disclosure import (
    SMALLEST_CELL,
    difference_releasable,
    readings_beside,
    released,
    row_releasable,
)
from analytics.queries.filters import EVERYBODY, Filters
from analytics.stats.counts import DayCounts, pooled
from analytics.stats.kaplan_meier import reverse_kaplan_meier
from analytics.stats.summaries import Quantile, observed_median, quantile


@dataclass(frozen=True)
class Figure:
    """One number by disease and in all. None = withheld."""

    cells: tuple[int, ...] | None
    total: int | None


@dataclass(frozen=True)
class Overview:
    """The figures of the cohort overview; a Figure's cells stand in the order of `diseases`."""

    cutoff: date
    diseases: tuple[str, ...]
    treated: Figure
    eligible: Figure
    alive_10y_followed: Figure
    survived_10y: Figure
    pfs_range: tuple[str, str] | None
    follow_up_observed: float | None
    follow_up_reverse: Quantile | None
    pfs: PfsCounts
    by_disease_released: bool
    withheld: bool

    @property
    def is_empty(self) -> bool:
        """True when no treated record is in scope."""
        return not self.diseases


def _figure(cells: Sequence[int], totals: Sequence[int], of: int | None, open_: bool) -> Figure:
    """Cells within their totals; `of` is the total's own total (None: it stands for itself)."""
    total = sum(cells)
    if open_:
        return Figure(tuple(cells), total)
    total_shown = total >= SMALLEST_CELL if of is None else row_releasable([total], [of])
    shown = total_shown and row_releasable(cells, totals)
    return Figure(tuple(cells) if shown else None, total if total_shown else None)


def overview(
    cutoff: date,
    *,
    own_centers: bool,
    filters: Filters = EVERYBODY,
    own_ids: Sequence[int] = (),
) -> Overview:
    """All figures at the cutoff, for rows in scope that the filters leave.

    `own_centers` says that the reader is a member of every center in scope: only then are small cells
    shown. `own_ids` are centers that the reader of pooled figures knows in detail.
    """
    mine = summary(cutoff, filters)
    numbers, pfs, survival = mine.numbers, mine.pfs, mine.survival
    figures = _figures(numbers, own_centers)
    enough, by_disease, curve = True, True, True
    if not own_centers:
        for reading in readings_beside(filters, own_ids):
            found = mine if reading == filters else summary(cutoff, reading)
            beside, counts = found.numbers, found.pfs
            if not beside:
                continue
            figures = _where_both(figures, _figures(beside, False))
            enough = enough and sum(row.eligible for row in beside) >= SMALLEST_CELL
            by_disease = by_disease and all(map(_large, _groups(counts)))
            curve = curve and all(map(_large, _together(counts)))
    return Overview(
        cutoff=cutoff,
        diseases=tuple(row.disease for row in numbers),
        treated=figures["treated"],
        eligible=figures["eligible"],
        alive_10y_followed=figures["alive_10y_followed"],
        survived_10y=figures["survived_10y"],
        pfs_range=mine.pfs_range if enough else None,
        follow_up_observed=observed_median(survival) if enough else None,
        follow_up_reverse=_follow_up(survival) if enough else None,
        pfs=pfs if curve else PfsCounts({}, {}),
        by_disease_released=by_disease,
        withheld=any(figure.cells is None or figure.total is None for figure in figures.values()),
    )


def sizes_released(cutoff: date, filters: Filters, own_ids: Sequence[int]) -> bool:
    """Whether the sizes of the eligible cohort by disease may be shown, here and in each reading beside."""

    def decide(reading: Filters) -> bool:
        numbers = [row for row in summary(cutoff, reading).numbers if row.treated]
        return not numbers or _figures(numbers, False)["eligible"].cells is not None

    return released(filters, own_ids, decide)


def _where_both(figures: dict[str, Figure], beside: dict[str, Figure]) -> dict[str, Figure]:
    """The figures, less what is withheld in a reading beside them: it would follow by subtraction."""
    return {
        name: Figure(
            None if beside[name].cells is None else figure.cells,
            None if beside[name].total is None else figure.total,
        )
        for name, figure in figures.items()
    }


def _figures(numbers: Sequence[DiseaseNumbers], own_centers: bool) -> dict[str, Figure]:
    treated = [row.treated for row in numbers]
    eligible = [row.eligible for row in numbers]
    followed = [row.alive_10y_followed for row in numbers]
    survived = [row.survived_10y for row in numbers]
    n_treated, n_eligible = sum(treated), sum(eligible)
    figures = {
        "treated": _figure(treated, [n_treated] * len(treated), None, own_centers),
        "eligible": _figure(eligible, treated, n_treated, own_centers),
        "alive_10y_followed": _figure(followed, eligible, n_eligible, own_centers),
        "survived_10y": _figure(survived, eligible, n_eligible, own_centers),
    }
    if not own_centers and not difference_releasable(
        [*followed, sum(followed)], [*survived, sum(survived)]
    ):
        # Who died after ten years would follow from the two readings.
        figures["survived_10y"] = Figure(None, None)
    return figures


def _groups(pfs: PfsCounts) -> list[DayCounts]:
    return [*pfs.eligible.values(), *pfs.treated.values(), *pfs.landmark.values()]


def _together(pfs: PfsCounts) -> list[DayCounts]:
    """Each set of records as one group, empty ones left out."""
    sets = (pfs.eligible, pfs.treated, pfs.landmark)
    return [group for group in (pooled(found.values()) for found in sets) if group.n]


def _large(group: DayCounts) -> bool:
    return group.n >= SMALLEST_CELL


def _follow_up(survival: DayCounts) -> Quantile | None:
    """Median follow-up by reverse Kaplan-Meier of overall survival; None when nobody is in scope."""
    return quantile(reverse_kaplan_meier(survival)) if survival.n else None
