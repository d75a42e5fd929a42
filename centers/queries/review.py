"""Findings of the audit review: events that a person should look at, by rules in SQL.

A finding is what one rule flags of one person at one center on one day (UTC). It stays open until a
reviewer signs it off, and opens again when more events of that day are flagged.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_noop

from centers import slots
from centers.models import SYSTEM_USER_ID, AuditReview, Center, User
from centers.queries.events import DEFAULT_DAYS, ONE_DAY, READINGS, midnight, read_day
from centers.slots import Finder

BULK: Final = 20
LEAST_READINGS: Final = 30
TIMES_MEDIAN: Final = 3
BASELINE_DAYS: Final = 90
LONGEST: Final = timedelta(days=366)

_COLUMNS: Final = "e.id, e.center_id, e.actor_id, e.at, e.patient_id"
_PERIOD: Final = "e.at >= %(start)s and e.at < %(end)s and e.center_id = any(%(centers)s)"
_IMPORTS: Final = f"""
    select e.request_id from audit.event e where {_PERIOD} and e.table_name = ''
        and e.operation = 'import' and e.request_id is not null
"""  # noqa: S608 - of fixed texts
_ODD_HOURS: Final = f"""
select {_COLUMNS} from audit.event e
where {_PERIOD} and e.actor_id <> %(system)s and e.table_name not like 'centers\\_%%'
    and not (extract(hour from e.at at time zone 'UTC') >= %(first_hour)s
        and extract(hour from e.at at time zone 'UTC') < %(last_hour)s)
"""  # noqa: S608 - of fixed texts
_BULK: Final = f"""
select {_COLUMNS} from (
    select e.*, count(*) over (
        partition by e.center_id, e.actor_id, date_trunc('hour', e.at, 'UTC')) as written
    from audit.event e
    where {_PERIOD} and e.actor_id <> %(system)s and e.operation = 'update'
        and e.patient_id is not null
        and coalesce(e.request_id not in ({_IMPORTS}), true)
) e where e.written >= %(bulk)s
"""  # noqa: S608 - of fixed texts
_IMPORTED: Final = f"""
select {_COLUMNS} from audit.event e where {_PERIOD} and e.patient_id is not null
    and e.operation in ('insert', 'update') and e.request_id in ({_IMPORTS})
"""  # noqa: S608 - of fixed texts
# One line an event and record: an event of a list names many.
_READINGS: Final = """
with lines as (
    select e.id, e.center_id, e.actor_id, e.at,
        coalesce(e.patient_id, listed.patient_id::bigint) as patient_id,
        (e.at at time zone 'UTC')::date as day
    from audit.event e
    left join lateral jsonb_array_elements_text(
        case when jsonb_typeof(e.after -> 'patient_ids') = 'array'
            then e.after -> 'patient_ids' end) as listed (patient_id) on true
    where e.at >= %(start)s - make_interval(days => %(baseline)s) and e.at < %(end)s
        and e.center_id = any(%(centers)s) and e.table_name = '' and e.operation = any(%(readings)s)
), days as (
    select center_id, actor_id, day, count(distinct patient_id) as records
    from lines where patient_id is not null group by center_id, actor_id, day
), flagged as (
    select d.center_id, d.actor_id, d.day from days d
    where d.records >= %(least)s and d.records > %(times)s * coalesce((
        select percentile_cont(0.5) within group (order by b.records) from days b
        where b.center_id = d.center_id and b.actor_id = d.actor_id
            and b.day < d.day and b.day >= d.day - %(baseline)s), 0)
)
select e.id, e.center_id, e.actor_id, e.at, e.patient_id
from lines e join flagged using (center_id, actor_id, day)
where e.at >= %(start)s and e.patient_id is not null
"""


def _hours() -> tuple[int, int]:
    first, last = settings.REVIEW_HOURS
    return first, last


def own_finders() -> list[Finder]:
    """The rules that need to know of no form."""
    first, last = _hours()
    return [
        Finder(
            "odd_hours",
            gettext_noop("Work at odd hours"),
            gettext_noop(
                "Writing or reading before %(first_hour)02d:00 or from %(last_hour)02d:00 UTC on."
            ),
            _ODD_HOURS,
            {"first_hour": first, "last_hour": last, "system": SYSTEM_USER_ID},
        ),
        Finder(
            "bulk_edits",
            gettext_noop("Bulk edits"),
            gettext_noop(
                "%(bulk)s or more saved rows amended by one person within an hour, imports aside."
            ),
            _BULK,
            {"bulk": BULK, "system": SYSTEM_USER_ID},
        ),
        Finder(
            "imports",
            gettext_noop("Imports"),
            gettext_noop("Rows written or amended by an import."),
            _IMPORTED,
        ),
        Finder(
            "many_readings",
            gettext_noop("Many records read"),
            gettext_noop(
                "Identifiers of %(least)s or more records read on a day, and more than %(times)s times"
                " the person's own median of the %(baseline)s days before."
            ),
            _READINGS,
            {
                "least": LEAST_READINGS,
                "times": TIMES_MEDIAN,
                "baseline": BASELINE_DAYS,
                "readings": [kind.value for kind in READINGS],
            },
        ),
    ]


def finders() -> dict[str, Finder]:
    """Every rule by its kind, in the order of the page."""
    return {finder.kind: finder for finder in [*own_finders(), *slots.finders]}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule flags of a person at a center on a day; `event_ids` only where asked for."""

    finder: Finder
    center: Center
    user: User
    day: date
    events: int
    records: int
    first: datetime
    last: datetime
    event_ids: tuple[int, ...]
    review: AuditReview | None

    @property
    def key(self) -> str:
        """Names the finding for good."""
        return key_of(self.finder.kind, self.user, self.day)

    @property
    def state(self) -> str:
        """`open`, `signed`, or `more`: flagged events came after the sign-off."""
        if self.review is None:
            return "open"
        return "signed" if self.review.events >= self.events else "more"


