"""Direct identifiers: sealed with AES-256-GCM under a key per record, found by a blind index.

Each record has a random data key, wrapped by the key-encryption key of the settings
(REGISTRY_IDENTIFIER_KEY; while that is rotated, REGISTRY_IDENTIFIER_KEY_NEW wraps and both unwrap).
What a ciphertext belongs to is bound into it, so that it cannot be
moved to another record. The blind index is HMAC-SHA-256 of the normalised value under a key of its
own, with the center in it: equal numbers of two centers have different indexes. The index of a
person has no center in it; it is kept where no page can read it (migration 0013 of patients).
An erased record has no data key any more: what is left of its ciphertexts stays closed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import connection, transaction

from patients.models import DataKey, IndexKey

NONCE_BYTES: Final = 12
KEY_BITS: Final = 256
# What is sealed, in this order; the values are the CSV cells.
SEALED_FIELDS: Final = ("record_id", "birth_date", "mrn", "initials")


class SealBroken(Exception):
    """A ciphertext does not fit its key or its record: the key is wrong or the row was moved."""


@dataclass(frozen=True, slots=True)
class RecordKey:
    """The data key of one record, unwrapped."""

    record: str
    key: bytes


def key_encryption_key() -> bytes:
    """The key that wraps, 32 bytes: the new one while keys are rotated, else the one there is."""
    return key_encryption_keys()[0]


def key_encryption_keys() -> list[bytes]:
    """The keys that unwrap: one, or while keys are rotated the new one and the old one."""
    keys = [settings.REGISTRY_IDENTIFIER_KEY_NEW, settings.REGISTRY_IDENTIFIER_KEY]
    return [key for key in keys if key is not None]


def key_id(key: bytes) -> str:
    """A short public name of a key-encryption key, to tell which one wrapped a row."""
    return hashlib.sha256(b"registry key id" + key).hexdigest()[:16]


def new_record_key(record: str) -> RecordKey:
    """A fresh key for a record, named by its public id."""
    return RecordKey(record, AESGCM.generate_key(KEY_BITS))


def wrap(record_key: RecordKey) -> bytes:
    """The data key as stored."""
    return _encrypt(key_encryption_key(), record_key.key, f"data key|{record_key.record}")


def unwrap(record: str, wrapped: bytes) -> RecordKey:
    """The data key of a record. Raises SealBroken."""
    return RecordKey(record, _unwrap(wrapped, f"data key|{record}"))


def seal(record_key: RecordKey, identifiers: Mapping[str, str]) -> bytes:
    """Seal the identifiers of a record (text by field name)."""
    text = json.dumps({name: identifiers.get(name, "") for name in SEALED_FIELDS})
    return _encrypt(record_key.key, text.encode(), f"identity|{record_key.record}")


def unseal(record_key: RecordKey, sealed: bytes) -> dict[str, str]:
    """The identifiers of a record. Raises SealBroken."""
    text = _decrypt(record_key.key, sealed, f"identity|{record_key.record}")
    identifiers: dict[str, str] = json.loads(text)
    return identifiers


def load_keys(records: Mapping[int, str]) -> dict[int, RecordKey]:
    """Data keys by patient id; `records` maps patient id to public id. Erased records have none."""
    kept = DataKey.objects.filter(patient_id__in=list(records), destroyed_at=None)
    rows = kept.values_list("patient_id", "wrapped")
    return {patient: unwrap(records[patient], bytes(wrapped)) for patient, wrapped in rows}


def save_keys(keys: Iterable[tuple[int, int, RecordKey]]) -> None:
    """Store fresh keys: (patient id, center id, key)."""
    name = key_id(key_encryption_key())
    DataKey.objects.bulk_create(
        DataKey(patient_id=patient, center_id=center, key_id=name, wrapped=wrap(key))
        for patient, center, key in keys
    )


def blind_index(index_key: bytes, field: str, center_id: int, value: str) -> bytes:
    """128 bits that find an exact value within its center; the value is folded to upper case."""
    text = f"{field}|{center_id}|{''.join(value.split()).upper()}"
    return hmac.digest(index_key, text.encode(), "sha256")[:16]


def person_index(index_key: bytes, initials: str, birth_date: str) -> bytes | None:
    """128 bits that are equal for equal initials and full birth date, whatever the center.

    None without both: less would be shared by too many to mean anything.
    """
    folded = unicodedata.normalize("NFKD", initials).upper()
    letters = "".join(letter for letter in folded if letter.isalpha())
    if not letters or len(birth_date) != len("YYYY-MM-DD"):
        return None
    return hmac.digest(index_key, f"person|{letters}|{birth_date}".encode(), "sha256")[:16]


def save_person_indexes(indexes: Mapping[int, bytes | None]) -> None:
    """Store the index of persons by patient id; None takes a record out."""
    if not indexes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "select patients_index_persons(%s::bigint[], %s::bytea[])",
            [list(indexes), list(indexes.values())],
        )


def load_index_key() -> bytes:
    """The key of the blind index, made at first use."""
    with transaction.atomic():
        row = IndexKey.objects.filter(id=1).first()
        if row is None:
            wrapped = wrap_index_key(AESGCM.generate_key(KEY_BITS))
            IndexKey.objects.bulk_create(
                [IndexKey(id=1, key_id=key_id(key_encryption_key()), wrapped=wrapped)],
                ignore_conflicts=True,
            )
            row = IndexKey.objects.get(id=1)
    return unwrap_index_key(bytes(row.wrapped))


def wrap_index_key(key: bytes) -> bytes:
    """The key of the blind index as stored."""
    return _encrypt(key_encryption_key(), key, "index key")


def unwrap_index_key(wrapped: bytes) -> bytes:
    """The key of the blind index. Raises SealBroken."""
    return _unwrap(wrapped, "index key")


def seal_draft(index_key: bytes, owner: str, body: str) -> bytes:
    """Seal what somebody typed and has not saved. `owner`: the writer and the page, bound into it.

    A draft may be of a record that has no data key yet. Its key is made from the one key of the
    database that stays itself while the key that wraps it is rotated.
    """
    return _encrypt(_draft_key(index_key, owner), body.encode(), f"draft|{owner}")


def unseal_draft(index_key: bytes, owner: str, sealed: bytes) -> str:
    """What was typed. Raises SealBroken."""
    return _decrypt(_draft_key(index_key, owner), sealed, f"draft|{owner}").decode()


def seal_file(index_key: bytes, owner: str, body: bytes) -> bytes:
    """Seal what an import uploaded or found. `owner`: the import and the place, bound into it."""
    return _encrypt(_file_key(index_key, owner), body, f"file|{owner}")


def unseal_file(index_key: bytes, owner: str, sealed: bytes) -> bytes:
    """What was sealed by seal_file. Raises SealBroken."""
    return _decrypt(_file_key(index_key, owner), sealed, f"file|{owner}")


def _file_key(index_key: bytes, owner: str) -> bytes:
    return hmac.digest(index_key, f"key of a file|{owner}".encode(), "sha256")


def _draft_key(index_key: bytes, owner: str) -> bytes:
    return hmac.digest(index_key, f"key of a draft|{owner}".encode(), "sha256")


def _encrypt(key: bytes, plain: bytes, purpose: str) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, purpose.encode())


def _unwrap(wrapped: bytes, purpose: str) -> bytes:
    # A wrong key is refused, never answered with something else: trying both is safe.
    *others, last = key_encryption_keys()
    for key in others:
        try:
            return _decrypt(key, wrapped, purpose)
        except SealBroken:
            continue
    return _decrypt(last, wrapped, purpose)


def _decrypt(key: bytes, sealed: bytes, purpose: str) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], purpose.encode())
    except InvalidTag:
        raise SealBroken(
            "An identifier cannot be opened: is REGISTRY_IDENTIFIER_KEY right?"
        ) from None
