"""Filling the index of persons, in batches; saving a record does it for that record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.core.exceptions import PermissionDenied
from django.db import transaction

from centers.access import Scope, acting
from centers.roles import Role
from patients.identity import (
    load_index_key,
    load_keys,
    person_index,
    save_person_indexes,
    unseal,
)
from patients.models import PatientIdentity, RecordVersion

BATCH: Final = 1_000


def index_persons(*, actor: Scope, batch: int = BATCH) -> Iterator[int]:
    """Index every record that is not erased; yields after each batch how many are done.

    Raises PermissionDenied: this is work of the command line.
    """
    if actor.role != Role.SYSTEM.value:
        raise PermissionDenied("Persons are indexed on the command line.")
    last = done = 0
    while True:
        with acting(actor), transaction.atomic():
            ids = _next(last, batch)
            done += _index(ids)
        if not ids:
            return
        last = ids[-1]
        yield done


def _next(last: int, batch: int) -> list[int]:
    """The next records, locked: nobody changes their identifiers meanwhile."""
    rows = RecordVersion.objects.select_for_update().filter(patient_id__gt=last)
    return list(rows.order_by("patient_id").values_list("patient_id", flat=True)[:batch])


def _index(ids: list[int]) -> int:
    identities = PatientIdentity.objects.filter(patient_id__in=ids).exclude(sealed=b"")
    rows = list(identities.values_list("patient_id", "patient__public_id", "sealed"))
    if not rows:
        return 0
    index_key = load_index_key()
    keys = load_keys({patient: str(public) for patient, public, _ in rows})
    indexes = {}
    for patient, _, sealed in rows:
        opened = unseal(keys[patient], bytes(sealed))
        indexes[patient] = person_index(index_key, opened["initials"], opened["birth_date"])
    save_person_indexes(indexes)
    return len(indexes)
