"""The paper's figures for the cohort in scope, with what a reader may not see left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from analytics.queries.cohort import (
    DiseaseNumbers,
    PfsCounts,
    headline,
    pfs_counts,
    pfs_range,
    recomputing,
    survival_counts,
)
from analytics.queries.disclosure import SMALLEST_CELL, difference_releasable, row_releasable
from analytics.stats.counts import DayCounts
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
    recomputing: int
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


def overview(cutoff: date, *, own_centers: bool) -> Overview:
    """All figures at the cutoff, for rows in scope.

    `own_centers` says that the reader is a member of every center in scope:
    only then are small cells shown.
    """
    numbers = [row for row in headline(cutoff) if row.treated]
    pfs, survival = pfs_counts(cutoff), survival_counts(cutoff)
    figures = _figures(numbers, own_centers)
    enough = own_centers or survival.n >= SMALLEST_CELL
    return Overview(
        cutoff=cutoff,
        diseases=tuple(row.disease for row in numbers),
        treated=figures["treated"],
        eligible=figures["eligible"],
        alive_10y_followed=figures["alive_10y_followed"],
        survived_10y=figures["survived_10y"],
        pfs_range=pfs_range(cutoff) if enough else None,
        follow_up_observed=observed_median(survival) if enough else None,
        follow_up_reverse=_follow_up(survival) if enough else None,
        pfs=pfs,
        by_disease_released=own_centers or all(_large(group) for group in _groups(pfs)),
        recomputing=recomputing(cutoff),
        withheld=any(figure.cells is None or figure.total is None for figure in figures.values()),
    )


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


def _large(group: DayCounts) -> bool:
    return group.n >= SMALLEST_CELL


def _follow_up(survival: DayCounts) -> Quantile | None:
    """Median follow-up by reverse Kaplan-Meier of overall survival; None when nobody is in scope."""
    return quantile(reverse_kaplan_meier(survival)) if survival.n else None
