"""A million records, loaded and derived once: counted by day, shown by every dashboard, exported."""

from __future__ import annotations

import os
from typing import Final

import psycopg

from analytics.derivation.engine import refresh_all
from centers.access import acting, system_scope
from registry.bench import cluster, exporting, pages
from registry.bench.data import load_records
from registry.bench.derivation import STANDING
from registry.bench.measure import Table, seconds, show_seconds
from registry.bench.statistics import grouped

VISITS: Final = 5


def run(records: int) -> list[Table]:
    """Outcomes by day, dashboards, exports: each as in the benchmark of its own, with fewer visits."""
    dsn = os.environ[cluster.DSN]
    rows = load_records(dsn, records)
    with acting(system_scope()):
        derived = seconds(lambda: refresh_all(cutoff=STANDING))
    with psycopg.connect(dsn, autocommit=True) as superuser:
        superuser.execute("vacuum analyze")
    counted = grouped(records, STANDING)
    counted.notes.append(f"{rows} clinical rows, derived in {show_seconds(derived)}.")
    return [counted, pages.dashboards(records, VISITS), *exporting.released(dsn, records)]
