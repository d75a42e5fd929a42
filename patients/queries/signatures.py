"""Signatures and locks of records as pages, prints and downloads show them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from django.db import connection
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from patients.models import Lock, Patient, Signature

VERIFIED: Final = "verified"
APPROVED: Final = "approved"
# Meaning of a signature -> what a badge says of it while it stands, and when it is broken.
BADGES: Final = {
    VERIFIED: (_("Verified"), _("Verification broken")),
    APPROVED: (_("Signed"), _("Signature broken")),
}
Badge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RecordSigning:
    """What stands about a whole record: its signatures, newest first, and its lock if it has one."""

    signatures: list[Signature]
    lock: Lock | None

    def standing(self, meaning: str) -> Signature | None:
        """The signature of this meaning that is not broken."""
        same = (s for s in self.signatures if s.meaning == meaning)
        return next((s for s in same if s.broken_at is None), None)

    @property
    def verified(self) -> Signature | None:
        """The verification that stands."""
        return self.standing(VERIFIED)

    @property
    def approved(self) -> Signature | None:
        """The approval that stands."""
        return self.standing(APPROVED)

    @property
    def badges(self) -> list[Badge]:
        """(label, tone) for the record's banner: the newest signature of each meaning, the lock."""
        shown = [badge for meaning in BADGES if (badge := self._badge(meaning))]
        return [*shown, (gettext("Locked"), "info")] if self.lock else shown

    def _badge(self, meaning: str) -> Badge | None:
        newest = next((s for s in self.signatures if s.meaning == meaning), None)
        if newest is None:
            return None
        stands, broken = BADGES[meaning]
        if newest.broken_at is not None:
            return gettext(broken), "bad"
        if meaning == VERIFIED:
            return gettext(stands), "good"
        told = gettext("Signed by %(name)s on %(day)s")
        return told % {"name": newest.signer_name, "day": f"{newest.signed_at:%d-%b-%Y}"}, "good"


def signing_of(patient_id: int) -> RecordSigning:
    """Signatures and lock of one record; two queries."""
    return signings_of([patient_id])[patient_id]


def signings_of(patient_ids: Collection[int]) -> dict[int, RecordSigning]:
    """Signatures and locks by patient id, every one of them; two queries."""
    locks = locks_of(patient_ids)
    found: dict[int, list[Signature]] = {patient_id: [] for patient_id in patient_ids}
    signatures = Signature.objects.filter(patient_id__in=list(patient_ids))
    for signature in signatures.order_by("-signed_at", "-id"):
        found[signature.patient_id].append(signature)
    return {
        patient_id: RecordSigning(signed, locks.get(patient_id))
        for patient_id, signed in found.items()
    }


def locks_of(patient_ids: Collection[int]) -> dict[int, Lock]:
    """The standing locks among these records, by patient id."""
    locks = Lock.objects.filter(patient_id__in=list(patient_ids), unlocked_at=None)
    return {lock.patient_id: lock for lock in locks}


def record_hash(patient_id: int) -> str:
    """Hexadecimal SHA-256 of the canonical record as it is saved now.

    The reader must see identifiers at the record's center: their sealed form is hashed too.
    """
    with connection.cursor() as cursor:
        cursor.execute("select encode(patients_record_hash(%s), 'hex')", [patient_id])
        found: str = cursor.fetchone()[0]
    return found


def newest_seal() -> int | None:
    """Number of the newest seal of the audit trail, which prints and signatures name."""
    with connection.cursor() as cursor:
        cursor.execute("select max(number) from audit.seal")
        found: int | None = cursor.fetchone()[0]
    return found


def meaning_text(meaning: str) -> str:
    """The words that a signature of this meaning bears, in their present version."""
    with connection.cursor() as cursor:
        cursor.execute("select patients_meaning(%s)", [meaning])
        text: str = cursor.fetchone()[0]
    return text


# Columns of a file of signatures and locks, in this order.
SIGNATURE_COLUMNS: Final = (
    "registry_number",
    "kind",
    "meaning",
    "name",
    "role",
    "at",
    "reason",
    "state",
    "ended_at",
    "ended_by",
    "end_reason",
    "record_version",
    "dictionary_version",
    "record_hash",
    "seal",
)


def signature_lines(patient_ids: Collection[int]) -> Iterator[dict[str, str]]:
    """Signatures and locks of these records, as text by SIGNATURE_COLUMNS; times are UTC, ISO 8601.

    By record in the order of ids, then by time. `kind` is signature or lock; `state` is standing
    or broken for the one, locked or unlocked for the other. Only records of the scope in force.
    """
    wanted = list(patient_ids)
    numbers = dict(Patient.objects.filter(id__in=wanted).values_list("id", "registry_number"))
    lines: dict[int, list[dict[str, str]]] = {}
    signatures = Signature.objects.filter(patient_id__in=wanted).order_by("signed_at", "id")
    for signature in signatures.iterator():
        lines.setdefault(signature.patient_id, []).append(_signature_line(signature))
    for lock in Lock.objects.filter(patient_id__in=wanted).order_by("locked_at", "id").iterator():
        lines.setdefault(lock.patient_id, []).append(_lock_line(lock))
    for patient_id in sorted(lines):
        for line in sorted(lines[patient_id], key=lambda line: line["at"]):
            line["registry_number"] = numbers[patient_id]
            yield {name: line.get(name, "") for name in SIGNATURE_COLUMNS}


def _signature_line(signature: Signature) -> dict[str, str]:
    broken = signature.broken_at
    return {
        "kind": "signature",
        "meaning": signature.meaning_text,
        "name": signature.signer_name,
        "role": signature.signer_role,
        "at": signature.signed_at.isoformat(),
        "state": "broken" if broken else "standing",
        "ended_at": broken.isoformat() if broken else "",
        "ended_by": signature.broken_by_name,
        "end_reason": signature.broken_reason,
        "record_version": str(signature.record_version),
        "dictionary_version": str(signature.dictionary_version),
        "record_hash": signature.hash_text,
        "seal": "" if signature.seal_number is None else str(signature.seal_number),
    }


def _lock_line(lock: Lock) -> dict[str, str]:
    unlocked = lock.unlocked_at
    return {
        "kind": "lock",
        "name": lock.locked_by_name,
        "at": lock.locked_at.isoformat(),
        "reason": lock.reason,
        "state": "unlocked" if unlocked else "locked",
        "ended_at": unlocked.isoformat() if unlocked else "",
        "ended_by": lock.unlocked_by_name,
        "end_reason": lock.unlock_reason,
    }
