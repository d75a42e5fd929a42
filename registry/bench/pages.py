"""Pages through Django's test client: median and 95th percentile of the server's time, and queries."""

from __future__ import annotations

import itertools
import os
import statistics
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg
from django.db import connections, transaction
from django.test import Client
from django.urls import reverse

from analytics.derivation.engine import refresh_all
from analytics.queries.filters import VALUES
from analytics.queries.patience import MOST_RECORDS
from centers.access import acting, system_scope
from centers.models import Membership, User
from centers.roles import Role
from centers.sealing import seal_events
from patients.models import Assessment, Patient
from registry.bench import cluster, switches
from registry.bench.data import load_records, seal_identities
from registry.bench.measure import Table, quantile, seconds, show_ratio, show_seconds

SIZES: Final = (2_000, 10_000, 100_000)
TIMES: Final = 40
ROUNDS: Final = 5
VISITS: Final = 10
SAVE: Final = "save of a changed row"
LIVE: Final = "overview, own centers, live"
AS_OF: Final = "the same as of before these saves"
WHAT_IF: Final = "survival at another cutoff"
# Above MOST_RECORDS a page says where such figures are made instead.
DERIVING: Final = (AS_OF, WHAT_IF)
TARGETS: Final = {
    "record list, one center": "< 60 ms",
    "record list, 50 centers": "-",
    "record page": "< 30 ms",
    "cohort overview": "< 60 ms",
    SAVE: "< 50 ms",
    AS_OF: "p95 < 2 s at 10,000",
    WHAT_IF: "p95 < 1 s at 10,000",
}
# Each value of each filter: a visit takes the next one.
FILTERS: Final = [{name: value} for name, values in VALUES.items() for value in values]
FILTERED: Final = ", filters in turn"
# Dashboards, as a reader of all centers sees them; the overview stands above, pooled.
DASHBOARDS: Final = {
    "survival by disease": "cohort_survival",
    "progression": "cohort_progression",
    "description": "cohort_description",
    "flow": "cohort_flow",
    "swimmer plot": "cohort_swimmer",
    "accrual": "cohort_accrual",
    "data quality": "cohort_quality",
}
COLUMNS: Final = ("page", "records", "p50", "p95", "queries", "answer", "target (p50 at 2,000)")
EMPTY: Final = (
    "truncate centers_center, patients_record_version, audit.event, analytics_stale, analytics_outcome,"
    " ident.data_key cascade"
)


def run(records: int) -> list[Table]:
    """The pages at each size; sizes above `records` are left out, but the first. Then what security costs."""
    table = Table("Server time of a page", COLUMNS)
    dsn = os.environ[cluster.DSN]
    for size in [s for s in SIZES if s <= records] or [records]:
        visits = _visits(*_prepare(dsn, size))
        for page, visit in visits.items():
            if size > MOST_RECORDS and page in DERIVING:
                continue
            table.rows.append([page, str(size), *_timed(visit), TARGETS.get(page, "-")])
    table.notes.append(
        f"{TIMES} visits each after a warm-up: middleware, queries, template; no network, no web server. Nearest open"
        " peer at 2,000 records: list of 20 671 ms, cohort page of 50 1,799 ms, one record 36 ms, OS curve 77 ms."
        f" No page or figure is kept between two visits. Filters in turn: each of the {len(FILTERS)} values of the filters, so that"
        " their p95 is that of any filter."
    )
    return [table, _costs(dsn, size, visits)]


def dashboards(records: int, times: int) -> Table:
    """The dashboards alone, of records that are loaded and derived: so many visits each, and each filter once."""
    table = Table("Server time of dashboards", COLUMNS)
    clients = _readers(records)
    for page, visit in _dashboards(*clients[1:]).items():
        visits = len(FILTERS) if page.endswith(FILTERED) else times
        table.rows.append([page, str(records), *_timed(visit, visits), "p95 < 500 ms"])
    table.notes.append(f"{times} visits each after a warm-up; each of {len(FILTERS)} filters once.")
    return table


def _prepare(dsn: str, records: int) -> list[Client]:
    """Records with outcomes; a coordinator of the largest center, one of all, an investigator, signed in."""
    with psycopg.connect(dsn, autocommit=True) as superuser:
        superuser.execute(EMPTY)
    load_records(dsn, records)
    seal_identities(dsn)
    refresh_all()
    with psycopg.connect(dsn, autocommit=True) as superuser:
        superuser.execute("vacuum analyze")
    return _readers(records)


def _readers(records: int) -> list[Client]:
    scope = system_scope()
    return [
        _client(f"coordinator-{records}", Role.COORDINATOR, [scope.center_ids[0]]),
        _client(f"coordinators-{records}", Role.COORDINATOR, list(scope.center_ids)),
        _client(f"investigator-{records}", Role.INVESTIGATOR, [None]),
    ]


def _client(username: str, role: Role, centers: list[int | None]) -> Client:
    with acting(system_scope()), transaction.atomic():
        user = User.objects.create(username=username, full_name=username, password="!")  # noqa: S106 - no password fits
        Membership.objects.bulk_create(
            Membership(user=user, center_id=center, role=role.value) for center in centers
        )
        client = Client(headers={"host": "localhost"})
        client.force_login(user)
    return client


