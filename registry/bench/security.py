"""What row-level security and the audit cost: the same statements with and without them, side by side."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from centers.access import acting, system_scope
from centers.scope import settings_of
from registry.bench import cluster
from registry.bench.data import count_rows, load_records
from registry.bench.measure import Table, seconds, show_ratio, show_seconds
from registry.stack import roles

RECORDS: Final = 10_000
BULK: Final = 5000
ROUNDS: Final = 5
SINGLES: Final = 100
SETTINGS: Final = (
    "registry.actor",
    "registry.role",
    "registry.centers",
    "registry.request",
    "registry.version",
    "registry.identified",
    "registry.revealed",
)

# A day in each record that an assessment may have.
DAYS: Final = (
    "create table bench_day as select patient_id as id, center_id, min(start_date::text) as day"
    " from patients_cycle group by 1, 2; alter table bench_day add primary key (id);"
    " grant select on bench_day to public; analyze bench_day"
)
INSERT: Final = (
    "insert into patients_assessment (public_id, center_id, patient_id, date, response, created_at)"
    " select gen_random_uuid(), center_id, id, day, 'SD', now() from bench_day"
)
UPDATE: Final = "update patients_assessment set criteria = case criteria when 'WHO' then 'RECIST11' else 'WHO' end"
LIST: Final = (
    "select * from patients_patient where center_id = any(%(centers)s) order by id limit 50"
)
RECORD: Final = (
    "select * from patients_assessment where patient_id = %(id)s and center_id = any(%(centers)s)"
)
COUNT: Final = (
    "select a.response, count(*) from patients_assessment a join patients_patient p on p.id = a.patient_id"
    " where p.disease = 'melanoma' and a.center_id = any(%(centers)s) group by 1"
)


@dataclass(frozen=True)
class Side:
    """One way to run the statements: as the app under row-level security or as superuser; which triggers are off."""

    name: str
    secured: bool
    switched_off: str = ""


PRODUCT: Final = Side("product: RLS and audit", secured=True)
NO_AUDIT: Final = Side("without audit", secured=True, switched_off="audit")
NO_RLS: Final = Side("without RLS", secured=False)
NEITHER: Final = Side("without both", secured=False, switched_off="audit")
BARE: Final = Side("no trigger at all, no RLS", secured=False, switched_off="user")
SIDES: Final = (PRODUCT, NO_AUDIT, NO_RLS, NEITHER, BARE)


def run(records: int) -> list[Table]:
    """Writes on four sides, reads on two; rounds of the sides alternate."""
    dsn = os.environ[cluster.DSN]
    load_records(dsn, min(records, RECORDS))
    with psycopg.connect(dsn, autocommit=True) as connection:
        with acting(system_scope()) as scope:
            _set(connection, dict(zip(SETTINGS, settings_of(scope), strict=True)))
        _set(connection, {"registry.reason": "benchmark"})
        centers = list(scope.center_ids)
        connection.execute(DAYS)
        return [_writes(connection, dsn), _reads(connection, centers)]


def _set(connection: psycopg.Connection, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        connection.execute("select set_config(%s, %s, false)", [name, value])


@contextmanager
def _side(connection: psycopg.Connection, side: Side) -> Iterator[None]:
    """The connection as that side: role, and triggers on or off."""
    if side.switched_off:
        off = sql.SQL(side.switched_off)
        connection.execute(
            sql.SQL("alter table patients_assessment disable trigger {}").format(off)
        )
    if side.secured:
        connection.execute(sql.SQL("set role {}").format(sql.Identifier(roles.APP)))
    try:
        yield
    finally:
        connection.execute("reset role")
        connection.execute("alter table patients_assessment enable trigger user")


def _writes(connection: psycopg.Connection, dsn: str) -> Table:
    bulk = min(BULK, count_rows(connection, "patients_patient"))
    works: dict[str, tuple[Callable[[int], object], int]] = {
        "single insert": (
            lambda n: connection.execute(f"{INSERT} where id = %s".encode(), [n]),
            SINGLES,
        ),
        "single update": (
            lambda n: connection.execute(f"{UPDATE} where id = %s".encode(), [n]),
            SINGLES,
        ),
        f"insert of {bulk} rows at once": (
            lambda _: connection.execute(f"{INSERT} where id <= %s".encode(), [bulk]),
            1,
        ),
        f"update of {bulk} rows at once": (
            lambda _: connection.execute(f"{UPDATE} where id <= %s".encode(), [bulk]),
            1,
        ),
    }
    targets = ("1.5x", "1.5x", "2.5x", "7x")
    columns = [
        "one transaction",
        *(side.name for side in SIDES),
        "product / without both",
        "target",
    ]
    table = Table("Writing assessments, commit included", columns)
    for (title, (work, times)), target in zip(works.items(), targets, strict=True):
        took = _alternate(connection, SIDES, work, times)
        cells = [title, *(show_seconds(took[side.name]) for side in SIDES)]
        ratio = show_ratio(took[PRODUCT.name], took[NEITHER.name])
        table.rows.append([*cells, ratio, f"<= {target}"])
        with psycopg.connect(dsn, autocommit=True) as other:
            other.execute("vacuum analyze patients_assessment")
    table.notes.append(
        "All sides but the last keep the record's version, the stale mark and the check of the whole record at commit."
    )
    return table


def _reads(connection: psycopg.Connection, centers: list[int]) -> Table:
    works = {
        "list of 50 records, all centers": (LIST, centers, 100, "1.1x"),
        "list of 50 records, one center": (LIST, centers[:1], 100, "1.1x"),
        "assessments of one record": (RECORD, centers, 100, "1.1x"),
        "count by response, all centers": (COUNT, centers, 5, "2x"),
    }
    sides = (PRODUCT, NEITHER)
    columns = ["query", "under RLS", "superuser, explicit WHERE", "ratio", "target"]
    table = Table("Reading", columns)
    for title, (query, scope, times, target) in works.items():
        _set(connection, {"registry.centers": ",".join(map(str, scope))})

        def work(number: int, query: str = query, scope: list[int] = scope) -> object:
            parameters = {"centers": scope, "id": number}
            return connection.execute(query.encode(), parameters).fetchall()

        took = _alternate(connection, sides, work, times)
        product, plain = (took[side.name] for side in sides)
        cells = [title, show_seconds(product), show_seconds(plain), show_ratio(product, plain)]
        table.rows.append([*cells, f"<= {target}"])
    return table


def _alternate(
    connection: psycopg.Connection,
    sides: tuple[Side, ...],
    work: Callable[[int], object],
    times: int,
) -> dict[str, float]:
    """Median seconds of one call on each side; a first round warms up."""
    took: dict[str, list[float]] = {side.name: [] for side in sides}
    for turn in range(ROUNDS + 1):
        for side in sides:
            with _side(connection, side):
                for call in range(times):
                    number = 1 + turn * times + call
                    spent = seconds(lambda number=number: work(number))  # type: ignore[misc]
                    if turn:
                        took[side.name].append(spent)
    return {name: statistics.median(values) for name, values in took.items()}
