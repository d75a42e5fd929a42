"""Stale marks: the truth about which records the worker still has to derive.

A mark is claimed, its record derived and the mark removed in one transaction, so that a killed worker
leaves everything as it was. Runs on the worker's alias; several workers share the marks.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from django.db import DatabaseError, connections, transaction

from analytics.derivation.engine import RULE_SET, current_cutoff, refresh

CLAIM_RECORDS: Final = 200
MOST_ATTEMPTS: Final = 5
# Seconds before a failed record is tried again; doubles with each attempt.
RETRY_SECONDS: Final = 5

# The newest marks first: an editor waits for one record, a moved cutoff for all of them.
_CLAIM: Final = """
    select patient_id, extract(epoch from clock_timestamp() - marked_at) from analytics_stale
    where attempts < %s and due_at <= clock_timestamp()
    order by due_at desc, patient_id limit %s
    for update skip locked
"""
_DONE: Final = "delete from analytics_stale where patient_id = any(%s)"
# Committed with the batch, so that what is counted was done.
_NOTE: Final = """
    insert into analytics_derivation_batch (records, failed, seconds, waited) values (%s, %s, %s, %s)
"""
_FORGET: Final = (
    "delete from analytics_derivation_batch where at < now() - make_interval(days => %s)"
)
KEPT_DAYS: Final = 7
_FAILED: Final = """
    update analytics_stale set attempts = attempts + 1, last_error = %s,
        due_at = clock_timestamp() + make_interval(secs => %s * power(2, attempts))
    where patient_id = %s
"""
# Both halves are one look into a small index.
_MOVED: Final = """
    select not exists (select from analytics_stale where attempts < %(attempts)s)
       and (exists (select from analytics_outcome where variant = 'primary'
                    and (cutoff, rule_set) < (%(cutoff)s, %(rule_set)s))
         or exists (select from analytics_outcome where variant = 'primary'
                    and (cutoff, rule_set) > (%(cutoff)s, %(rule_set)s)))
"""
_MARK_MOVED: Final = """
    insert into analytics_stale (patient_id, center_id, version)
    select outcome.patient_id, outcome.center_id, coalesce(record.version, 0)
    from analytics_outcome outcome
    left join patients_record_version record using (patient_id)
    where outcome.variant = 'primary'
      and (outcome.cutoff, outcome.rule_set) is distinct from (%(cutoff)s, %(rule_set)s)
    on conflict (patient_id) do nothing
"""


def drain(using: str = "worker") -> int:
    """Derive every record that is marked and due; answers how many marks were claimed."""
    total = 0
    while claimed := _drain_batch(using):
        total += claimed
    return total


def mark_moved(using: str = "worker") -> int:
    """Mark records whose outcomes stand at another cutoff or rule set; answers how many."""
    parameters: dict[str, Any] = {
        "cutoff": current_cutoff(),
        "rule_set": RULE_SET,
        "attempts": MOST_ATTEMPTS,
    }
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(_MOVED, parameters)
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_MARK_MOVED, parameters)
        return int(cursor.rowcount)


def forget_batches(using: str = "worker") -> int:
    """Remove the rows of batches older than KEPT_DAYS; answers how many."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(_FORGET, [KEPT_DAYS])
        return int(cursor.rowcount)


def _drain_batch(using: str) -> int:
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(_CLAIM, [MOST_ATTEMPTS, CLAIM_RECORDS])
        marks = cursor.fetchall()
        claimed = [int(row[0]) for row in marks]
        if not claimed:
            return 0
        started = time.monotonic()
        failed = _refresh_whole_or_singly(claimed, using)
        cursor.execute(_DONE, [[one for one in claimed if one not in failed]])
        _keep_failed(cursor, failed)
        took = time.monotonic() - started
        waited = took + float(max(row[1] for row in marks))
        cursor.execute(_NOTE, [len(claimed), len(failed), took, waited])
    return len(claimed)


def _refresh_whole_or_singly(ids: Sequence[int], using: str) -> dict[int, str]:
    """Derive the batch; if that fails each record alone. Answers error classes by failed record."""
    if _refresh(ids, using) is None:
        return {}
    errors = {one: _refresh([one], using) for one in ids}
    return {one: error for one, error in errors.items() if error is not None}


def _refresh(ids: Sequence[int], using: str) -> str | None:
    """The class of the error, never its words: they may quote a row. A lost connection raises later."""
    try:
        with transaction.atomic(using=using):
            refresh(ids, using=using)
    except DatabaseError as error:
        return type(error.__cause__ or error).__name__
    return None


def _keep_failed(cursor: Any, failed: dict[int, str]) -> None:
    for patient_id, error in failed.items():
        cursor.execute(_FAILED, [error, RETRY_SECONDS, patient_id])
