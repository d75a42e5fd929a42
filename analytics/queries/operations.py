"""Work that waits, as numbers over all centers: for readiness, /metrics and the operations page."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

# Key of the cache: when a worker last answered beat, in seconds since 1970.
HEARTBEAT: Final = "operations:heartbeat"

_BATCHES: Final = """
    select count(*), coalesce(sum(records), 0), coalesce(sum(failed), 0), coalesce(sum(seconds), 0),
        percentile_disc(0.5) within group (order by waited),
        percentile_disc(0.99) within group (order by waited), max(waited), max(at)
    from analytics_derivation_batch where at > now() - interval '1 hour'
"""


@dataclass(frozen=True, slots=True)
class Work:
    """What waits, in numbers; ages in seconds, None where nothing waits. `dead`: failed five times."""

    stale: int
    stale_seconds: float | None
    dead: int
    unsealed_seconds: float | None
    imports: Mapping[str, int]
    exports: Mapping[str, int]

    @property
    def imports_at_work(self) -> int:
        """Imports that the worker has something to do for."""
        return sum(jobs for state, jobs in self.imports.items() if state != "failed")

    @property
    def exports_at_work(self) -> int:
        """Exports that wait for the worker or are being built."""
        return sum(self.exports.get(state, 0) for state in ("queued", "running"))


@dataclass(frozen=True, slots=True)
class Batches:
    """The derivation's batches of the last hour: `waited_*` is how long the oldest mark of a batch
    waited until its outcome was there, over the batches; None without any. Seconds.
    """

    batches: int
    records: int
    failed: int
    seconds: float
    waited_median: float | None
    waited_p99: float | None
    waited_most: float | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record whose outcome could not be derived five times: where, the class of the error, since when."""

    record: uuid.UUID
    registry_number: str
    center: str
    attempts: int
    error: str
    marked_at: datetime


def waiting_work() -> Work:
    """Asked as anybody: the database answers counts and ages alone."""
    with connection.cursor() as cursor:
        cursor.execute("select analytics_operations()")
        found = cursor.fetchone()[0]
    values: dict[str, Any] = json.loads(found) if isinstance(found, str) else found
    return Work(**values)


def recent_batches() -> Batches:
    """The last hour."""
    with connection.cursor() as cursor:
        cursor.execute(_BATCHES)
        return Batches(*cursor.fetchone())


def dead_letters() -> list[DeadLetter]:
    """The oldest 200, for an administrator. Raises DatabaseError for anybody else."""
    with connection.cursor() as cursor:
        cursor.execute("select * from analytics_dead_letters()")
        return [DeadLetter(*row) for row in cursor.fetchall()]
