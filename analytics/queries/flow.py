"""The flow diagram: from registered records to the eligible cohort, every box a count.

Criteria are asked in the order of rules.md section 6; a record leaves at the first that is not
`yes`, with its reason `no` or `unknown`. So each box is the sum of the next one and its exclusions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import connection

from analytics.queries.disclosure import SMALLEST_CELL, readings_beside, row_releasable
from analytics.queries.filters import EVERYBODY, FILTERED, Filters

CRITERIA: Final = (
    ("received_hd_il2", "Received high-dose IL-2"),
    ("metastatic_disease", "Metastatic melanoma or renal cell carcinoma"),
    ("survival_5y", "Alive at the fifth anniversary"),
    ("no_later_systemic_therapy", "No later systemic therapy"),
)
_COUNTS: Final = f"""
    select {", ".join(name for name, _ in CRITERIA)}, count(*)
    from analytics_outcome outcome
    join patients_patient record on record.id = outcome.patient_id
    where outcome.variant = 'primary' and outcome.cutoff = %(cutoff)s
        and not record.retracted and record.consent is distinct from 'withdrawn'
    {FILTERED}
    group by {", ".join(str(n + 1) for n in range(len(CRITERIA)))}
"""  # noqa: S608  # fixed text


@dataclass(frozen=True, slots=True)
class Step:
    """One criterion: how many met it, and how many left because it was `no` or `unknown`.

    None = withheld.
    """

    criterion: str
    label: str
    met: int | None
    no: int | None
    unknown: int | None


@dataclass(frozen=True, slots=True)
class Flow:
    """The boxes from top to bottom; `registered` counts records whose consent stands."""

    registered: int | None
    steps: tuple[Step, ...]

    @property
    def withheld(self) -> bool:
        """Whether any number is kept from this reader."""
        return any(step.no is None for step in self.steps)


def flow(
    cutoff: date,
    *,
    own_centers: bool,
    filters: Filters = EVERYBODY,
    own_ids: Sequence[int] = (),
) -> Flow:
    """The flow at a cutoff, for rows in scope that the filters leave.

    Without membership it is shown where what stays and each reason to leave hold at least 11 records
    at every step, here and in each reading beside it; else no more than the first box is.
    """
    found = _flow(cutoff, filters)
    if own_centers:
        return found
    beside = [_flow(cutoff, reading) for reading in readings_beside(filters, own_ids)]
    if all(map(_releasable, beside)):
        return found
    enough = all(not one.registered or one.registered >= SMALLEST_CELL for one in beside)
    steps = tuple(Step(step.criterion, step.label, None, None, None) for step in found.steps)
    return Flow(found.registered if enough else None, steps)


def _flow(cutoff: date, filters: Filters) -> Flow:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"cutoff": cutoff, **filters.parameters})
        groups = [(tuple(row[:-1]), int(row[-1])) for row in cursor.fetchall()]
    registered = sum(number for _, number in groups)
    steps = []
    remaining = groups
    for place, (name, label) in enumerate(CRITERIA):
        counts = {
            value: sum(n for values, n in remaining if values[place] == value)
            for value in ("yes", "no", "unknown")
        }
        steps.append(Step(name, label, counts["yes"], counts["no"], counts["unknown"]))
        remaining = [(values, n) for values, n in remaining if values[place] == "yes"]
    return Flow(registered, tuple(steps))


def _releasable(found: Flow) -> bool:
    """All or nothing: one box that is withheld would follow from its neighbours' sums."""
    before = found.registered or 0
    if not before:
        return True
    for step in found.steps:
        cells = [number or 0 for number in (step.met, step.no, step.unknown)]
        if not row_releasable(cells, [before] * len(cells)):
            return False
        before = cells[0]
    return True