def _visits(one: Client, many: Client, investigator: Client) -> dict[str, Callable[[int], Any]]:
    with acting(system_scope()), transaction.atomic():
        found = Patient.objects.order_by("-id").values_list("public_id", flat=True)
        pages = [reverse("record_detail", args=[public]) for public in found[: TIMES + 2]]
        rows = (
            Assessment.objects.select_related("patient__version_row")
            .filter(retracted=False)
            .order_by("-id")
        )
        candidates = list(rows[: 4 * TIMES])
    # Each save raises its record's version by one; a form sends the version that it showed.
    versions = {row.patient_id: row.patient.version_row.version for row in candidates}
    # Where the generated data are unlikely, a save asks first: those rows would time the question.
    amended = [row for row in candidates if _save(many, row, versions).status_code == 302]
    seal = seal_events()
    return {
        "record list, one center": lambda _: one.get(reverse("record_list")),
        "record list, 50 centers": lambda _: many.get(reverse("record_list")),
        "record page": lambda number: many.get(pages[number % len(pages)]),
        SAVE: lambda number: _save(many, amended[number % len(amended)], versions),
        **_dashboards(many, investigator),
        AS_OF: lambda _: many.get(reverse("cohort_overview"), {"as_of": str(seal)}),
        WHAT_IF: lambda number: many.get(
            reverse("cohort_survival"), {"cutoff": f"{2000 + number % 17}-12-31"}
        ),
    }


def _dashboards(many: Client, investigator: Client) -> dict[str, Callable[[int], Any]]:
    overview = reverse("cohort_overview")
    filtered = {"overview, own centers": "cohort_overview", **DASHBOARDS}
    return {
        "cohort overview": lambda _: investigator.get(overview),
        **{name: _dashboard(many, route) for name, route in DASHBOARDS.items()},
        LIVE: lambda _: many.get(overview),
        **{name + FILTERED: _dashboard(many, route, FILTERS) for name, route in filtered.items()},
    }


def _dashboard(
    client: Client, route: str, filters: Sequence[dict[str, str]] = ({},)
) -> Callable[[int], Any]:
    asked = {"records": "treated", "by": "disease"}
    return lambda number: client.get(reverse(route), asked | filters[number % len(filters)])


def _save(client: Client, row: Assessment, versions: dict[int, int]) -> Any:
    """Send an amended assessment; each time another value than it has."""
    path = reverse("row_amend", args=[row.patient.public_id, "assessments", row.public_id])
    values = {
        "submission": str(uuid.uuid4()),
        "reason_preset": "Review of the chart",
        "version": str(versions[row.patient_id]),
        "criteria": "iRECIST" if row.criteria == "clinical" else "clinical",
    }
    answer = client.post(path, values)
    if answer.status_code == 302:
        versions[row.patient_id] += 1
        row.criteria = values["criteria"]
    return answer


def _costs(dsn: str, records: int, visits: dict[str, Callable[[int], Any]]) -> Table:
    """The pages of a reader of all centers on each side in turn, so that all see the same rows."""
    columns = ["page", *switches.SIDES, "product / without both"]
    table = Table(f"What audit and row-level security cost a page, {records} records", columns)
    for page in ("record list, 50 centers", "record page", SAVE):
        took = _alternate(dsn, visits[page])
        middle = [statistics.median(took[name]) for name in switches.SIDES]
        table.rows.append([page, *map(show_seconds, middle), show_ratio(middle[0], middle[2])])
    table.notes.append("One run, the sides in turn; reading events are written on all sides.")
    return table


def _alternate(dsn: str, visit: Callable[[int], Any]) -> dict[str, list[float]]:
    """Seconds of each visit by side; the first visit after a switch is not counted."""
    took: dict[str, list[float]] = {name: [] for name in switches.SIDES}
    numbers = itertools.count(TIMES + 2)
    for _ in range(ROUNDS):
        for name in switches.SIDES:
            with switches.side(dsn, name):
                visit(next(numbers))
                for number in itertools.islice(numbers, VISITS):
                    took[name].append(seconds(lambda n=number: visit(n)))  # type: ignore[misc]
    return took


def _timed(visit: Callable[[int], Any], times: int = TIMES) -> list[str]:
    """p50, p95, queries and size of the answer. Raises RuntimeError when the page does not answer 200."""
    answer = visit(0)
    if answer.status_code not in (200, 302):
        raise RuntimeError(f"the page answered {answer.status_code}")
    took = [seconds(lambda number=number: visit(number)) for number in range(1, times + 1)]  # type: ignore[misc]
    queries = _count_queries(lambda: visit(times + 1))
    return [
        show_seconds(statistics.median(took)),
        show_seconds(quantile(took, 0.95)),
        str(queries),
        f"{len(answer.content) / 1024:.0f} kB",
    ]


def _count_queries(work: Callable[[], object]) -> int:
    counted = 0

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal counted
        counted += 1
        return execute(*arguments)

    with connections["default"].execute_wrapper(count):
        work()
    return counted
