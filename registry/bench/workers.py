"""The real worker at the same stale marks, with one process and with two: what the second one gives."""

from __future__ import annotations

import os
import statistics
import time
from collections import defaultdict
from typing import Final

import psycopg

from registry.bench import cluster, house
from registry.bench.data import load_records
from registry.bench.measure import Table, show_ratio, show_seconds
from registry.stack.processes import wait_until

RECORDS: Final = 20_000
ROUNDS: Final = 3
PROCESSES: Final = (1, 2)
WARM: Final = 1_000  # marks worked off before, so that each process has its code and its connection
PATIENCE: Final = 1_800.0
EMPTY: Final = "truncate analytics_outcome, analytics_stale cascade"
WORKS: Final = {"first fill": EMPTY, "marked again, nothing changes": "truncate analytics_stale"}
_MARK: Final = """
    insert into analytics_stale (patient_id, center_id, version)
    select patient_id, center_id, version from patients_record_version where patient_id <= %s
"""

Took = dict[tuple[str, int], list[float]]


def run(records: int) -> list[Table]:
    """Rounds of all works by each number of processes, in turn. Raises RuntimeError when marks stay."""
    dsn = os.environ[cluster.DSN]
    records = min(records, RECORDS)
    load_records(dsn, records)
    took: Took = defaultdict(list)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for _ in range(ROUNDS):
            for processes in PROCESSES:
                with house.running("worker", workers=processes):
                    _drained(connection, min(WARM, records), processes)
                    for work, before in WORKS.items():
                        connection.execute(before.encode())
                        connection.execute("checkpoint")
                        took[work, processes].append(_drained(connection, records, processes))
    columns = ["work", "one process", "records/s", "two processes", "records/s", "one / two"]
    table = Table(f"{records} marks worked off by the worker", columns)
    for work in WORKS:
        one, two = (statistics.median(took[work, processes]) for processes in PROCESSES)
        rates = [
            show_seconds(one),
            f"{records / one:.0f}",
            show_seconds(two),
            f"{records / two:.0f}",
        ]
        table.rows.append([work, *rates, show_ratio(one, two)])
    table.notes.append(
        f"Median of {ROUNDS} rounds by turns, from the hint until no mark is left; batches of 200, claimed with skip"
        f" locked. The {os.cpu_count()} cores are shared with the database, which does most of the work: each process"
        " has one of its backends busy."
    )
    return [table]


def _drained(connection: psycopg.Connection, records: int, processes: int) -> float:
    """Mark so many records, hint each process; seconds until all are worked off."""
    connection.execute(_MARK, [records])
    began = time.perf_counter()
    for _ in range(processes):
        house.hint()
    if not wait_until(lambda: house.stale(connection).marks == 0, PATIENCE, 0.05):
        raise RuntimeError(f"not worked off: {house.stale(connection)}")
    return time.perf_counter() - began
