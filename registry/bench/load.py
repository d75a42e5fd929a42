"""Many people at once, a mix of steps as in life, against the product's web processes, worker, beat and broker."""

from __future__ import annotations

import os
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Final

import psycopg

from analytics.derivation.engine import refresh_all
from registry.bench import cluster, house, people
from registry.bench.data import load_records, seal_identities
from registry.bench.measure import Table, quantile, show_seconds
from registry.stack.processes import wait_until

RECORDS: Final = 10_000
PEOPLE: Final = (50, 200)
SECONDS: Final = 80.0
SHARES: Final = (0.5, 0.95, 0.99, 1.0)
TARGETS: Final = {(50, people.OPEN): "p95 150 ms", (50, people.SAVE): "p95 200 ms"}


def run(records: int) -> list[Table]:
    """Fifty people, then two hundred. Raises RuntimeError when the product does not come up or to rest."""
    dsn = os.environ[cluster.DSN]
    records = min(records, RECORDS)
    prepare(dsn, records)
    columns = ["people", "request", "requests", "p50", "p95", "p99", "longest", "errors", "target"]
    answers = Table(f"Answers over HTTP, {records} records", columns)
    meanwhile = Table("Meanwhile", ["people", "requests/s", "errors", *house.STALENESS])
    with (
        house.running("web", "worker", "beat") as product,
        psycopg.connect(dsn, autocommit=True) as connection,
    ):
        for number in PEOPLE:
            crowd(number, SECONDS, product, connection, (answers, meanwhile))
    low, high = people.PAUSE
    answers.notes.append(
        f"Coordinators of one of 50 centers each, every tenth person an investigator of pooled figures; {low:g} to"
        f" {high:g} s between two steps of a person; each request on a connection of its own over the loopback;"
        f" {house.WORKERS} web processes and {house.WORKERS} of the worker. The people, the database and the broker"
        " share the cores with them."
    )
    meanwhile.notes.append(house.STALENESS_NOTE + " Marks were looked at once a second.")
    return [answers, meanwhile]


def prepare(dsn: str, records: int) -> None:
    """Records with identities and outcomes, the planner's statistics fresh."""
    load_records(dsn, records)
    seal_identities(dsn)
    refresh_all()
    with psycopg.connect(dsn, autocommit=True) as superuser:
        superuser.execute("vacuum analyze")


def crowd(
    number: int,
    seconds: float,
    product: house.House,
    connection: psycopg.Connection,
    tables: tuple[Table, Table],
) -> people.Taken:
    """So many people for so long, told in both tables; returns when their marks are all worked off."""
    group = people.sign_in(number)
    for person in group[: 2 * house.WORKERS]:  # a process reads its code at its first page
        person.ask(product.port, person.address(people.OVERVIEW))
    since, began = datetime.now(UTC), time.monotonic()
    with house.sampled(lambda: house.stale(connection), 1.0) as seen:
        taken = people.work_together(group, product.port, seconds)
        lasted = time.monotonic() - began
    if not wait_until(lambda: house.stale(connection).marks == 0, house.PATIENCE, 0.1):
        raise RuntimeError(f"after {number} people {house.stale(connection)}")
    answers, meanwhile = tables
    answers.rows.extend(_lines(number, taken))
    answers.notes.append(f"{number} people, {lasted:.0f} s: {told(taken)}")
    cells = [str(number), f"{taken.requests / lasted:.1f}", str(len(taken.errors))]
    meanwhile.rows.append([*cells, *house.staleness(connection, since, seen)])
    return taken


def _lines(number: int, taken: people.Taken) -> list[list[str]]:
    failed = Counter(kind for kind, _ in taken.errors)
    rows = []
    for kind in people.KINDS:
        seconds = taken.seconds[kind]
        shown = [show_seconds(quantile(seconds, share)) if seconds else "-" for share in SHARES]
        cells = [str(number), kind, str(len(seconds)), *shown]
        rows.append([*cells, str(failed[kind]), TARGETS.get((number, kind), "-")])
    return rows


def told(taken: people.Taken) -> str:
    """How often a soft check asked back, and every cause of an error with its number."""
    asked = f"{len(taken.questions)} saves were asked back by a soft check and answered it"
    causes = Counter(f"{kind}: {cause}" for kind, cause in taken.errors)
    errors = "; ".join(f"{times} x {cause}" for cause, times in causes.most_common()) or "none"
    return f"{asked}. Errors: {errors}."
