"""The flow diagram: from registered records to the eligible cohort, every box a count.

Criteria are asked in the order of rules.md section 6; a record leaves at the first that is not
`yes`, with its reason `no` or `unknown`. So each box is the sum of the next one and its exclusions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import connections

from analytics.queries.disclosure import row_releasable

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
    where outcome.variant = 'primary' and outcome.cutoff = %s
        and not record.retracted and record.consent is distinct from 'withdrawn'
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


def flow(cutoff: date, *, own_centers: bool, using: str = "default") -> Flow:
    """The flow at a cutoff, for rows in scope.

    Without membership it is shown where what stays and each reason to leave hold at least 11 records
    at every step; else only the first box is.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(_COUNTS, [cutoff])
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
    if not own_centers:
        steps = _released(registered, steps)
    return Flow(registered, tuple(steps))


def _released(registered: int, steps: list[Step]) -> list[Step]:
    """All or nothing: one box that is withheld would follow from its neighbours' sums."""
    before, shown = registered, True
    for step in steps:
        cells = [number or 0 for number in (step.met, step.no, step.unknown)]
        shown = shown and row_releasable(cells, [before] * len(cells))
        before = cells[0]
    if shown:
        return steps
    return [Step(step.criterion, step.label, None, None, None) for step in steps]
