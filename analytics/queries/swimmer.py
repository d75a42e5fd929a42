"""One lane a record: what happened to each person, in days since the first dose; of own centers alone."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from analytics.queries.filters import Filters
from analytics.queries.selection import OWN, TREATED, fetch, own_only

# Order -> SQL; the registry number breaks ties, so that pages never overlap.
ORDERS: Final = {
    "duration": "outcome.os_days desc",
    "pfs": "outcome.pfs_days desc",
    "response": "array_position(array['CR','PR','SD','PD','NE'], outcome.best_response), outcome.os_days desc",
    "center": "center.code, outcome.os_days desc",
}
LANES_A_PAGE: Final = 60
_FROM: Final = TREATED.replace(
    "where", "join centers_center center on center.id = outcome.center_id where", 1
)
_COUNT: Final = f"select count(*) {_FROM} {OWN}"  # fixed text
_LANES: Final = f"""
    select record.id, record.public_id, record.registry_number, center.code, outcome.disease,
        outcome.t0, pfs_days, pfs_event, os_days, os_event, coalesce(outcome.best_response, '')
    {_FROM} {OWN}
    order by {{order}}, record.registry_number limit {LANES_A_PAGE} offset %(skip)s
"""  # fixed text
# In at the cutoff as the derivation has it: the standing day on or before it.
_MARKS: Final = """
    select patient_id, 'course', course_id::text, start_date_point from patients_cycle
        where patient_id = any(%(ids)s) and not retracted and doses_given is distinct from 0
            and start_date_point <= %(cutoff)s
    union all
    select patient_id, 'response', response, date_point from patients_assessment
        where patient_id = any(%(ids)s) and not retracted and date_point <= %(cutoff)s
            and response in ('CR', 'PR', 'SD', 'PD', 'NED')
    union all
    select patient_id, 'local', coalesce(modality, ''), date_point from patients_local_therapy
        where patient_id = any(%(ids)s) and not retracted and date_point <= %(cutoff)s
    union all
    select patient_id, 'systemic', coalesce(therapy_class, ''), start_date_point
        from patients_systemic_therapy
        where patient_id = any(%(ids)s) and not retracted and start_date_point <= %(cutoff)s
            and therapy_class is distinct from 'supportive'
    order by 1, 4, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Lane:
    """A record; days since T0. `courses` are (first, last start of a cycle), `marks` (kind, code, day)."""

    public_id: uuid.UUID
    registry_number: str
    center: str
    disease: str
    pfs_days: int
    pfs_event: bool
    os_days: int
    os_event: bool
    best_response: str
    courses: tuple[tuple[int, int], ...]
    marks: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Lanes:
    """One page of lanes, of so many."""

    lanes: tuple[Lane, ...]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // LANES_A_PAGE))


def swimmer_lanes(
    cutoff: date,
    *,
    own_centers: bool,
    filters: Filters,
    own_ids: Sequence[int],
    order: str,
    page: int,
) -> Lanes:
    """Lanes of treated records of the reader's own centers, in an order of ORDERS; two or three queries."""
    own = own_only(own_centers, own_ids)
    total = int(fetch(_COUNT, cutoff, filters, **own)[0][0])
    page = min(max(page, 1), max(1, -(-total // LANES_A_PAGE)))
    sql = _LANES.format(order=ORDERS[order])
    rows = fetch(sql, cutoff, filters, **own, skip=(page - 1) * LANES_A_PAGE)
    marks: dict[int, list[tuple[str, str, date]]] = defaultdict(list)
    for patient, kind, code, day in fetch(_MARKS, cutoff, filters, ids=[row[0] for row in rows]):
        marks[patient].append((kind, code, day))
    return Lanes(tuple(_lane(row, marks[row[0]]) for row in rows), total, page)


def _lane(row: tuple[Any, ...], marks: Sequence[tuple[str, str, date]]) -> Lane:
    _, public_id, number, center, disease, t0, pfs, pfs_event, os, os_event, best = row
    courses: dict[str, list[int]] = defaultdict(list)
    others = []
    for kind, code, day in marks:
        since = (day - t0).days
        if kind == "course":
            courses[code].append(since)
        elif since >= 0:
            others.append((kind, code, since))
    spans = sorted((max(min(days), 0), max(days)) for days in courses.values())
    return Lane(
        public_id, number, center, disease, pfs, bool(pfs_event), os, bool(os_event), best,
        tuple(spans), tuple(others),
    )  # fmt: skip
