"""Signing and locking in tests: in the scope of a person of the universe, through the actions."""

from __future__ import annotations

from django.db import transaction

from centers.access import Scope, acting, scope_of, system_scope
from patients.actions.locks import lock_records, unlock_record
from patients.actions.signatures import Meaning, sign_record
from patients.models import Patient
from patients.queries.signatures import RecordSigning, record_hash, signing_of
from tests.universe import Universe

BOTH = (Meaning.VERIFIED, Meaning.APPROVED)


def scope(universe: Universe, username: str) -> Scope:
    """What the person may do today."""
    with acting(system_scope()), transaction.atomic():
        return scope_of(universe.users[username])


def center_of(universe: Universe, record: str) -> int:
    """The record's center."""
    with acting(system_scope()), transaction.atomic():
        return Patient.objects.get(pk=universe.records[record].patient_id).center_id


def shown_hash(universe: Universe, record: str, username: str = "petra") -> str:
    """What the sign page would hold for this person."""
    with acting(scope(universe, username)), transaction.atomic():
        return record_hash(universe.records[record].patient_id)


def sign(
    universe: Universe, record: str, *meanings: Meaning, by: str = "petra", seen: str = ""
) -> None:
    """Verify and approve (or what `meanings` says); `seen`: another hash than the present one."""
    for meaning in meanings or BOTH:
        sign_record(
            actor=scope(universe, by),
            center_id=center_of(universe, record),
            patient_id=universe.records[record].patient_id,
            meaning=meaning,
            shown_hash=seen or shown_hash(universe, record, by),
        )


def lock(universe: Universe, *records: str, by: str = "max", reason: str = "Data cut") -> int:
    """Lock records; how many were not locked."""
    ids = [universe.records[record].patient_id for record in records]
    return lock_records(actor=scope(universe, by), patient_ids=ids, reason=reason)


def unlock(universe: Universe, record: str, by: str = "max", reason: str = "Late answer") -> None:
    """Open the record's lock."""
    unlock_record(
        actor=scope(universe, by),
        center_id=center_of(universe, record),
        patient_id=universe.records[record].patient_id,
        reason=reason,
    )


def signing(universe: Universe, record: str) -> RecordSigning:
    """What stands about the record."""
    with acting(system_scope()), transaction.atomic():
        return signing_of(universe.records[record].patient_id)


def standing(universe: Universe, record: str) -> set[str]:
    """Meanings of the signatures that stand."""
    return {s.meaning for s in signing(universe, record).signatures if s.broken_at is None}
