"""Runs the derivation: as rows for a reader, or into the outcome table.

`outcome.sql` is the one definition of rules.md. Everything here binds its parameters; no value ever
enters SQL text. Callers open the scope: as the app role only records in scope are derived.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import connections, transaction

from analytics.derivation import wording
from centers.models import SYSTEM_USER_ID
from centers.roles import Role

RULE_SET: Final = 1
VARIANTS: Final = ("primary", "fda", "ema", "worst_case")
DEFAULT_VARIANT: Final = "primary"
THRESHOLD_YEARS: Final = 5
CHUNK_ROWS: Final = 2000
BATCH_RECORDS: Final = 1000
# Writers of outcomes: batches of the worker share this lock, a rebuild's batch holds it alone.
WRITERS_LOCK: Final = 0x48444932

HERE: Final = Path(__file__).parent
DERIVATION: Final = (HERE / "outcome.sql").read_text(encoding="utf-8").rstrip()
UPSERT: Final = (
    (HERE / "upsert.sql").read_text(encoding="utf-8").replace("/* outcome.sql */", DERIVATION)
)  # fixed text in fixed text
LEFT_OUT: Final = (HERE / "left_out.sql").read_text(encoding="utf-8")
QUERIES: Final = (HERE / "queries.sql").read_text(encoding="utf-8")
_WORDS: Final = {
    "words": json.dumps(wording.words_of_queries()),
    "resolved": wording.RESOLVED,
    "returned": wording.RETURNED,
}
# A query that closes or comes back by itself says so in its audited thread, by this account.
_AS_SYSTEM: Final = (
    "select set_config('registry.actor', %s, true), set_config('registry.role', %s, true)"
)


class Derived(NamedTuple):
    """One derived row: a record in one variant. Units and meanings as in `analytics.models.Outcome`."""

    patient_id: int
    center_id: int
    variant: str
    disease: str
    t0: date | None
    t0_lo: date | None
    t0_hi: date | None
    t0_precision: str | None
    pfs_days: int | None
    pfs_days_min: int | None
    pfs_days_max: int | None
    pfs_event: int | None
    pfs_event_type: str | None
    pfs_censor_reason: str | None
    pfs_end: date | None
    pfs_end_lo: date | None
    pfs_end_hi: date | None
    cnsr: int | None
    os_days: int | None
    os_event: int | None
    os_end: date | None
    metastatic_disease: str
    received_hd_il2: str
    survival_5y: str
    no_later_systemic_therapy: str
    progression_free_5y: str
    eligible: str
    long_term_pfs: str
    best_response: str | None
    surgical_ned: str | None
    courses: int
    doses: int
    flags: list[str]
    age_at_t0: int | None
    pfs_band: str | None
    alive_10y_followed: bool | None
    survived_10y: bool | None
    last_known_alive: date | None
    criteria: dict[str, Any]
    evidence: dict[str, Any]
    cutoff: date


_JSON: Final = tuple(Derived._fields.index(name) for name in ("criteria", "evidence"))


def current_cutoff() -> date:
    """The data cutoff that stored outcomes stand at; `today` is the day in UTC."""
    value: str | date = settings.REGISTRY_CUTOFF
    if isinstance(value, date):
        return value
    return datetime.now(UTC).date() if value == "today" else date.fromisoformat(value)


def derive(
    ids: Sequence[int] | None,
    cutoff: date,
    variants: Sequence[str] = VARIANTS,
    threshold_years: int = THRESHOLD_YEARS,
    using: str = "default",
) -> Iterator[Derived]:
    """Derive records (None: all in scope) without storing anything, at flat memory.

    Raises ValueError for an unknown variant.
    """
    parameters = derivation_parameters(ids, cutoff, variants, threshold_years)
    with transaction.atomic(using=using), connections[using].chunked_cursor() as cursor:
        without_memoize(using)
        cursor.execute(DERIVATION, parameters)
        while rows := cursor.fetchmany(CHUNK_ROWS):
            yield from map(_typed, rows)


def refresh(ids: Sequence[int], cutoff: date | None = None, using: str = "worker") -> int:
    """Derive these records into the outcome table; answers how many rows changed.

    Unchanged rows are not rewritten. For a caller that holds the records' stale marks.
    """
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock_shared(%s)", [WRITERS_LOCK])
        return _store(cursor, ids, cutoff or current_cutoff())


def refresh_all(
    progress: Callable[[int, int], None] | None = None,
    cutoff: date | None = None,
    using: str = "worker",
    batch: int = BATCH_RECORDS,
) -> int:
    """Derive every record into the outcome table, batch by batch; answers how many rows changed.

    `progress` gets records done and records in all. A batch waits for the worker's batches and reads
    only afterwards, so that an older reading never replaces a newer one.
    """
    standing = cutoff or current_cutoff()
    total, done, changed = _count(using), 0, 0
    for ids in _batches(using, batch):
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [WRITERS_LOCK])
            changed += _store(cursor, ids, standing)
        done += len(ids)
        if progress:
            progress(done, max(done, total))
    return changed


def derivation_parameters(
    ids: Sequence[int] | None,
    cutoff: date,
    variants: Sequence[str] = VARIANTS,
    threshold_years: int = THRESHOLD_YEARS,
    *,
    reasons: bool = True,
) -> dict[str, Any]:
    """What DERIVATION binds; without `reasons` its `criteria` are null. Raises ValueError for an unknown variant."""
    unknown = set(variants) - set(VARIANTS)
    if unknown or not variants:
        raise ValueError(f"A variant is one of {', '.join(VARIANTS)}.")
    return {
        "ids": None if ids is None else list(ids),
        "cutoff": cutoff,
        "variants": list(variants),
        "years": threshold_years,
        "reasons": reasons,
    }


def without_memoize(using: str) -> None:
    """For the rest of the transaction: the planner would cache steps that never repeat (twice the time)."""
    with connections[using].cursor() as cursor:
        cursor.execute("set local enable_memoize = off")


def _store(cursor: Any, ids: Sequence[int], cutoff: date) -> int:
    cursor.execute("set local enable_memoize = off")
    parameters = derivation_parameters(ids, cutoff) | {"rule_set": RULE_SET}
    cursor.execute(UPSERT, parameters)
    changed: int = cursor.rowcount
    cursor.execute(LEFT_OUT, parameters)
    changed += int(cursor.rowcount)
    cursor.execute(_AS_SYSTEM, [str(SYSTEM_USER_ID), Role.SYSTEM.value])
    cursor.execute(QUERIES, {"ids": list(ids), **_WORDS})
    return changed


def _typed(row: Sequence[Any]) -> Derived:
    values = list(row)
    for place in _JSON:
        values[place] = json.loads(values[place])
    return Derived(*values)


def _count(using: str) -> int:
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("select count(*) from patients_patient")
        return int(cursor.fetchone()[0])


def _batches(using: str, size: int) -> Iterator[list[int]]:
    """Record ids in ascending order, a batch at a time."""
    last = 0
    while True:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute(
                "select id from patients_patient where id > %s order by id limit %s", [last, size]
            )
            ids = [int(row[0]) for row in islice(cursor, size)]
        if not ids:
            return
        yield ids
        last = ids[-1]
