"""Rotating the key-encryption key: data keys are wrapped anew, nothing that is audited changes.

What a data key seals stays as it is, and so do events, record versions and outcomes. Every batch
is a transaction; the column `key_id` tells what is done, so a rotation that broke off goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction

from centers.access import Scope, acting
from centers.roles import Role
from patients import identity
from patients.models import DataKey, IndexKey, Patient

BATCH: Final = 500


class NoNewKey(Exception):
    """There is no new key to rotate to; the text says what to set."""


@dataclass
class Rotation:
    """What a rotation did: keys wrapped anew, and records (ids) whose key no known key opens."""

    rewrapped: int = 0
    unreadable: list[int] = field(default_factory=list)
    is_index_unreadable: bool = False
    # Keys wrapped with another key than the new one when it ended, the unreadable among them.
    left: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether the old key is no longer needed for this database."""
        return self.left == 0


def rotate_identifier_key(
    *, actor: Scope, batch: int = BATCH, progress: Callable[[int], None] = lambda _: None
) -> Rotation:
    """Wrap every data key, and the key of the blind index, with REGISTRY_IDENTIFIER_KEY_NEW.

    `progress` hears after each batch how many are done. Raises NoNewKey, PermissionDenied.
    """
    if actor.role != Role.SYSTEM.value:
        raise PermissionDenied("Keys are rotated on the command line.")
    new = settings.REGISTRY_IDENTIFIER_KEY_NEW
    if new is None:
        raise NoNewKey("Set REGISTRY_IDENTIFIER_KEY_NEW for every process and restart them first.")
    if new == settings.REGISTRY_IDENTIFIER_KEY:
        raise NoNewKey("REGISTRY_IDENTIFIER_KEY_NEW is the key in use; make another one.")
    name = identity.key_id(new)
    rotation = Rotation()
    with acting(actor):
        _rotate_index_key(name, rotation)
        for done in _rotate_data_keys(name, batch, rotation):
            rotation.rewrapped += done
            progress(rotation.rewrapped)
        with transaction.atomic():
            rotation.left = (
                DataKey.objects.filter(destroyed_at=None).exclude(key_id=name).count()
                + IndexKey.objects.exclude(key_id=name).count()
            )
    return rotation


def _rotate_index_key(name: str, rotation: Rotation) -> None:
    with transaction.atomic():
        row = IndexKey.objects.select_for_update().exclude(key_id=name).first()
        if row is None:
            return
        try:
            key = identity.unwrap_index_key(bytes(row.wrapped))
        except identity.SealBroken:
            rotation.is_index_unreadable = True
            return
        IndexKey.objects.filter(id=row.id).update(key_id=name, wrapped=identity.wrap_index_key(key))
        rotation.rewrapped += 1


def _rotate_data_keys(name: str, batch: int, rotation: Rotation) -> Iterator[int]:
    """Batches in order of record; each yields how many it wrapped anew, after its commit."""
    last = 0
    while True:
        with transaction.atomic():
            rows = list(
                DataKey.objects.select_for_update()
                .filter(patient_id__gt=last, destroyed_at=None)
                .exclude(key_id=name)
                .order_by("patient_id")[:batch]
            )
            done = _rewrap(rows, name, rotation)
        if not rows:
            return
        last = rows[-1].patient_id
        yield done


def _rewrap(rows: Sequence[DataKey], name: str, rotation: Rotation) -> int:
    patients = Patient.objects.filter(id__in=[row.patient_id for row in rows])
    records = dict(patients.values_list("id", "public_id"))
    changed = []
    for row in rows:
        try:
            key = identity.unwrap(str(records[row.patient_id]), bytes(row.wrapped))
        except identity.SealBroken:
            rotation.unreadable.append(row.patient_id)
            continue
        row.key_id, row.wrapped = name, identity.wrap(key)
        changed.append(row)
    DataKey.objects.bulk_update(changed, ["key_id", "wrapped"])
    return len(changed)
