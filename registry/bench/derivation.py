"""Derivation of all records: against ORM and plain Python, and against writing the same rows without deriving."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from typing import Final

import psycopg

from analytics.derivation.engine import VARIANTS, refresh_all
from registry.bench import cluster
from registry.bench.data import load_records
from registry.bench.measure import Table, peak_memory, seconds, show_ratio, show_seconds
from registry.stack.paths import CHECKOUT

STANDING: Final = date(2017, 6, 30)
MOVED: Final = date(2012, 6, 30)
ORM_RECORDS: Final = 2000
STEPS: Final = ("first fill", "unchanged", "cutoff moved")


def run(records: int) -> list[Table]:
    """Fill, derive again, derive at another cutoff; then the floors and the ORM on the same database."""
    dsn = os.environ[cluster.DSN]
    rows = load_records(dsn, records)
    memory = peak_memory()
    took = dict(zip(STEPS, _derive_all(dsn), strict=True))
    grown = peak_memory()
    bare, keyed = _floors(dsn)
    orm = _orm(min(records, ORM_RECORDS), records)
    table = Table(
        f"{records} records ({rows} clinical rows), all {len(VARIANTS)} variants",
        ["work", "one set-based statement", "records/s", "bare INSERT", "ratio", "INSERT with keys and indexes",
         "ratio", "ORM and Python (scaled)", "ORM / ours"],
    )  # fmt: skip
    for step, value in took.items():
        cells = [step, show_seconds(value), f"{records / value:.0f}"]
        cells += [show_seconds(bare), show_ratio(value, bare), show_seconds(keyed)]
        cells += [show_ratio(value, keyed)]
        cells += [show_seconds(orm[step]), show_ratio(orm[step], value)] if orm else ["-", "-"]
        table.rows.append(cells)
    table.notes.append("Targets: at least 20x the ORM, at most 3x the floor.")
    table.notes.append(
        f"Memory of the deriving process: {memory:.0f} MB before, at most {grown:.0f} MB."
    )
    if orm:
        table.notes.append(
            f"ORM and Python: {min(records, ORM_RECORDS)} records measured and scaled; prefetch, the plain reading of"
            f" the tests, bulk_create; at most {orm['memory']:.0f} MB."
        )
    return [table]


def _derive_all(dsn: str) -> list[float]:
    took = [seconds(lambda: refresh_all(cutoff=STANDING))]
    _settle(dsn)
    took.append(seconds(lambda: refresh_all(cutoff=STANDING)))
    _settle(dsn)
    took.append(seconds(lambda: refresh_all(cutoff=MOVED)))
    return took


def _settle(dsn: str) -> None:
    """What autovacuum does in the minutes between; and no checkpoint of one measurement in the next."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("vacuum analyze analytics_outcome")
        connection.execute("checkpoint")


def _floors(dsn: str) -> tuple[float, float]:
    """Seconds of INSERT ... SELECT of the stored rows into a bare table, and into one with keys and indexes."""
    _settle(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:

        def copied(like: str) -> Callable[[], object]:
            connection.execute("drop table if exists floor_outcome")
            connection.execute(
                f"create table floor_outcome (like analytics_outcome {like})".encode()
            )
            connection.execute("checkpoint")
            return lambda: connection.execute(
                "insert into floor_outcome select * from analytics_outcome"
            )

        bare = seconds(copied(""))
        keyed = seconds(copied("including indexes including constraints"))
        connection.execute("drop table floor_outcome")
    return bare, keyed


def _orm(part: int, records: int) -> dict[str, float] | None:
    """The same steps by ORM and Python on a part, scaled; None in an installation without the tests."""
    if not (CHECKOUT / "tests" / "benchmarks").is_dir():
        return None
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.orm_derivation", str(part)]
    command += [STANDING.isoformat(), MOVED.isoformat()]
    done = subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE)  # noqa: S603
    measured: dict[str, float] = json.loads(done.stdout)
    scaled = {step: measured[step] * records / part for step in STEPS}
    return scaled | {"memory": measured["memory"]}
