"""The flow diagram: from registered records to the eligible cohort, every box a count.

Criteria are asked in the order of rules.md section 6; a record leaves at the first that is not
`yes`, with its reason `no` or `unknown`. So each box is the sum of the next one and its exclusions.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.utils.translation import gettext_noop

from analytics.queries.cohort import treated_in_all
from analytics.queries.disclosure import (
    SMALLEST_CELL,
    difference_releasable,
    readings_beside,
    row_releasable,
)
from analytics.queries.filters import EVERYBODY, Filters
from analytics.queries.selection import OWN, REGISTERED, fetch, own_only

CRITERIA: Final = (
    ("received_hd_il2", gettext_noop("Received high-dose IL-2")),
    ("metastatic_disease", gettext_noop("Metastatic melanoma or renal cell carcinoma")),
    ("survival_5y", gettext_noop("Alive at the fifth anniversary")),
    ("no_later_systemic_therapy", gettext_noop("No later systemic therapy")),
)
_COUNTS: Final = f"""
    select {", ".join(name for name, _ in CRITERIA)}, count(*)
    {REGISTERED}
    group by {", ".join(str(n + 1) for n in range(len(CRITERIA)))}
"""  # fixed text


# Why records left, at the first criterion that they did not meet.
_REASONS: Final = f"""
    select name, value, criteria -> name ->> 'reason', count(*) from (
        select outcome.criteria,
            case {"".join(f" when outcome.{name} <> 'yes' then '{name}'" for name, _ in CRITERIA)} end,
            case {"".join(f" when outcome.{name} <> 'yes' then outcome.{name}" for name, _ in CRITERIA)} end
        {REGISTERED}
    ) gone (criteria, name, value)
    where name is not null group by 1, 2, 3
"""  # noqa: S608  # fixed text
# Records of one box or of one way out; FIRST means all that are registered.
FIRST: Final = "registered"
_LIST: Final = {
    FIRST: "",
    **{
        name: "".join(f" and outcome.{before} = 'yes'" for before, _ in CRITERIA[:place])
        + f" and outcome.{name} = %(value)s"
        for place, (name, _) in enumerate(CRITERIA)
    },
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why records left at a criterion: value (`no`, `unknown`), code of the reason, how many."""

    value: str
    code: str
    number: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A record of a box: how lists name it, and the criterion's reason and resolving entry."""

    public_id: uuid.UUID
    registry_number: str
    center: str
    disease: str
    t0: date | None
    found: Mapping[str, Any]


def flow_reasons(cutoff: date, filters: Filters) -> dict[str, list[Reason]]:
    """The reasons to leave by criterion, most frequent first; for members alone."""
    reasons: dict[str, list[Reason]] = {name: [] for name, _ in CRITERIA}
    for criterion, *found in fetch(_REASONS, cutoff, filters):
        reasons[criterion].append(Reason(*found))
    for found in reasons.values():
        found.sort(key=lambda reason: (reason.value, -reason.number, reason.code))
    return reasons


def flow_records(
    cutoff: date,
    step: str,
    value: str,
    *,
    own_centers: bool,
    filters: Filters,
    own_ids: Sequence[int],
    limit: int,
    skip: int,
) -> tuple[list[Listed], int]:
    """Records of a box, or of a way out of it, at the reader's own centers; and how many there are.

    `step` is FIRST or a criterion, `value` yes, no or unknown. Raises KeyError for another step.
    """
    name = "received_hd_il2" if step == FIRST else step
    where = f"{_LISTED_FROM} {_LIST[step]} {OWN}"
    parameters = {"value": value, **own_only(own_centers, own_ids)}
    total = fetch(f"select count(*) {where}", cutoff, filters, **parameters)[0][0]  # fixed text
    rows = fetch(
        f"select record.public_id, record.registry_number, center.code, outcome.disease, outcome.t0,"  # fixed text
        f" outcome.criteria -> '{name}' {where} order by 2 limit %(limit)s offset %(skip)s",
        cutoff,
        filters,
        **parameters,
        limit=limit,
        skip=skip,
    )
    listed = [
        Listed(public_id, number, center, disease, t0, json.loads(found))
        for public_id, number, center, disease, t0, found in rows
    ]
    return listed, int(total)


_LISTED_FROM: Final = REGISTERED.replace(
    "where", "join centers_center center on center.id = outcome.center_id where", 1
)


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
    at every step, here and in each reading beside it; else no more than the first box is. Other pages
    tell how many of the two index diseases were treated: who is beyond those is a cell as well.
    """
    found = _flow(cutoff, filters)
    if own_centers:
        return found
    beside = [
        (_flow(cutoff, reading), treated_in_all(cutoff, reading))
        for reading in readings_beside(filters, own_ids)
    ]
    if all(_releasable(*one) for one in beside):
        return found
    enough = all(_first_releasable(*one) for one in beside)
    steps = tuple(Step(step.criterion, step.label, None, None, None) for step in found.steps)
    return Flow(found.registered if enough else None, steps)


def _flow(cutoff: date, filters: Filters) -> Flow:
    groups = [(tuple(row[:-1]), int(row[-1])) for row in fetch(_COUNTS, cutoff, filters)]
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


def _first_releasable(found: Flow, treated: int) -> bool:
    """Whether the first box may be shown beside the number of treated records."""
    registered = found.registered or 0
    enough = not registered or registered >= SMALLEST_CELL
    return enough and difference_releasable([registered], [treated])


def _releasable(found: Flow, treated: int) -> bool:
    """All or nothing: one box that is withheld would follow from its neighbours' sums."""
    before = found.registered or 0
    if not before:
        return True
    if not difference_releasable([found.steps[0].met or 0], [treated]):
        return False
    for step in found.steps:
        cells = [number or 0 for number in (step.met, step.no, step.unknown)]
        if not row_releasable(cells, [before] * len(cells)):
            return False
        before = cells[0]
    return True
