"""Erasing the direct identifiers of a record on request of the person.

The record's data key is destroyed, so that its ciphertexts stay closed for ever, those of old
audit events too; the trail stays verifiable. What is left of the record ID is a blind index, which
refuses a later entry or import of it. Clinical values stay; the age goes with the birth date.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from django.db import connection, transaction
from django.utils import timezone

from centers.access import Scope, acting, set_reason
from centers.roles import Permission
from patients.actions.between import erased_index
from patients.identity import load_index_key, save_person_indexes
from patients.models import DataKey, Erasure, Patient, PatientIdentity, RecordVersion
from patients.queries.records import load_records
from patients.slots import call_after_commit


class AlreadyErased(Exception):
    """The identifiers of the record were erased before."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list of erased records that is kept apart from the database."""

    record: str
    requested_on: date


@dataclass(slots=True)
class Reapplied:
    """What re-applying did: records erased again, those that were so, and unknown public ids."""

    erased: int = 0
    unchanged: int = 0
    unknown: list[str] = field(default_factory=list)


def erase_identifiers(*, actor: Scope, patient: Patient, requested_on: date, reason: str) -> None:
    """Erase; there is no way back. `requested_on`: the day of the person's request.

    Raises AlreadyErased, PermissionDenied, ValueError (no reason, or a day that has not come).
    """
    actor.require(Permission.ERASE_IDENTIFIERS, patient.center_id)
    if not reason.strip() or requested_on > timezone.now().date():
        raise ValueError("an erasure needs a reason and the day of the request")
    with acting(actor), transaction.atomic():
        # Writers of the record wait here, or have ended.
        RecordVersion.objects.select_for_update().get(patient_id=patient.pk)
        if Erasure.objects.filter(patient_id=patient.pk).exists():
            raise AlreadyErased
        _erase(actor, patient, requested_on, reason.strip())


def reapply_erasures(*, actor: Scope, listed: Iterable[Listed]) -> Reapplied:
    """Erase again what a restored backup brought back: the given list, and the database's own."""
    done = Reapplied()
    with acting(actor), transaction.atomic():
        own = Erasure.objects.order_by("patient_id").values_list(
            "patient__public_id", "requested_on"
        )
        wanted = {str(record): day for record, day in own}
    wanted |= {entry.record: entry.requested_on for entry in listed}
    for record, day in sorted(wanted.items()):
        with acting(actor), transaction.atomic():
            _reapply(actor, record, day, done)
    return done


def _reapply(actor: Scope, record: str, requested_on: date, done: Reapplied) -> None:
    patient = Patient.objects.filter(public_id=record).first()
    if patient is None:
        done.unknown.append(record)
        return
    actor.require(Permission.ERASE_IDENTIFIERS, patient.center_id)
    RecordVersion.objects.select_for_update().get(patient_id=patient.pk)
    if _is_erased(patient.pk):
        done.unchanged += 1
        return
    _erase(actor, patient, requested_on, "Re-applied after a backup was restored")
    done.erased += 1


def _is_erased(patient_id: int) -> bool:
    has_key = DataKey.objects.filter(patient_id=patient_id, destroyed_at=None).exists()
    identities = PatientIdentity.objects.filter(patient_id=patient_id).exclude(sealed=b"")
    return not has_key and not identities.exists()


def _erase(actor: Scope, patient: Patient, requested_on: date, reason: str) -> None:
    set_reason(f"Erasure at the person's request of {requested_on:%Y-%m-%d}: {reason}")
    _announce(patient.pk)
    state = load_records([patient.pk])[patient.pk]
    record_id = str(state.patient.values["record_id"])
    if not Erasure.objects.filter(patient_id=patient.pk).exists():
        Erasure.objects.create(
            patient_id=patient.pk,
            center_id=patient.center_id,
            record_index=erased_index(load_index_key(), patient.center_id, record_id),
            requested_on=requested_on,
            reason=reason,
            erased_by_id=actor.actor_id,
            erased_at=timezone.now(),
        )
    PatientIdentity.objects.filter(patient_id=patient.pk).update(
        record_id=f"erased-{secrets.token_hex(8)}",
        birth_date=None,
        missing={},
        sealed=b"",
        mrn_index=None,
    )
    DataKey.objects.filter(patient_id=patient.pk, destroyed_at=None).update(
        key_id="destroyed", wrapped=b"", destroyed_at=timezone.now()
    )
    save_person_indexes({patient.pk: None})
    transaction.on_commit(lambda: call_after_commit([patient.pk]), robust=True)


def _announce(patient_id: int) -> None:
    """For the rest of the transaction triggers let this record's erasure pass, locked or not."""
    with connection.cursor() as cursor:
        cursor.execute("select set_config('registry.erasing', %s, true)", [str(patient_id)])
