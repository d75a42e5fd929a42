"""How complete and current the records are, by center: never how their patients fared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from analytics.queries.disclosure import released, row_releasable
from analytics.queries.filters import Filters
from analytics.queries.selection import REGISTERED, TREATED, fetch
from analytics.stats.counts import DayCounts
from analytics.stats.kaplan_meier import reverse_kaplan_meier
from analytics.stats.summaries import quantile
from patients.models import ROW_MODELS, Patient
from patients.queries.completeness import COMPLETE
from patients.rules.dictionary import RECORD_FORMS

# A living person's last contact is current when it is not older than this.
CURRENT_MONTHS: Final = 24
FOLLOW_UP: Final = "current"
_COUNTED: Final = f"select outcome.patient_id {REGISTERED}"  # fixed text


def _filled(form: str, table: str, patient: str, retracted: str) -> str:
    # The condition names bare columns of the form's own table, so it stands alone in the inner query.
    return f"""select '{form}', center_id, count(*), count(*) filter (where complete) from (
        select {patient} as patient_id, center_id, ({COMPLETE[form]}) as complete from {table} {retracted}
    ) part where patient_id in ({_COUNTED}) group by 2"""  # noqa: S608  # the dictionary's names


_CELLS: Final = " union all ".join(
    [
        _filled("patients", Patient._meta.db_table, "id", ""),
        *(
            _filled(
                form.name, ROW_MODELS[form.name]._meta.db_table, "patient_id", "where not retracted"
            )
            for form in RECORD_FORMS[1:]
        ),
        f"""select '{FOLLOW_UP}', outcome.center_id, count(*), count(*) filter (where os_event = 1
            or outcome.last_known_alive >= %(cutoff)s::date - interval '{CURRENT_MONTHS} months')
        {TREATED} group by 2""",
    ]
)  # fixed text
_CENTERS: Final = "select id, code from centers_center order by code"
_SIZES: Final = f"""
    select outcome.center_id, count(*), count(outcome.t0),
        count(*) filter (where outcome.eligible = 'unknown') {REGISTERED} group by 1
"""  # fixed text
_FOLLOW_UP: Final = f"""
    select outcome.center_id, os_days, os_event, count(*) {TREATED} group by 1, 2, 3
"""  # fixed text
_AGES: Final = f"""
    select query.center_id, query.check_id,
        case when age < interval '30 days' then 0 when age < interval '90 days' then 1
            when age < interval '365 days' then 2 else 3 end, count(*)
    from (select *, now() - opened_at as age from patients_query where closed_at is null) query
    where query.patient_id in ({_COUNTED}) group by 1, 2, 3
"""  # noqa: S608  # fixed text
# Days from a contact to its entry; contacts older than the registry say little and are told apart.
_LAG: Final = f"""
    select row.center_id, count(*), percentile_cont(array[0.25, 0.5, 0.75]) within group (order by lag)
    from (select center_id, patient_id, created_at::date - date_point as lag from patients_follow_up
        where not retracted and date_point <= %(cutoff)s) row
    where row.patient_id in ({_COUNTED}) group by 1
"""  # noqa: S608  # fixed text
_UNKNOWNS: Final = f"""
    select criterion.key, criterion.value ->> 'reason', count(*)
    {REGISTERED.replace("where", "cross join lateral jsonb_each(outcome.criteria) criterion where", 1)}
        and 'unknown' in (outcome.metastatic_disease, outcome.survival_5y, outcome.no_later_systemic_therapy,
            outcome.progression_free_5y)
        and criterion.value ->> 'value' = 'unknown' and outcome.t0 is not null
    group by 1, 2 order by 3 desc, 1, 2
"""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many; `of` 0: nothing is expected."""

    number: int
    of: int


Cells = Mapping[str, Mapping[str, Share]]


def completeness(cutoff: date, filters: Filters) -> Cells:
    """By center code, then form (and FOLLOW_UP): rows that stand and are complete, of those that stand.

    A row is complete when each field of need "complete" holds a value or a coded reason. FOLLOW_UP:
    treated records dead or with a contact within CURRENT_MONTHS before the cutoff, of all treated.
    """
    codes = dict(fetch(_CENTERS, cutoff, filters))
    found: dict[str, dict[str, Share]] = defaultdict(dict)
    for form, center, of, number in fetch(_CELLS, cutoff, filters):
        found[codes[center]][form] = Share(number, of)
    return dict(sorted(found.items()))


def pooled_completeness(
    cutoff: date, filters: Filters, own_ids: Sequence[int]
) -> Mapping[str, Share] | None:
    """All centers as one, for readers without membership; None unless each cell may be shown."""

    def pooled(one: Filters) -> dict[str, Share]:
        sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for cells in completeness(cutoff, one).values():
            for form, share in cells.items():
                sums[form][0] += share.number
                sums[form][1] += share.of
        return {form: Share(*pair) for form, pair in sums.items()}

    def large(one: Filters) -> bool:
        cells = pooled(one).values()
        return row_releasable([cell.number for cell in cells], [cell.of for cell in cells])

    return pooled(filters) if released(filters, own_ids, large) else None


@dataclass(frozen=True, slots=True)
class CenterState:
    """A center's records and how well they are kept; days; None where nothing is there."""

    code: str
    records: int
    treated: int
    unknown: int
    follow_up: float | None
    open_queries: int
    lag: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True)
class Quality:
    """What members see of their centers: each center, open queries by check and age, unknowns by reason."""

    centers: tuple[CenterState, ...]
    queries: Mapping[str, tuple[int, int, int, int]]
    unknowns: tuple[tuple[str, str, int], ...]


def quality(cutoff: date, filters: Filters) -> Quality:
    """The state of the centers in scope; for members of all of them alone. Five queries."""
    codes = dict(fetch(_CENTERS, cutoff, filters))
    follow_up: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for center, *row in fetch(_FOLLOW_UP, cutoff, filters):
        follow_up[center].append((row[0], row[1], row[2]))
    ages: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    queries: dict[int, int] = defaultdict(int)
    for center, check, age, number in fetch(_AGES, cutoff, filters):
        ages[check][age] += number
        queries[center] += number
    lags = {center: tuple(found) for center, _, found in fetch(_LAG, cutoff, filters)}
    states = [
        CenterState(
            codes[center], records, treated, unknown, _median(follow_up[center]), queries[center],
            lags.get(center),
        )
        for center, records, treated, unknown in fetch(_SIZES, cutoff, filters)
    ]  # fmt: skip
    return Quality(
        tuple(sorted(states, key=lambda state: state.code)),
        {check: (row[0], row[1], row[2], row[3]) for check, row in sorted(ages.items())},
        tuple((row[0], row[1], row[2]) for row in fetch(_UNKNOWNS, cutoff, filters)),
    )


def _median(rows: Sequence[tuple[int, int, int]]) -> float | None:
    """Median follow-up in days by reverse Kaplan-Meier."""
    counts = DayCounts.from_rows(rows)
    return quantile(reverse_kaplan_meier(counts)).day if counts.n else None


def total(cells: Mapping[str, Share], forms: Sequence[str]) -> Share:
    """Several forms as one."""
    found: list[Any] = [cells[form] for form in forms if form in cells]
    return Share(sum(share.number for share in found), sum(share.of for share in found))
