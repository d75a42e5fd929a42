"""Derivation of all records: against ORM and plain Python, and against writing the same rows without deriving."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import psycopg
from django.db import connections
from psycopg import sql

from analytics.derivation.engine import VARIANTS, refresh_all
from registry.bench import cluster
from registry.bench.data import load_records
from registry.bench.measure import (
    Effort,
    Table,
    effort,
    peak_memory,
    show_ratios,
    show_seconds,
)
from registry.bench.statistics import grouped
from registry.stack.paths import CHECKOUT

STANDING: Final = date(2017, 6, 30)
MOVED: Final = date(2012, 6, 30)
ORM_RECORDS: Final = 2000
STEPS: Final = (("first fill", STANDING), ("unchanged", STANDING), ("cutoff moved", MOVED))


@dataclass(frozen=True)
class Step:
    """One derivation of all records, and the floors measured right after it."""

    name: str
    derived: Effort
    bare: Effort
    keyed: Effort


def run(records: int) -> list[Table]:
    """Fill, derive again, derive at another cutoff, each with its floor; then the ORM on the same database."""
    dsn = os.environ[cluster.DSN]
    rows = load_records(dsn, records)
    memory = peak_memory()
    steps = [_step(dsn, name, cutoff) for name, cutoff in STEPS]
    grown = peak_memory()
    orm = _orm(min(records, ORM_RECORDS), records)
    title = f"{records} records ({rows} clinical rows), all {len(VARIANTS)} variants"
    columns = ["work", "seconds", "CPU seconds", "records/s", "/ bare INSERT"]
    columns += ["/ INSERT with keys and indexes", "ORM and Python / this"]
    table = Table(title, columns)
    for step in steps:
        cells = [*_cells(step.name, step.derived, records), show_ratios(step.derived, step.bare)]
        cells += [show_ratios(step.derived, step.keyed)]
        table.rows.append([*cells, show_ratios(orm[step.name], step.derived) if orm else "-"])
    others = {"bare INSERT ... SELECT of the rows": steps[-1].bare}
    others["INSERT ... SELECT with keys and indexes"] = steps[-1].keyed
    others |= {f"ORM and Python, {name} (scaled)": value for name, value in orm.items()}
    for name, value in others.items():
        table.rows.append([*_cells(name, value, records), "", "", ""])
    table.notes.append(
        "Ratios by the clock, and of processor time in brackets. Targets: ORM at least 20x, INSERT at most 3x."
    )
    table.notes.append(
        f"Memory of the deriving process: {memory:.0f} MB before, at most {grown:.0f} MB."
    )
    table.notes.append(
        f"ORM and Python: {min(records, ORM_RECORDS)} records; prefetch, the plain reading of the tests, bulk_create."
    )
    return [table, grouped(records, MOVED)]


def _cells(name: str, took: Effort, records: int) -> list[str]:
    return [name, show_seconds(took.wall), show_seconds(took.cpu), f"{records / took.wall:.0f}"]


def _step(dsn: str, name: str, cutoff: date) -> Step:
    worker = connections["worker"]
    worker.ensure_connection()
    backend = worker.connection.info.backend_pid
    derived = effort(lambda: refresh_all(cutoff=cutoff), backend)
    return Step(name, derived, *_floors(dsn))


def _floors(dsn: str) -> tuple[Effort, Effort]:
    """INSERT ... SELECT of the stored rows into a bare table, and into one with keys and indexes.

    Vacuum before it is what autovacuum does in the minutes between; checkpoints keep one measurement
    out of the next.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("vacuum analyze analytics_outcome")
        took = [
            _floor(connection, like) for like in ("", "including indexes including constraints")
        ]
        connection.execute("checkpoint")
    return took[0], took[1]


def _floor(connection: psycopg.Connection, like: str) -> Effort:
    made = sql.SQL("create table floor_outcome (like analytics_outcome {})").format(sql.SQL(like))
    connection.execute(made)
    connection.execute("checkpoint")
    insert = "insert into floor_outcome select * from analytics_outcome"
    took = effort(lambda: connection.execute(insert), connection.info.backend_pid)
    connection.execute("drop table floor_outcome")
    return took


def _orm(part: int, records: int) -> dict[str, Effort]:
    """The same steps by ORM and Python on a part, scaled; nothing in an installation without the tests."""
    if not (CHECKOUT / "tests" / "benchmarks").is_dir():
        return {}
    measure = (
        "import datetime; from tests.benchmarks.orm_derivation import measure; "
        f"measure({part}, {STANDING!r}, {MOVED!r})"
    )
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", measure]
    done = subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE)  # noqa: S603
    measured: dict[str, Any] = json.loads(done.stdout)
    return {name: Effort(*measured[name]).scaled(records / part) for name, _ in STEPS}
