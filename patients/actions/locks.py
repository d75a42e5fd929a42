"""Locking records against every change, and unlocking them; each with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction

from centers.access import Scope, acting, set_reason
from centers.roles import Permission
from patients.actions.changes import RecordNotFound, Refused
from patients.actions.pending import PendingRecord
from patients.models import Lock, Patient
from patients.queries.signatures import locks_of
from patients.rules.checks import finding


class ReasonMissing(Exception):
    """Nothing was done: locking and unlocking need a reason."""


class NotLocked(Exception):
    """Nothing was done: the record is not locked, or somebody else has just unlocked it."""


def lock_records(*, actor: Scope, patient_ids: Sequence[int], reason: str) -> int:
    """Lock all of these records in one step; how many were not locked before.

    While a record is locked the database refuses to write any of its clinical and identity rows.
    Raises ReasonMissing, RecordNotFound, PermissionDenied (a center of one of them).
    """
    given, wanted = _required(reason), sorted(set(patient_ids))
    with acting(actor), transaction.atomic(), connection.cursor() as cursor:
        set_reason(given)
        centers = dict(
            Patient.objects.filter(id__in=wanted, retracted=False).values_list("id", "center_id")
        )
        if len(centers) < len(wanted):
            raise RecordNotFound
        for center_id in sorted(set(centers.values())):
            actor.require(Permission.LOCK_RECORDS, center_id)
        # In order of id, as every writer of several records; whoever locked one meanwhile is first.
        cursor.execute(
            "insert into patients_lock (public_id, center_id, patient_id, reason)"
            " select gen_random_uuid(), center_id, id, %s from patients_patient"
            " where id = any(%s) order by id"
            " on conflict (center_id, patient_id) where unlocked_at is null do nothing",
            [given, wanted],
        )
        locked: int = cursor.rowcount
        return locked


def unlock_record(*, actor: Scope, center_id: int, patient_id: int, reason: str) -> None:
    """Open the record's lock. Raises ReasonMissing, NotLocked, PermissionDenied."""
    actor.require(Permission.LOCK_RECORDS, center_id)
    given = _required(reason)
    with acting(actor), transaction.atomic():
        set_reason(given)
        standing = Lock.objects.filter(patient_id=patient_id, unlocked_at=None)
        # Who and when are filled in by the database.
        if not standing.filter(center_id=center_id).update(unlock_reason=given):
            raise NotLocked


def _required(reason: str) -> str:
    if not reason.strip():
        raise ReasonMissing
    return reason.strip()


def require_unlocked(batch: Sequence[PendingRecord]) -> None:
    """Raises Refused with one finding a locked record, at the first row that would be written.

    The database refuses them as well; this tells every record of the batch, and its row.
    """
    saved = [record for record in batch if not record.is_new]
    locks = locks_of([record.patient_id for record in saved]) if saved else {}
    locked = [record for record in saved if record.patient_id in locks]
    if locked:
        raise Refused([finding("record.locked", next(r.written()).row, "") for r in locked])