def key_of(kind: str, user: User, day: date) -> str:
    """The name of a finding within its center."""
    return f"{kind}/{user.public_id}/{day}"


_GROUPED: Final = """
select center_id, actor_id, (at at time zone 'UTC')::date, count(distinct id),
    count(distinct patient_id), min(at), max(at),
    case when %(with_ids)s then array_agg(distinct id) end
from ({flagged}) flagged
where coalesce(actor_id = %(actor)s, true)
group by 1, 2, 3
"""


def find(
    centers: Collection[int], start: date, end: date, *, kind: str = "", actor: User | None = None
) -> list[Finding]:
    """The findings of a period, newest first; of one rule, of one person when asked for.

    With `actor` the findings bring the ids of their events.
    """
    chosen = [finder for finder in finders().values() if kind in ("", finder.kind)]
    rows = [(finder, row) for finder in chosen for row in _rows(finder, centers, start, end, actor)]
    own_centers = Center.objects.in_bulk(list({row[0] for _, row in rows}))
    users = User.objects.in_bulk(list({row[1] for _, row in rows}))
    reviews = _reviews(centers, start, end)
    findings = [
        Finding(
            finder,
            own_centers[center_id],
            users[actor_id],
            day,
            events,
            records,
            first,
            last,
            tuple(ids or ()),
            reviews.get((center_id, key_of(finder.kind, users[actor_id], day))),
        )
        for finder, (center_id, actor_id, day, events, records, first, last, ids) in rows
    ]
    return sorted(findings, key=_place)


def _place(finding: Finding) -> tuple[int, str, str, str]:
    return (
        -finding.day.toordinal(),
        finding.finder.kind,
        finding.center.code,
        finding.user.full_name,
    )


def _rows(
    finder: Finder, centers: Collection[int], start: date, end: date, actor: User | None
) -> Sequence[tuple[Any, ...]]:
    parameters = {
        "start": midnight(start),
        "end": midnight(end + ONE_DAY),
        "centers": sorted(centers),
        "actor": actor.pk if actor else None,
        "with_ids": actor is not None,
        **finder.parameters,
    }
    with connection.cursor() as cursor:
        cursor.execute(_GROUPED.format(flagged=finder.sql), parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _reviews(
    centers: Collection[int], start: date, end: date
) -> dict[tuple[int, str], AuditReview]:
    """The latest sign-off of each finding of the period."""
    reviews = AuditReview.objects.filter(
        center_id__in=centers, starts_on__gte=start, ends_on__lte=end
    )
    rows = reviews.select_related("reviewer").order_by("id")
    return {(review.center_id, review.key): review for review in rows}


def reviews_of(center: Center, key: str) -> list[AuditReview]:
    """Every sign-off of one finding, newest first."""
    reviews = AuditReview.objects.filter(center=center, key=key).select_related("reviewer")
    return list(reviews.order_by("-id"))


# Value of the filter -> label; nothing chosen shows what is open.
STATES: Final = {
    "": gettext_noop("Open"),
    "signed": gettext_noop("Signed off"),
    "all": gettext_noop("All"),
}


@dataclass(frozen=True, slots=True)
class ReviewFilters:
    """What the worklist is narrowed to; what is not on the allow-lists counts as not given."""

    start: date
    end: date
    kind: str = ""
    center: str = ""
    state: str = ""
    is_narrowed: bool = False

    @classmethod
    def read(cls, query: Mapping[str, Any], centers: Sequence[Center]) -> ReviewFilters:
        """From the page's address: at most a year, by default the last 30 days."""
        end = read_day(query.get("to")) or timezone.now().date()
        start = read_day(query.get("from")) or end - (DEFAULT_DAYS - 1) * ONE_DAY
        start = min(end, max(start, end - LONGEST))

        def known(name: str, allowed: Collection[str]) -> str:
            value = str(query.get(name, ""))
            return value if value in allowed else ""

        return cls(
            start,
            end,
            known("kind", finders()),
            known("center", [center.code for center in centers]),
            known("state", STATES),
            any(query.get(name) for name in ("from", "to", "kind", "center", "state")),
        )

    def center_ids(self, centers: Sequence[Center]) -> list[int]:
        """Of the reader's centers those that were chosen."""
        return [center.pk for center in centers if self.center in ("", center.code)]

    def lets_through(self, finding: Finding) -> bool:
        """Whether the state is the one asked for."""
        return self.state == "all" or (finding.state == "signed") == (self.state == "signed")
